"""New identifiers: UUID version 7 (RFC 9562), whose order is the order of making."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

import msgspec
import uuid_utils
from pydantic import BeforeValidator

Ids = Callable[[], UUID]
"""Where new identifiers come from; passed in, so that a test can name its own."""

_LENGTH = len("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return UUID(int=uuid_utils.uuid7().int)


def named_ids(space: UUID) -> Callable[[str], str]:
    """Ids of names in this space, UUIDs of version 5: the same for the same name, however often it is made."""
    of = uuid_utils.UUID(str(space))
    return lambda name: str(uuid_utils.uuid5(of, name))


def written(id_: UUID) -> str:
    """An id's canonical text, at a quarter of what `str` takes for it."""
    text: str = msgspec.to_builtins(id_)
    return text


def parse_id(text: str) -> UUID | None:
    """The UUID that a text names in its canonical form, or None: a text that is no id names nothing."""
    if len(text) != _LENGTH:
        return None
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError:
        return None


def _read(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    parsed = parse_id(value) if isinstance(value, str) else None
    if parsed is None:
        raise ValueError("must be an id, such as 019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")
    return parsed


Id = Annotated[UUID, BeforeValidator(_read)]
"""A pydantic field type: the canonical text on the wire, a UUID inside, in strict bodies too."""
