"""The life of a job: what may happen next, and what it is after that."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from common.clock import to_wire
from common.errors import Conflict
from common.leased import NotReadable, stored
from common.partition import partition_of
from common.position import Applied, Position, decode
from contacts.jobs.job import (
    GAVE_UP,
    KEPT,
    MOST_ATTEMPTS,
    Advance,
    Cancel,
    Command,
    Fail,
    Finish,
    GiveBack,
    Job,
    Status,
    TakeUp,
    Undo,
    Wait,
    decide,
)

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
JOB = Job(id=UUID(int=1), channel="demo", kind="bulkAction", requested_by="kim", requested_at=to_wire(AT))


def a_job(**members: Any) -> Job:
    return structs.replace(JOB, **members)


RUNNING = a_job(status=Status.RUNNING, attempts=1)
DONE = a_job(status=Status.DONE, cursor="z", ended_at=to_wire(AT))


@pytest.mark.parametrize(
    ("given", "when", "then"),
    [
        (JOB, TakeUp(AT), {"status": Status.RUNNING, "attempts": 1}),
        (RUNNING, TakeUp(AT), {"status": Status.RUNNING, "attempts": 2}),
        (a_job(attempts=MOST_ATTEMPTS), TakeUp(AT), {"status": Status.FAILED, "problem": GAVE_UP, "ended_at": to_wire(AT)}),
        (RUNNING, Advance("b", {"changed": 2}, total=5), {"cursor": "b", "counts": {"changed": 2}, "total": 5, "attempts": 0}),
        (RUNNING, GiveBack(failed=True, at=AT), {"status": Status.WAITING, "attempts": 1}),
        (RUNNING, GiveBack(failed=False, at=AT), {"status": Status.WAITING, "attempts": 0}),
        (
            a_job(status=Status.RUNNING, attempts=MOST_ATTEMPTS),
            GiveBack(failed=True, at=AT),
            {"status": Status.FAILED, "problem": GAVE_UP, "ended_at": to_wire(AT)},
        ),
        (
            a_job(status=Status.RUNNING, attempts=MOST_ATTEMPTS, waits=500),
            Wait(AT),
            {"status": Status.WAITING, "attempts": MOST_ATTEMPTS - 1, "waits": 501, "cursor": None},
        ),
        (a_job(status=Status.RUNNING, attempts=1, waits=3), Advance("b"), {"attempts": 0, "waits": 0}),
        (a_job(waits=3), Cancel(AT), {"status": Status.CANCELLED, "ended_at": to_wire(AT)}),
        (RUNNING, Fail("no", AT), {"status": Status.FAILED, "problem": "no", "ended_at": to_wire(AT)}),
        (RUNNING, Finish(AT), {"status": Status.DONE, "ended_at": to_wire(AT)}),
        (RUNNING, Cancel(AT), {"status": Status.CANCELLED, "ended_at": to_wire(AT)}),
        (JOB, Cancel(AT), {"status": Status.CANCELLED, "ended_at": to_wire(AT)}),
        (DONE, Undo("lee", AT), {"status": Status.WAITING, "undoing": True, "cursor": None, "ended_at": None}),
        (
            a_job(status=Status.CANCELLED, cursor="c"),
            Undo("lee", AT),
            {"status": Status.WAITING, "undoing": True, "cursor": None},
        ),
        (a_job(status=Status.RUNNING, undoing=True), Finish(AT), {"status": Status.UNDONE, "ended_at": to_wire(AT)}),
        (
            a_job(status=Status.FAILED, undoing=True, cursor="c", problem="no"),
            Undo("lee", AT),
            {"status": Status.WAITING, "cursor": "c", "problem": None},
        ),
    ],
)
def test_what_follows(given: Job, when: Command, then: dict[str, Any]) -> None:
    after = decide(given, when)
    assert after.version == given.version + 1
    assert {name: getattr(after, name) for name in then} == then


@pytest.mark.parametrize(
    ("given", "when", "code"),
    [
        (DONE, Cancel(AT), "notCancellable"),
        (a_job(status=Status.CANCELLED), Cancel(AT), "notCancellable"),
        (a_job(status=Status.RUNNING, undoing=True), Cancel(AT), "notCancellable"),
        (JOB, Undo("lee", AT), "notUndoable"),
        (RUNNING, Undo("lee", AT), "notUndoable"),
        (DONE, Undo("lee", AT + KEPT), "notUndoable"),
        (a_job(status=Status.UNDONE, undoing=True), Undo("lee", AT), "alreadyUndone"),
        (a_job(status=Status.RUNNING, undoing=True), Undo("lee", AT), "alreadyUndone"),
        (DONE, Advance("c"), "ended"),
        (a_job(status=Status.CANCELLED), Finish(AT), "ended"),
        (a_job(status=Status.CANCELLED), TakeUp(AT), "ended"),
    ],
)
def test_what_is_refused(given: Job, when: Command, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        decide(given, when)
    assert refused.value.code == code
    assert refused.value.extra["jobStatus"] == given.status


@pytest.mark.parametrize(
    ("job", "choosing"),
    [
        (JOB, True),
        (RUNNING, True),
        (a_job(status=Status.RUNNING, cursor=""), False),
        (a_job(status=Status.CANCELLED), False),
        (a_job(status=Status.FAILED), False),
        (a_job(status=Status.WAITING, undoing=True), False),
    ],
)
def test_it_is_chosen_until_there_is_a_cursor_or_an_end(job: Job, choosing: bool) -> None:
    assert job.choosing is choosing


def test_counts_grow_by_what_each_piece_adds() -> None:
    job = decide(decide(RUNNING, Advance("b", {"changed": 2, "failed": 1})), Advance("c", {"changed": 3, "unchanged": 4}))
    assert job.counts == {"changed": 5, "failed": 1, "unchanged": 4}


def test_the_position_names_the_last_write_of_every_partition() -> None:
    first, second, third = (Applied("contact", str(UUID(int=n)), version) for n, version in ((1, 7), (1, 8), (2, 3)))
    job = decide(RUNNING, Advance("b", position=Position((first, third))))
    job = decide(decide(job, Advance("c")), Advance("d", position=Position((second,))))
    assert job.position is not None
    expected = {partition_of(f"demo/{e.id}"): e for e in (third, second)}
    assert set(decode(job.position, "demo").entries) == set(expected.values())


@pytest.mark.parametrize(
    "of_another",
    [{"status": "paused"}, {"requestedAt": "yesterday"}, {"endedAt": "2026-11-24T03:00:00Z"}, {"counts": [1]}, {"id": None}],
)
def test_a_state_that_cannot_be_read_is_told_by_its_row_alone(of_another: dict[str, Any]) -> None:
    assert stored(Job, JOB.id, JOB.members()) == JOB
    with capture_logs() as logs, pytest.raises(NotReadable):
        stored(Job, JOB.id, JOB.members() | of_another)
    assert [(entry["event"], entry["kind"], entry["id"]) for entry in logs] == [
        ("a stored state cannot be read", "Job", str(JOB.id))
    ]
