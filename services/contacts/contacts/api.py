"""The routes of contacts and visits."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from common import idempotency, query
from common.answers import ETAG, POSITION, ShownContact, answers, contact_shown
from common.auth import Caller
from common.clock import Instant
from common.cursor import Listed
from common.events.contacts import Contact
from common.given import Given
from common.http import At, Cursor, IfMatch, Limit, Page, Wire, json_response, part, permit, router, where_written
from common.ids import Id, parse_id
from common.shapes import Like
from contacts.answers import BatchResults, HistoryItem, Identified, ReadContacts, TakenVisit, WrittenContact
from contacts.bodies import ContactToChange, ContactToMake, ContactToUpsert, MemberOfBatch
from contacts.contact import etag, no_contact
from contacts.fields.queries import Queries as FieldQueries
from contacts.handlers import Contacts, Written
from contacts.identifying import only_identifies
from contacts.inbox import in_the_inbox
from contacts.member_path import member_of
from contacts.queries import Queries

MOST_ROWS, MOST_READ = 1000, 100

Reader = Annotated[Caller, Depends(permit("contacts.read"))]
Editor = Annotated[Caller, Depends(permit("contacts.edit"))]
Identifier = Annotated[Caller, Depends(permit("contacts.edit", "contacts.identify"))]

Commands = Annotated[Contacts, Depends(part(Contacts))]
Reads = Annotated[Queries, Depends(part(Queries))]
Fields = Annotated[FieldQueries, Depends(part(FieldQueries))]

routes = router("/v1", tags=["Contacts"])

# 200 is also what a browser key gets, whose answer is another.
_UPSERTED = answers(WrittenContact, 201, headers=ETAG | POSITION) | {
    200: {"model": WrittenContact | Identified, "headers": {**ETAG, **POSITION}}
}


class Wanted(Wire):
    """Contacts to be read, as they are or as they were at an instant."""

    ids: list[Id] = Field(max_length=MOST_READ)
    at: Annotated[Instant | None, Given()] = None


Upsert = Annotated[dict[str, Any], Like(ContactToUpsert)]
Lead = Annotated[dict[str, Any], Like(ContactToMake)]
Change = Annotated[dict[str, Any], Like(ContactToChange)]


class Batch(Wire):
    """Upserts with their `memberId`."""

    contacts: list[Annotated[Any, Like(MemberOfBatch)]] = Field(max_length=MOST_ROWS)


def answer(written: Written) -> Response:
    """The whole contact with its ETag and position."""
    idempotency.concerns(written.contact.id)
    headers = {"ETag": etag(written.contact)} | where_written(written.position)
    missed = [each.members() for each in written.not_written]
    shown = contact_shown(written.contact) | ({"notWritten": missed} if missed else {})
    return json_response(shown, 201 if written.created else 200, headers)


def _listed(page: Listed) -> Response:
    return json_response({"items": page.items, "next": page.next})


async def known(contact_id: str, channel: str, reads: Queries) -> Contact:
    """The contact that a path names, by id or `@memberId`. Raises NotFound, Gone."""
    if contact_id.startswith("@"):
        return await reads.member(channel, member_of(contact_id[1:]))
    parsed = parse_id(contact_id)
    if parsed is None:
        raise no_contact()
    return await reads.contact(channel, parsed)


async def readable(contact_id: str, caller: Reader, reads: Reads) -> Contact:
    """The contact that a reader's path names. Raises NotFound."""
    return await known(contact_id, caller.channel, reads)


async def editable(contact_id: str, caller: Editor, reads: Reads) -> Contact:
    """The contact that an editor's path names. Raises NotFound."""
    return await known(contact_id, caller.channel, reads)


Readable = Annotated[Contact, Depends(readable)]
Editable = Annotated[Contact, Depends(editable)]


@routes.put("/contacts/@{member_id:path}", status_code=201, responses=_UPSERTED)
async def upsert_contact(member_id: str, caller: Identifier, body: Upsert, commands: Commands, expected: IfMatch) -> Response:
    """Make or change a member; what is not named stays. `leadId` is who this was until now: it becomes or merges.

    A browser key does this without seeing the contact: it gets 200 and the `memberId` that it sent, whether or not it was there.
    """
    named = member_of(member_id)
    if only_identifies(caller):
        await commands.identify(caller, named, body, expected)
        return json_response({"memberId": named})
    return answer(await commands.upsert(caller, named, body, expected))


@routes.post("/contacts", status_code=201, responses=answers(WrittenContact, 201, headers=ETAG | POSITION))
async def create_lead(caller: Editor, body: Lead, commands: Commands) -> Response:
    """Make a lead."""
    return answer(await commands.create_lead(caller, body))


