"""The routes of destinations."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Header, Response
from pydantic import Field

from common import cursor as cursors
from common.answers import ETAG, POSITION, answers
from common.auth import Caller
from common.clock import to_wire
from common.given import Given
from common.http import Cursor, IfMatch, Limit, Page, Wire, json_response, part, permit, router, where_written
from common.ids import Id, parse_id
from common.language import Language, language_of
from notify.destinations.answers import DestinationShown, Tested
from notify.destinations.destination import Destination, check_carried, no_destination
from notify.destinations.handlers import Asked, Destinations, turned
from notify.destinations.queries import Queries
from notify.destinations.store import Seen
from notify.kinds.kind import Kind

Manager = Annotated[Caller, Depends(permit("notices.manage"))]
Commands = Annotated[Destinations, Depends(part(Destinations))]
Reads = Annotated[Queries, Depends(part(Queries))]

routes = router("/v1", tags=["Notices"])

_URL = "https to a public host. Of Matrix: the room at its home server, `…/_matrix/client/v3/rooms/!id:server`. A room has none."
_SIGNED = "Of Matrix the access token, of a webhook its signing secret, `whsec_` and 24 to 64 bytes in base64. Never told again."
_SEGMENT = "Whose entering and leaving is told, for the events `segment.entered` and `segment.left`."
Events = Annotated[list[str], Field(max_length=50)]


class NewDestination(Wire):
    """A destination to be made."""

    kind: Literal["room", "slack", "teams", "mattermost", "matrix", "discord", "webhook"]
    url: Annotated[str | None, Field(description=_URL)] = None
    secret: Annotated[str | None, Field(description=_SIGNED)] = None
    events: Events
    segment_id: Annotated[Id | None, Field(description=_SEGMENT)] = None
    language: Annotated[Literal["ko", "en"] | None, Field(description="Of its texts; that of the request by default.")] = None


class DestinationChange(Wire):
    """What is to be another from now on; what is not named stays. Its kind stays."""

    url: Annotated[str | None, Given(), Field(description=_URL)] = None
    secret: Annotated[str | None, Given(), Field(description=_SIGNED)] = None
    events: Annotated[Events | None, Given()] = None
    segment_id: Annotated[Id | None, Field(description=f"{_SEGMENT} Null takes it away.")] = None
    language: Annotated[Literal["ko", "en"] | None, Given()] = None
    state: Annotated[Literal["active", "disabled"] | None, Given()] = None


async def existing(destination_id: str, caller: Manager, commands: Commands) -> UUID:
    """The id in a path, after the permission and before the body is looked at. Raises NotFound."""
    known = parse_id(destination_id)
    if known is None:
        raise no_destination()
    await commands.exists(caller, known)
    return known


Existing = Annotated[UUID, Depends(existing)]


def _shown(seen: Seen) -> dict[str, object]:
    d = seen.destination
    return {
        "id": str(d.id), "kind": d.kind, "url": d.url, "events": list(d.events),
        "segmentId": None if d.segment_id is None else str(d.segment_id), "language": d.language,
        "state": "active" if d.active else "disabled", "disabledAt": None if d.disabled_at is None else to_wire(d.disabled_at),
        "disabledBy": d.disabled_by, "problem": d.told_problem, "failures": seen.failures, "lastAnswer": seen.last_answer,
        "createdAt": to_wire(d.created_at), "createdBy": d.created_by, "version": d.version,
    }  # fmt: skip


def _answer(seen: Seen, status: int = 200, *, written: bool = True) -> Response:
    headers = {"ETag": f'"{seen.destination.version}"', **(where_written() if written else {})}
    return json_response(_shown(seen), status, headers)


@routes.get("/destinations", responses=answers(Page[DestinationShown]))
async def list_destinations(caller: Manager, reads: Reads, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List where notices go besides the rooms, in the order of making."""
    after = None if cursor is None else cursors.decode(cursor, cursors.identifier)[0]
    found = await reads.listed(caller, after, limit + 1)
    more = cursors.encode(str(found[limit - 1].destination.id)) if len(found) > limit else None
    return json_response({"items": [_shown(seen) for seen in found[:limit]], "next": more})


@routes.post("/destinations", status_code=201, responses=answers(DestinationShown, 201, headers=ETAG | POSITION))
async def create_destination(
    caller: Manager,
    body: NewDestination,
    commands: Commands,
    accept_language: Annotated[str | None, Header(description="Of the texts, where `language` is left out.")] = None,
) -> Response:
    """Make a destination: from now on it is told of these events.

    It is told at least once of each: a receiver knows one that comes again by its id (`webhook-id`).
    """
    language: Language = body.language or language_of(accept_language)
    asked = Asked(Kind(body.kind), body.url, body.secret, tuple(body.events), body.segment_id, language)
    return _answer(await commands.make(caller, asked), 201)


@routes.get("/destinations/{destination_id}", responses=answers(DestinationShown, headers=ETAG))
async def get_destination(destination: Existing, caller: Manager, reads: Reads) -> Response:
    """Read one destination, and how it goes with it."""
    return _answer(await reads.one(caller, destination), written=False)


@routes.patch("/destinations/{destination_id}", responses=answers(DestinationShown, headers=ETAG | POSITION))
async def change_destination(
    destination: Existing, caller: Manager, body: DestinationChange, commands: Commands, expected: IfMatch
) -> Response:
    """Change some of a destination, or switch it on or off. What was parked is sent again when you ask for that."""
    named = body.model_fields_set

    def change(before: Destination, now: datetime) -> Destination:
        after = replace(
            before,
            url=body.url if "url" in named else before.url,
            secret=body.secret if "secret" in named else before.secret,
            events=tuple(body.events) if body.events is not None else before.events,
            segment_id=body.segment_id if "segment_id" in named else before.segment_id,
            language=body.language or before.language,
        )
        if "secret" not in named:
            check_carried(before, after)
        return after if body.state is None else turned(after, on=body.state == "active", by=caller.subject, now=now)

    return _answer(await commands.change(caller, destination, change, expected))


@routes.delete("/destinations/{destination_id}", status_code=204, responses=answers(None, 204, headers=POSITION))
async def delete_destination(destination: Existing, caller: Manager, commands: Commands, expected: IfMatch) -> Response:
    """Delete a destination, and what is on its way to it."""
    await commands.delete(caller, destination, expected)
    return Response(status_code=204, headers=where_written())


@routes.post("/destinations/{destination_id}/test", responses=answers(Tested, headers=POSITION))
async def test_destination(destination: Existing, caller: Manager, commands: Commands) -> Response:
    """Send a test message now, and see what came back; switched off or not."""
    delivered, answer = await commands.test(caller, destination)
    return json_response({"delivered": delivered, "answer": answer}, headers=where_written())


internal = router("/internal")


class Segments(Wire):
    """Segments by id."""

    ids: list[Id]


@internal.post("/destinations/of-segments")
async def destinations_of_segments(caller: Manager, body: Segments, reads: Reads) -> Response:
    """Whoever shows a segment asks which destinations are told of it: where each is and whether it is on, no address."""
    return json_response({"items": await reads.told_of(caller, body.ids)})
