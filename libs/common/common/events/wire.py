"""What every published body shares: frozen, camelCase on the wire, tolerant of members added later."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from common.envelope import Delivered, UnreadableMessage

B = TypeVar("B", bound="Body")


class Body(BaseModel):
    """A published value. Members are added with defaults, never renamed or dropped; unknown ones are ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    def encode(self) -> bytes:
        """JSON as it goes on the wire."""
        return self.model_dump_json(by_alias=True).encode()

    def members(self) -> dict[str, Any]:
        """JSON values by wire name."""
        return self.model_dump(mode="json", by_alias=True)


def read(kind: type[B], message: Delivered) -> B:
    """The message's value as that kind. Raises UnreadableMessage, naming the first place at fault and no value."""
    if message.value is None:
        raise UnreadableMessage("a value is missing where a tombstone has no meaning")
    try:
        return kind.model_validate_json(message.value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = "/".join(str(part) for part in first["loc"])
        raise UnreadableMessage(f"{kind.__name__}: {place}: {first['type']}") from None
