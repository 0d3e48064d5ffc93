"""The routes of deliveries."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Response

from common import cursor as cursors
from common.answers import POSITION, answers
from common.auth import Caller
from common.clock import to_wire
from common.errors import NotFound
from common.http import Cursor, Limit, Page, Wire, json_response, part, permit, router, where_written
from common.ids import Id, parse_id
from notify.deliveries.answers import DeliveryShown, Resent
from notify.deliveries.delivery import Status
from notify.deliveries.handlers import Deliveries
from notify.deliveries.queries import Queries
from notify.deliveries.store import Shown

Manager = Annotated[Caller, Depends(permit("notices.manage"))]
Commands = Annotated[Deliveries, Depends(part(Deliveries))]

routes = router("/v1", tags=["Notices"])


class Resending(Wire):
    """Whose parked notices are to be sent again."""

    destination_id: Id


def _shown(found: Shown) -> dict[str, object]:
    d = found.delivery
    return {
        "id": str(d.id), "destinationId": str(found.destination_id), "event": d.announcement.event, "at": to_wire(d.at),
        "status": d.status, "attempts": d.attempts, "nextAt": None if d.next_at is None else to_wire(d.next_at),
        "lastAnswer": d.last_answer,
    }  # fmt: skip


def _delivery(delivery_id: str, _: Manager) -> UUID:
    known = parse_id(delivery_id)
    if known is None:
        raise NotFound("There is no such delivery.")
    return known


@routes.get("/deliveries", responses=answers(Page[DeliveryShown]))
async def list_deliveries(
    caller: Manager,
    reads: Annotated[Queries, Depends(part(Queries))],
    status: Literal["waiting", "delivered", "parked"] | None = None,
    destination: Annotated[str | None, Query(description="The id of a destination: what goes there alone.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List what is on its way to destinations, arrived there, or parked, newest first; what has ended is kept for 30 days."""
    known = None if destination is None else parse_id(destination)
    if destination is not None and known is None:
        return json_response({"items": [], "next": None})
    before = None if cursor is None else cursors.decode(cursor, cursors.identifier)[0]
    found = await reads.listed(caller, None if status is None else Status(status), known, before, limit + 1)
    more = cursors.encode(str(found[limit - 1].delivery.id)) if len(found) > limit else None
    return json_response({"items": [_shown(each) for each in found[:limit]], "next": more})


@routes.post("/deliveries/resend", status_code=202, responses=answers(Resent, 202, headers=POSITION))
async def resend_deliveries(caller: Manager, body: Resending, commands: Commands) -> Response:
    """Send all that is parked for a destination again; each is tried for a day anew."""
    return json_response({"count": await commands.resend_all(caller, body.destination_id)}, 202, where_written())


@routes.post("/deliveries/{delivery_id}/resend", status_code=202, responses=answers(DeliveryShown, 202, headers=POSITION))
async def resend_delivery(delivery: Annotated[UUID, Depends(_delivery)], caller: Manager, commands: Commands) -> Response:
    """Send one that is parked again; it is tried for a day anew."""
    return json_response(_shown(await commands.resend(caller, delivery)), 202, where_written())
