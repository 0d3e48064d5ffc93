"""What a comparison answers."""

from typing import Annotated

from pydantic import Field

from common.clock import Instant
from common.http import Wire
from segments.answers import Member


class Comparison(Wire):
    """How many were in at the first of two instants alone, at both, at the second alone, and a page of those asked for."""

    begin: Annotated[Instant, Field(alias="from")]
    end: Annotated[Instant, Field(alias="to")]
    only_then: int
    both: int
    only_now: int
    items: list[Member]
    next: str | None = None
