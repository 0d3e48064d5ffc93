"""One change for many contacts: what may be asked for, what becomes of each contact, and how it is undone. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue

from common.built_ins import CONSENTS
from common.clock import to_wire
from common.errors import Conflict, Gone, Problem, Unprocessable
from common.events.contacts import Change, Contact, ContactRestored
from common.pointer import escape
from contacts.contact import Write, decide, evolve, read_write
from contacts.jobs.job import Job
from contacts.publish import Step
from contacts.size import check_contact
from contacts.tags import check_apart, check_count

KIND = "bulkAction"
CHOSEN = ""
"""The cursor once it is settled whom the action is for; after that it is the id of the last contact that was dealt with."""
_NO_COUNTRY = ""  # no number is among what an action changes
_MEMBERS = frozenset({"addTags", "removeTags", "set", "blocked"})


class Outcome(StrEnum):
    """What became of one contact."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    UNDONE = "undone"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of one contact; where it changed, which version that made and when its consents had changed before."""

    contact_id: UUID
    outcome: Outcome
    version: int | None = None
    consent_times: Mapping[str, str | None] | None = None
    problem: Problem | None = None
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a bulk action has changed of one contact (`changed_id`, whom its id stood for), and when.

    There is no instant where that is forgotten with the contact.
    """

    contact_id: UUID
    changed_id: UUID
    changes: Sequence[Change]
    at: datetime | None
    consent_times: Mapping[str, str | None]


def cause(job_id: UUID) -> str:
    """How the history names a bulk action."""
    return f"bulkAction:{job_id}"


def undo_cause(job_id: UUID) -> str:
    """How the history names the undo of a bulk action."""
    return f"bulkAction:{job_id}:undo"


def read_action(raw: object) -> Write:
    """Read `action`. Raises Unprocessable."""
    if not isinstance(raw, dict):
        raise Unprocessable("An action must be an object.", code="wrongType", pointer="/action")
    for key in raw.keys() - _MEMBERS:
        raise Unprocessable(
            "An action has `addTags`, `removeTags`, `set` and `blocked`.",
            code="unknownAction",
            pointer=f"/action/{escape(key)}",
        )
    consents = raw.get("set", {})
    if not isinstance(consents, dict):
        raise Unprocessable("This must be an object of consents.", code="wrongType", pointer="/action/set")
    for key, value in consents.items():
        if key not in CONSENTS:
            raise Unprocessable(
                "A bulk action sets `unsubscribeEmail`, `unsubscribeTexting` and `unsubscribeAppPush`.",
                code="unknownField",
                pointer=f"/action/set/{escape(key)}",
            )
        _check_boolean(value, f"/action/set/{key}")
    if "blocked" in raw:
        _check_boolean(raw["blocked"], "/action/blocked")
    write = read_write(consents | {key: raw[key] for key in raw.keys() - {"set"}}, _NO_COUNTRY, "/action")
    if not (write.values or write.add_tags or write.remove_tags):
        raise Unprocessable("Say what to change.", code="emptyAction", pointer="/action")
    check_count(write.add_tags, "/action/addTags")
    check_apart(write.add_tags, raw.get("removeTags", ()), "/action/removeTags")
    return write


def _check_boolean(value: object, pointer: str) -> None:
    if not isinstance(value, bool):
        raise Unprocessable("This must be true or false.", code="wrongType", pointer=pointer)


def act(contact_id: UUID, state: Contact | None, write: Write, at: datetime) -> Acted:
    """What the action makes of one contact; None for the state is a contact that has been erased."""
    refusal = _not_there(state)
    if refusal is not None or state is None:
        return Acted(contact_id, Outcome.FAILED, problem=refusal)
    try:
        event = decide(state, write, {})
    except Unprocessable as problem:
        return Acted(contact_id, Outcome.FAILED, problem=problem)
    if event is None:
        return Acted(contact_id, Outcome.UNCHANGED)
    consents = [f"{c.key}UpdatedAt" for c in event.changes if c.key in CONSENTS]
    members = state.members() if consents else {}
    times = {key: members[key] for key in consents}
    after = evolve(state, event, at)
    return Acted(contact_id, Outcome.CHANGED, after.version, times, step=Step(event, after))


def take_back(state: Contact | None, done: Done, since: Collection[str], at: datetime) -> Acted:
    """Bring back what was there before the action, unless any of it has changed since: `since` are the keys of later changes.

    A value may have gone and come back: whoever set it anew meant it.
    """
    refusal = _not_there(state if done.at is not None else None)
    if refusal is not None or state is None or done.at is None:
        return Acted(done.contact_id, Outcome.SKIPPED, problem=refusal)
    now = state.members()
    left = {change.key: change.to for change in done.changes} | dict.fromkeys(done.consent_times, to_wire(done.at))
    moved = sorted(key for key, value in left.items() if key in since or now[key] != value)
    if moved:
        problem = Conflict("Changed again since; it stays as it is.", code="changedSince", extra={"keys": moved})
        return Acted(done.contact_id, Outcome.SKIPPED, problem=problem)
    before: dict[str, JsonValue] = {change.key: change.from_ for change in done.changes} | dict(done.consent_times)
    event = ContactRestored(changes=[Change(key=key, from_=now[key], to=value) for key, value in before.items()])
    after = evolve(state, event, at)
    try:
        check_contact(state, after, "It would have more again, and stays as it is.", "")
    except Unprocessable as problem:
        return Acted(done.contact_id, Outcome.SKIPPED, problem=problem)
    return Acted(done.contact_id, Outcome.UNDONE, after.version, step=Step(event, after))


def _not_there(state: Contact | None) -> Problem | None:
    if state is None:
        return Gone("This contact has been erased.", code="erased")
    if state.merged_into is not None:
        return Conflict("This contact is part of another by now.", code="merged", extra={"survivor": str(state.merged_into)})
    return None


def job_shown(job: Job, action: JsonValue) -> dict[str, JsonValue]:
    """The job as the API shows it, with what it does; `undo` tells of the taking back, once it was asked for."""
    members = job.members()
    counts = {outcome.value: job.counts.get(outcome, 0) for outcome in Outcome}
    acted = counts["changed"] + counts["unchanged"] + counts["failed"]
    back = counts["undone"] + counts["skipped"]
    undo: JsonValue = None
    if job.undoing:
        undo = {"total": counts["changed"], "done": back, "undone": counts["undone"], "skipped": counts["skipped"]}
    return {
        "id": members["id"], "action": action, "status": members["status"], "total": job.total, "done": acted,
        "changed": counts["changed"], "unchanged": counts["unchanged"], "failed": counts["failed"], "undo": undo,
        "requestedBy": job.requested_by, "requestedAt": members["requestedAt"], "endedAt": members["endedAt"],
        "problem": job.problem,
    }  # fmt: skip
