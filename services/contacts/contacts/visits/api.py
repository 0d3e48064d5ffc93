"""The route of visits and custom events."""

from typing import Annotated, Any

from fastapi import Depends, Response
from pydantic import Field

from common.answers import POSITION, answers
from common.auth import Caller
from common.http import Wire, json_response, part, permit, router, where_written
from common.shapes import Like
from contacts.bodies import VisitToRecord
from contacts.identifying import only_identifies
from contacts.visits.answers import VisitsTaken
from contacts.visits.handlers import Visits

MOST_VISITS = 1000

Sender = Annotated[Caller, Depends(permit("contacts.edit", "visits.write"))]
Commands = Annotated[Visits, Depends(part(Visits))]

routes = router("/v1", tags=["Visits"])


class Reports(Wire):
    """Visits and custom events."""

    visits: list[Annotated[Any, Like(VisitToRecord)]] = Field(max_length=MOST_VISITS)


@routes.post("/visits", status_code=202, responses=answers(VisitsTaken, 202, headers=POSITION))
async def record_visits(caller: Sender, body: Reports, commands: Commands) -> Response:
    """Take in up to 1,000 visits and custom events; each id counts once in a channel.

    Those of very large contacts are written part by part. After a 5xx the first may be there: send all again, which is harmless.
    """
    taken = await commands.record(caller, body.visits)
    shown = {
        "accepted": taken.accepted,
        "duplicates": taken.duplicates,
        "rejected": [{"index": index, "problem": problem.body()} for index, problem in taken.rejected],
    }
    # A position names contacts and versions, and whoever may only identify is told nothing of whom it writes.
    return json_response(shown, 202, None if only_identifies(caller) else where_written(taken.position))
