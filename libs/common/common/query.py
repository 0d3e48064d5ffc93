"""What may stand behind the question mark of an address: the parameters that its route declares, each once and readable."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from pydantic import BeforeValidator

from common.clock import Instant, from_wire, to_wire
from common.errors import Unprocessable
from common.text_rules import allowed


def declared(route: Dependant) -> frozenset[str]:
    """The names of all query parameters that a route or one of its dependencies reads."""
    return frozenset(field.alias for field in get_flat_params(route) if isinstance(field.field_info, Query))


def refusal(sent: Iterable[tuple[str, str]], known: frozenset[str]) -> Unprocessable | None:
    """What is wrong with these parameters: one that is unknown or there twice, or holds what no text of a body may hold."""
    seen: set[str] = set()
    for place, (name, value) in enumerate(sent, 1):
        if name not in known:
            there = f"It has: {', '.join(f'`{each}`' for each in sorted(known))}." if known else "It has none."
            return Unprocessable(
                f"Query parameter number {place} is unknown at this address. {there}",
                code="unknownParameter",
                extra={"parameter": name, "known": sorted(known)},
            )
        if name in seen:
            return Unprocessable(
                f"Query parameter number {place} is there twice. Send it once.",
                code="repeatedParameter",
                extra={"parameter": name},
            )
        if not allowed(value):
            return Unprocessable(
                f"Query parameter number {place} holds a character that is not allowed (NUL, a control character or "
                "a noncharacter). Remove it.",
                code="badCharacter",
                extra={"parameter": name},
            )
        seen.add(name)
    return None


def unescaped(value: object) -> object:
    """A plus sign that was not escaped arrives as a blank: no instant has one."""
    return value.replace(" ", "+") if isinstance(value, str) else value


InstantAsked = Annotated[Instant, BeforeValidator(unescaped)]
"""An instant as a query parameter."""


def instant(text: str, parameter: str) -> datetime:
    """The instant that a parameter names. Raises Unprocessable."""
    try:
        return from_wire(str(unescaped(text)))
    except ValueError as error:
        words = f"`{parameter}`: This {error}."
        raise Unprocessable(words, code="invalid", extra={"parameter": parameter}) from None


def not_later(at: datetime, now: datetime, parameter: str, pointer: str | None = None) -> datetime:
    """The instant, if it is not later than now: what will be is not known. `pointer` is its place in a body.

    Raises Unprocessable.
    """
    if at > now:
        raise Unprocessable(
            f"`{parameter}` is later than now. Ask for an instant that is past.",
            code="inFuture",
            pointer=pointer,
            extra={"parameter": parameter, "now": to_wire(now)},
        )
    return at
