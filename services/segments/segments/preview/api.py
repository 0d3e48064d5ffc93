"""The route that tells what a filter would do, before it is saved."""

from typing import Annotated

from fastapi import Depends, Request

from common import http, idempotency
from common.given import Given
from common.http import AwaitedPosition, Wire, part
from common.ids import Id
from common.shapes import FilterAsked
from segments.api import Manager, Using, caught_up
from segments.preview.answers import Previewed
from segments.preview.queries import Previews

router = http.router("/v1/segments", tags=["Segments"])


class FilterToTry(Wire):
    """A filter, and the segment that it might become the filter of; without `id`, of a new one."""

    id: Annotated[Id | None, Given()] = None
    filter: FilterAsked


@router.post("/preview")
@idempotency.repeatable
async def preview_segment(
    body: FilterToTry,
    request: Request,
    caller: Manager,
    parts: Using,
    previews: Annotated[Previews, Depends(part(Previews))],
    awaited: AwaitedPosition,
) -> Previewed:
    """Count what saving a filter now would do: who would be in, who would enter, who would leave; of one instant, exactly.

    Beside a segment that is being built it is held against its newest definition, beside a broken one against its frozen members.
    """
    await caught_up(parts, caller, awaited)
    found = await previews.preview(caller.channel, body.filter, body.id, request.is_disconnected)
    return Previewed(count=found.count, entering=found.entering, leaving=found.leaving)
