"""The routes of bulk actions."""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Depends, Response
from pydantic import Field, JsonValue, model_validator

from common.answers import POSITION, answers
from common.auth import Caller
from common.errors import Unprocessable
from common.given import Given
from common.http import AwaitedPosition, Cursor, Limit, Page, Wire, json_response, part, permit, router, where_written
from common.ids import Id, parse_id
from common.position import kept
from common.shapes import FilterAsked, Like
from contacts.bodies import ActionToTake
from contacts.bulk.action import Outcome
from contacts.bulk.answers import BulkAction, BulkResult, HowMany
from contacts.bulk.handlers import Ask, BulkActions
from contacts.jobs.job import Job, no_job

MOST_QUERY = 1000

Editor = Annotated[Caller, Depends(permit("contacts.edit"))]
Commands = Annotated[BulkActions, Depends(part(BulkActions))]

routes = router("/v1", tags=["Bulk actions"])


class Target(Wire):
    """Whom it is for: the checked ones, or those of a search that was seen."""

    contact_ids: Annotated[list[Id], Field(min_length=1)] | None = None
    filter: FilterAsked = None
    segment: Annotated[Id | None, Given()] = None
    query: Annotated[str | None, Field(max_length=MOST_QUERY), Given()] = None
    without: Annotated[list[Id] | None, Field(alias="except"), Given()] = None
    fingerprint: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if "contact_ids" in self.model_fields_set and (len(self.model_fields_set) != 1 or self.contact_ids is None):
            # Null is no kind of target: read as "not given" it could mean everyone.
            raise ValueError("must be `contactIds` alone, or what was searched with its `fingerprint`")
        return self

    def asked(self) -> dict[str, Any]:
        """The members that were given, as JSON values; of nulls only the filter's, which is no filter and gets refused."""
        members: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"contact_ids"})
        return {name: value for name, value in members.items() if value is not None or name == "filter"}


class NewBulkAction(Wire):
    """One change for many contacts. With `dryRun` nobody is changed: the answer is for how many it would be."""

    action: Annotated[dict[str, JsonValue], Like(ActionToTake)]
    target: Target
    dry_run: bool = False

    def check_seen(self) -> None:
        """Raises Unprocessable where nobody has seen whom a change is for."""
        if self.target.contact_ids is None and self.target.fingerprint is None and not self.dry_run:
            detail = "Send the `fingerprint` that the search answered with; `contactIds` goes without."
            raise Unprocessable(detail, pointer="/target/fingerprint")


async def _answer(job: Job, commands: BulkActions, status: int = 200) -> Response:
    return json_response(await commands.job_shown(job), status, where_written(kept(job.position, job.channel)))


async def existing(job_id: str, caller: Editor, commands: Commands) -> Job:
    """The bulk action that a path names. Raises NotFound."""
    parsed = parse_id(job_id)
    if parsed is None:
        raise no_job()
    return await commands.job(caller.channel, parsed)


Existing = Annotated[Job, Depends(existing)]


@routes.post("/bulk-actions", status_code=202, responses=answers(BulkAction, 202, headers=POSITION) | answers(HowMany))
async def start_bulk_action(caller: Editor, body: NewBulkAction, commands: Commands, awaited: AwaitedPosition) -> Response:
    """Change many contacts in the background; with `dryRun`, 200 and for how many it would be."""
    body.check_seen()
    ids: list[UUID] | None = body.target.contact_ids
    wanted = Ask(body.action, ids, body.target.asked(), awaited)
    if body.dry_run:
        return json_response({"total": await commands.count(caller, wanted)})
    return await _answer(await commands.ask(caller, wanted), commands, 202)


@routes.get("/bulk-actions", responses=answers(Page[BulkAction]))
async def list_bulk_actions(caller: Editor, commands: Commands, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The channel's bulk actions, newest first; each is kept for 30 days."""
    page = await commands.listed(caller.channel, limit, cursor)
    return json_response({"items": page.items, "next": page.next})


@routes.get("/bulk-actions/{job_id}", responses=answers(BulkAction, headers=POSITION))
async def get_bulk_action(job: Existing, commands: Commands) -> Response:
    """One bulk action; `Dangol-Position` stands for all that it has written so far."""
    return await _answer(job, commands)


@routes.get("/bulk-actions/{job_id}/results", responses=answers(Page[BulkResult]))
async def list_bulk_results(
    job: Existing, commands: Commands, status: Outcome | None = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """What became of each contact so far; `undo` is null until it was dealt with in an undo."""
    page = await commands.results(job, status, limit, cursor)
    return json_response({"items": page.items, "next": page.next})


@routes.post("/bulk-actions/{job_id}/cancel", responses=answers(BulkAction, headers=POSITION))
async def cancel_bulk_action(job: Existing, caller: Editor, commands: Commands) -> Response:
    """Stop it where it is; what it has changed stays, and can be undone."""
    return await _answer(await commands.cancel(caller, job.id), commands)


@routes.post("/bulk-actions/{job_id}/undo", status_code=202, responses=answers(BulkAction, 202, headers=POSITION))
async def undo_bulk_action(job: Existing, caller: Editor, commands: Commands) -> Response:
    """Bring back what was there, in the background; contacts that changed again since are skipped, and say so."""
    return await _answer(await commands.undo(caller, job.id), commands, 202)
