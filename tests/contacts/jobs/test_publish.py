"""The end of a job is told once, with figures alone."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from common.clock import to_wire
from common.events.contacts import JobMessage
from contacts.bulk import action
from contacts.imports import order
from contacts.jobs.job import Advance, Cancel, Command, Fail, Finish, Job, TakeUp, Undo, decide
from contacts.jobs.publish import ended

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)


def job(kind: str, *commands: Command) -> Job:
    made = Job(id=UUID(int=7), channel="c", kind=kind, requested_by="kim", requested_at=to_wire(AT))
    for command in commands:
        made = decide(made, command)
    return made


DONE: list[Command] = [TakeUp(AT), Advance(3, {"changed": 2, "failed": 1}, 3), Finish(AT)]


@pytest.mark.parametrize(("kind", "type_"), [(order.KIND, "import.done"), (action.KIND, "bulkAction.done")])
def test_the_end_of_an_import_and_of_a_bulk_action_is_told(kind: str, type_: str) -> None:
    message = ended(job(kind, *DONE), {})
    assert message is not None
    assert (message.topic, message.key, message.headers["ce_type"]) == ("jobs.v1", f"c/{UUID(int=7)}", type_)
    assert message.value is not None
    event = JobMessage.decode(message.value).event
    assert (event.status, event.total, event.counts, event.requested_by) == ("done", 3, {"changed": 2, "failed": 1}, "kim")
    again = ended(job(kind, *DONE), {})
    assert again is not None
    assert again.headers["ce_id"] == message.headers["ce_id"]  # one, however often it is made


@pytest.mark.parametrize(
    ("commands", "status", "by"),
    [
        ([TakeUp(AT), Fail("The file cannot be read.", AT)], "failed", "kim"),
        ([Cancel(AT)], "cancelled", "kim"),
        ([*DONE, Undo("lee", AT), TakeUp(AT), Finish(AT)], "undone", "lee"),
    ],
)
def test_how_it_ended_is_told_to_whoever_asked_last(commands: list[Command], status: str, by: str) -> None:
    message = ended(job(action.KIND, *commands), {})
    assert message is not None
    assert message.value is not None
    event = JobMessage.decode(message.value).event
    assert (event.status, event.requested_by) == (status, by)


def test_nothing_is_told_of_one_that_is_under_way_or_that_nobody_waits_for() -> None:
    assert ended(job(order.KIND), {}) is None
    assert ended(job(order.KIND, *DONE[:2]), {}) is None
    assert ended(job(action.KIND, *DONE, Undo("lee", AT)), {}) is None
    assert ended(job("fieldArchived", *DONE), {}) is None
