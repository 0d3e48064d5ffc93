"""The route that tells why a contact is in a segment or not."""

from typing import Annotated

from fastapi import Depends

from common import http, idempotency
from common.answers import answers
from common.clock import Instant
from common.given import Given
from common.http import Wire, part
from common.ids import Id
from common.shapes import Explanation
from segments.api import Readable, Reader, Using
from segments.explaining.queries import Explaining

router = http.router("/v1/segments", tags=["Segments"])


class Why(Wire):
    """The contact to be explained, as it is or as it was at an instant, which is not later than now."""

    contact_id: Id
    at: Annotated[Instant | None, Given()] = None


@router.post("/{segment_id}/explain", response_model=None, responses=answers(Explanation))
@idempotency.repeatable
async def explain_membership(
    segment: Readable, body: Why, parts: Using, caller: Reader, why: Annotated[Explaining, Depends(part(Explaining))]
) -> dict[str, object]:
    """Explain why a contact is in a segment or not: every condition, what it saw, and when the clock will change it.

    With `at` as of then: the contact, the clock and the segments' filters are those of that instant, and `nextChangeAt` is when
    the clock alone would have changed it from there, whatever came instead. An id that was merged since is its own contact until
    then. Fields, country and time zone are those of now.
    """
    known = await parts.queries.contact(caller.channel, body.contact_id)
    return await why.explain(caller.channel, segment.id, body.contact_id, known, body.at)