@routes.post("/contacts/batch", responses=answers(BatchResults, headers=POSITION))
async def upsert_contacts(caller: Editor, body: Batch, commands: Commands) -> Response:
    """Upsert up to 1,000 members in their order; each row has its own result.

    Those of very large contacts are written part by part. After a 5xx the first may be there: send all again, which is harmless.
    """
    results, where = await commands.batch(caller, body.contacts)
    shown: list[dict[str, Any]] = []
    for result in results:
        if result.problem is not None:
            shown.append({"index": result.index, "status": int(result.problem.status), "id": None, "version": None,
                          "problem": result.problem.body()})  # fmt: skip
        elif result.contact is not None:
            status = 201 if result.created else 200
            row = {"index": result.index, "status": status, "id": str(result.contact.id), "version": result.contact.version}
            missed = [each.members() for each in result.not_written]
            shown.append(row | ({"notWritten": missed} if missed else {}))
    return json_response({"results": shown}, headers=where_written(where))


@routes.get("/contacts/{contact_id:path}/history", responses=answers(Page[HistoryItem]))
async def list_contact_history(
    contact_id: str,
    contact: Readable,
    caller: Reader,
    reads: Reads,
    limit: Limit = 100,
    cursor: Cursor = None,
    own: Annotated[bool, Query(description="Of a merged id: its own changes, up to the merge.")] = False,
) -> Response:
    """The contact's changes, newest first; a merged id answers with its survivor's, or with its `own`."""
    stream = parse_id(contact_id) if own else None
    return _listed(await reads.history(caller.channel, stream or contact.id, limit, cursor))


@routes.get("/contacts/{contact_id:path}/visits", responses=answers(Page[TakenVisit]))
async def list_contact_visits(
    contact: Readable, caller: Reader, reads: Reads, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The contact's visits and custom events, newest first."""
    return _listed(await reads.visits(caller.channel, contact.id, limit, cursor))


@routes.post("/contacts/read", responses=answers(ReadContacts))
@idempotency.repeatable
async def read_contacts(caller: Reader, body: Wanted, reads: Reads, request: Request) -> Response:
    """Up to 100 contacts in the order of their ids, null for one that is unknown here; a merged id answers with its survivor."""
    if body.at is not None:
        query.not_later(body.at, request.app.state.clock.now(), "at", "/at")
    contacts = await reads.contacts(caller.channel, body.ids, body.at)
    return json_response({"items": [None if each is None else contact_shown(each) for each in contacts]})


View = Annotated[
    Literal["inbox"] | None, Query(description="`inbox`: without the fields that the inbox's customer panel does not show.")
]


@routes.get("/contacts/{contact_id:path}", responses=answers(ShownContact, headers=ETAG))
async def get_contact(
    contact_id: str, contact: Readable, caller: Reader, reads: Reads, fields: Fields, at: At, view: View = None
) -> Response:
    """One contact, by id or `@memberId`; with `at` as it was at that instant.

    With `view=inbox` members are left out, as the fields' `inboxVisible` says.
    """
    seen = contact if at is None else await reads.contact_at(caller.channel, parse_id(contact_id) or contact.id, at)
    shown = contact_shown(seen)
    if view == "inbox":
        shown = in_the_inbox(shown, await fields.fields(caller.channel))
    return json_response(shown, headers={"ETag": etag(seen)})


@routes.patch("/contacts/{contact_id:path}", responses=answers(WrittenContact, headers=ETAG | POSITION))
async def change_contact(contact: Editable, caller: Editor, body: Change, commands: Commands, expected: IfMatch) -> Response:
    """Change some of a contact's fields, if it is still at the version that the caller saw (`If-Match`).

    `expected` compares single values instead, by their keys (`{"profile.memo": null}`), so that a visit meanwhile is no conflict.
    """
    return answer(await commands.change(caller, contact.id, body, expected))


internal = router("/internal")


class Ids(Wire):
    """Contact ids to look up."""

    ids: list[Id] = Field(max_length=1_000_000)


@internal.post("/contacts/resolve")
async def resolve(caller: Reader, body: Ids, reads: Reads) -> Response:
    """Which ids are contacts here that are not hidden, and whom each stands for."""
    there = await reads.survivors(caller.channel, body.ids)
    found = {i: contact.id for i, contact in there.items() if not contact.hidden}
    resolved = [{"id": str(i), "survivor": str(found[i])} for i in body.ids if i in found]
    return json_response({"found": resolved, "missing": [str(i) for i in body.ids if i not in found]})


@internal.get("/sent")
async def sent(caller: Reader, reads: Reads) -> Response:
    """Answers when all that was committed before the call has been handed over to Kafka."""
    await reads.all_sent()
    return json_response({"channel": caller.channel, "sent": True})
