"""The life of an export: what may follow what, by tables; and by random lives, that its state is the fold of its events."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from common.clock import from_wire, to_wire
from common.errors import Conflict, Forbidden, Gone, Problem
from exports.approval import Approve, AskApproval, Decline
from exports.events import (
    ApprovalAsked,
    Approved,
    Cancelled,
    Column,
    Completed,
    Counted,
    Declined,
    Downloaded,
    Event,
    Expired,
    Failed,
    Manifest,
    Progressed,
    PutBack,
    Requested,
    Revoked,
    Scope,
    TakenUp,
    Withdrawn,
    Written,
)
from exports.export import (
    IN_WORK,
    KEPT,
    MOST_ATTEMPTS,
    MOST_ROWS,
    Cancel,
    Command,
    Complete,
    Count,
    Download,
    Expire,
    Export,
    Fail,
    Finish,
    GiveBack,
    Progress,
    Revoke,
    Status,
    TakeUp,
    Wait,
    Withdraw,
    decide,
    evolve,
    fold,
)
from exports.said import AGAIN, AWAY, UNANSWERED, Said

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
ID = UUID("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")
NO = Said("no", "안 됨")
REQUESTED = Requested(
    id=ID, channel="c", at=to_wire(AT), by="kim", reason="a greeting", scope=Scope(kind="all"),
    columns=[Column(key="id", type="String", heading="id")], time_zone="Asia/Seoul",
)  # fmt: skip


def read(json: bytes) -> Event:
    event: Event = msgspec.json.decode(json, type=Event)
    return event


def manifest(rows: int) -> Manifest:
    return Manifest(rows=rows, columns=["id"], instant=to_wire(AT), bytes=9, file_sha256="f", ids_sha256="i")


def completed(rows: int) -> Completed:
    return Completed(at=to_wire(AT), expires_at=to_wire(AT + KEPT), manifest=manifest(rows))


WAITING: list[Event] = [REQUESTED]
COUNTING = [*WAITING, TakenUp(attempt=1)]
WRITING = [*COUNTING, Counted(total=3)]
VERIFYING = [*WRITING, Written(rows=3)]
READY = [*VERIFYING, completed(3)]
FAILED = [*COUNTING, Failed(problem="no")]
CANCELLED = [*WRITING, Cancelled()]
EXPIRED = [*READY, Expired()]
REVOKED = [*READY, Revoked()]
WITHDRAWN_ = [*READY, Withdrawn()]
ALLOWED_ONLY: list[Event] = [msgspec.structs.replace(REQUESTED, approval_rows=2)]
AWAITING = [*ALLOWED_ONLY, ApprovalAsked(rows=3)]
APPROVED = [*AWAITING, Approved(by="lee", at=to_wire(AT))]
MANY_APPROVED = [*ALLOWED_ONLY, ApprovalAsked(rows=100), Approved(by="lee", at=to_wire(AT))]
DECLINED = [*AWAITING, Declined(by="lee", at=to_wire(AT), reason="Ask for fewer.")]
LIVES = {
    Status.WAITING: WAITING, Status.COUNTING: COUNTING, Status.WRITING: WRITING, Status.VERIFYING: VERIFYING,
    Status.READY: READY, Status.FAILED: FAILED, Status.CANCELLED: CANCELLED, Status.EXPIRED: EXPIRED, Status.REVOKED: REVOKED,
    Status.WITHDRAWN: WITHDRAWN_, Status.AWAITING_APPROVAL: AWAITING, Status.DECLINED: DECLINED,
}  # fmt: skip
ENDED = [status for status in LIVES if status not in IN_WORK and status is not Status.AWAITING_APPROVAL]


def after(events: Sequence[Event]) -> Export:
    export = fold(events)
    assert export is not None
    return export


@pytest.mark.parametrize("status", LIVES)
def test_each_life_ends_in_its_status(status: Status) -> None:
    assert after(LIVES[status]).status is status
    assert after(LIVES[status]).version == len(LIVES[status])


@pytest.mark.parametrize(
    ("given", "when", "then"),
    [
        (WAITING, TakeUp(), [TakenUp(attempt=1)]),
        (WRITING, TakeUp(), [TakenUp(attempt=2)]),
        (COUNTING, Count(3), [Counted(total=3)]),
        (COUNTING, Count(0), [Counted(total=0)]),
        (COUNTING, Count(MOST_ROWS), [Counted(total=MOST_ROWS)]),
        (WRITING, Progress(2), [Progressed(rows=2)]),
        (WRITING, Progress(0), []),
        (WRITING, Finish(3), [Written(rows=3)]),
        (VERIFYING, Complete(manifest(3), AT), [completed(3)]),
        (WRITING, GiveBack(), [PutBack(problem=AGAIN.english, problem_ko=AGAIN.korean)]),
        (WRITING, Wait(), [PutBack(spared=True)]),
        (WRITING, Wait(AWAY), [PutBack(spared=True, problem=AWAY.english, problem_ko=AWAY.korean)]),
        (WRITING, Fail(NO), [Failed(problem="no", problem_ko="안 됨")]),
        (WAITING, Cancel(), [Cancelled()]),
        (VERIFYING, Cancel(), [Cancelled()]),
        (READY, Revoke("eye"), [Revoked(by="eye")]),
        (READY, Withdraw(), [Withdrawn()]),
        (WRITING, Withdraw(), []),
        (EXPIRED, Withdraw(), []),
        (REVOKED, Withdraw(), []),
        (WITHDRAWN_, Withdraw(), []),
        (WITHDRAWN_, Expire(AT + KEPT), []),
        (READY, Download("kim", AT), [Downloaded()]),
        (READY, Download("kim", AT + KEPT - timedelta(milliseconds=1)), [Downloaded()]),
        (READY, Expire(AT + KEPT - timedelta(milliseconds=1)), []),
        (READY, Expire(AT + KEPT), [Expired()]),
        (WRITING, Expire(AT + KEPT), []),
        (WAITING, AskApproval(1_000_000), []),
        (ALLOWED_ONLY, AskApproval(2), []),
        (ALLOWED_ONLY, AskApproval(3), [ApprovalAsked(rows=3)]),
        ([*ALLOWED_ONLY, TakenUp(attempt=1)], Count(2), [Counted(total=2)]),
        ([*ALLOWED_ONLY, TakenUp(attempt=1)], Count(3), [ApprovalAsked(rows=3)]),  # more have come since it was asked for
        ([*APPROVED, TakenUp(attempt=1)], Count(3), [Counted(total=3)]),
        ([*APPROVED, TakenUp(attempt=1)], Count(2), [Counted(total=2)]),
        # What the other manager allowed was for three.
        ([*APPROVED, TakenUp(attempt=1)], Count(4), [ApprovalAsked(rows=4)]),
        ([*MANY_APPROVED, TakenUp(attempt=1)], Count(110), [Counted(total=110)]),
        ([*MANY_APPROVED, TakenUp(attempt=1)], Count(111), [ApprovalAsked(rows=111)]),
        (AWAITING, Approve("lee", AT), [Approved(by="lee", at=to_wire(AT))]),
        (AWAITING, Decline("lee", AT, None), [Declined(by="lee", at=to_wire(AT))]),
        (AWAITING, Cancel(), [Cancelled()]),
        (AWAITING, Expire(AT + KEPT - timedelta(milliseconds=1)), []),
        (AWAITING, Expire(AT + KEPT), [Failed(problem=UNANSWERED.english, problem_ko=UNANSWERED.korean)]),
        (APPROVED, TakeUp(), [TakenUp(attempt=1)]),
        (EXPIRED, Expire(AT + KEPT), []),
        (REVOKED, Expire(AT + KEPT), []),
    ],
)
def test_what_may_happen_happens(given: list[Event], when: Command, then: list[Event]) -> None:
    assert decide(after(given), when) == then


@pytest.mark.parametrize(
    ("given", "when", "kind", "code"),
    [
        *((LIVES[status], Cancel(), Conflict, "notCancellable") for status in ENDED),
        *((LIVES[status], Revoke("eye"), Conflict, "notRevocable") for status in LIVES if status is not Status.READY),
        *((LIVES[status], TakeUp(), Conflict, "ended") for status in ENDED),
        *((LIVES[status], Progress(1), Conflict, "ended") for status in ENDED),
        *((LIVES[status], Fail(NO), Conflict, "ended") for status in ENDED),
        *((LIVES[status], Download("kim", AT), Conflict, "notReady") for status in [*IN_WORK, Status.FAILED, Status.CANCELLED]),
        *(
            (LIVES[status], Approve("lee", AT), Conflict, "notAwaitingApproval")
            for status in LIVES
            if LIVES[status] is not AWAITING
        ),
        (DECLINED, Decline("lee", AT, None), Conflict, "notAwaitingApproval"),
        (AWAITING, Approve("kim", AT), Forbidden, "ownExport"),
        (AWAITING, Decline("kim", AT, None), Forbidden, "ownExport"),
        (READY, Approve("kim", AT), Forbidden, "ownExport"),
        (AWAITING, TakeUp(), Conflict, "ended"),
        (AWAITING, Download("kim", AT), Conflict, "notReady"),
        (DECLINED, Download("kim", AT), Conflict, "notReady"),
        (WRITING, Finish(2), Conflict, "incomplete"),
        (WRITING, Complete(manifest(3), AT), Conflict, "incomplete"),
        (VERIFYING, Complete(manifest(2), AT), Conflict, "incomplete"),
        (READY, Download("lee", AT), Forbidden, "forbidden"),
        (EXPIRED, Download("lee", AT), Forbidden, "forbidden"),
        (EXPIRED, Download("kim", AT), Gone, "gone"),
        (WITHDRAWN_, Download("kim", AT), Gone, "withdrawn"),
        (WITHDRAWN_, Download("lee", AT), Forbidden, "forbidden"),
        (REVOKED, Download("kim", AT), Gone, "gone"),
        (READY, Download("kim", AT + KEPT), Gone, "gone"),
    ],
)
def test_what_may_not_happen_is_refused(given: list[Event], when: Command, kind: type[Problem], code: str) -> None:
    with pytest.raises(kind) as refusal:
        decide(after(given), when)
    assert type(refusal.value) is kind
    assert refusal.value.code == code
    if kind is Conflict and not isinstance(when, Finish | Complete):
        assert refusal.value.extra == {"exportStatus": after(given).status}


@pytest.mark.parametrize(
    ("given", "now", "words", "status"),
    [
        (EXPIRED, AT, "its seven days are over", "expired"),
        (READY, AT + KEPT, "its seven days are over", "expired"),
        (REVOKED, AT, "it was revoked", "revoked"),
        (WITHDRAWN_, AT, "A contact in this file was erased", "withdrawn"),
        (FAILED, AT, "This export failed and has no file. no", "failed"),
        (CANCELLED, AT, "was cancelled", "cancelled"),
        (VERIFYING, AT, "not ready yet", "verifying"),
        (AWAITING, AT, "has to approve", "awaitingApproval"),
        (DECLINED, AT, "declined this export", "declined"),
    ],
)
def test_a_download_tells_why_there_is_no_file(given: list[Event], now: datetime, words: str, status: str) -> None:
    with pytest.raises(Problem, match=words) as refusal:
        decide(after(given), Download("kim", now))
    assert refusal.value.extra == {"exportStatus": status}


def test_a_withdrawal_that_was_told_as_an_expiry_is_one() -> None:
    old = read(b'{"type":"export.expired","problem":"A contact in it was erased."}')
    export = after([*READY, old])
    assert (export.status, export.problem) == (Status.WITHDRAWN, "A contact in it was erased.")


def test_more_rows_than_a_file_takes_end_it_with_the_count_and_nothing_is_cut_short() -> None:
    [event] = decide(after(COUNTING), Count(MOST_ROWS + 1))
    assert isinstance(event, Failed)
    assert "1,000,001 contacts match" in event.problem
    assert "1,000,001명" in (event.problem_ko or "")


def test_an_attempt_begins_its_rows_anew() -> None:
    export = after([*WRITING, Progressed(rows=2), TakenUp(attempt=2)])
    assert (export.status, export.rows_done, export.rows_total, export.attempts) == (Status.COUNTING, 0, None, 2)
    put_back = after([*WRITING, Progressed(rows=2), PutBack()])
    assert (put_back.status, put_back.rows_done, put_back.rows_total) == (Status.WAITING, 0, None)


COMMANDS: list[Command] = [
    TakeUp(), GiveBack(), Wait(), Wait(AWAY), Fail(NO), Cancel(), Revoke("eye"), Withdraw(), AskApproval(1), AskApproval(4),
    Approve("lee", AT), Approve("kim", AT), Decline("kim", AT, None),
]  # fmt: skip


class Life(RuleBasedStateMachine):
    """Commands in any order, at any time: refused, or followed by events whose fold is the state."""

    @initialize(rows=st.none() | st.integers(0, 3))
    def begin(self, rows: int | None) -> None:
        self.now = AT
        self.events: list[Event] = [msgspec.structs.replace(REQUESTED, approval_rows=rows)]
        self.export = after(self.events)

    def try_(self, command: Command) -> None:
        before = self.export
        try:
            events = decide(before, command)
        except Problem:
            return
        for event in events:
            self.export = evolve(self.export, event)
        self.events += events
        assert before.status is not Status.AWAITING_APPROVAL or not any(isinstance(event, TakenUp) for event in events)
        if not before.goes_on:
            # Whatever has ended moves on to one thing alone: a ready file to a file that is gone.
            assert not self.export.goes_on
            assert self.export.status in {before.status, Status.EXPIRED, Status.REVOKED, Status.WITHDRAWN}
            assert self.export.manifest == before.manifest
            assert self.export.expires_at == before.expires_at

    @rule(command=st.sampled_from(COMMANDS))
    def plain(self, command: Command) -> None:
        self.try_(command)

    @rule(total=st.integers(0, 4) | st.just(MOST_ROWS + 1))
    def count(self, total: int) -> None:
        self.try_(Count(total))

    @rule(rows=st.integers(0, 4))
    def write(self, rows: int) -> None:
        self.try_(Progress(rows))

    @rule(rows=st.integers(0, 4))
    def finish(self, rows: int) -> None:
        self.try_(Finish(rows))

    @rule(rows=st.integers(0, 4))
    def complete(self, rows: int) -> None:
        self.try_(Complete(manifest(rows), self.now))

    @precondition(lambda self: self.export.in_work and self.export.rows_total is not None)
    @rule()
    def work(self) -> None:
        total = self.export.rows_total
        assert total is not None
        self.try_(Finish(total))
        self.try_(Complete(manifest(total), self.now))

    @rule(by=st.sampled_from(["kim", "lee"]))
    def download(self, by: str) -> None:
        try:
            decide(self.export, Download(by, self.now))
        except Problem:
            return
        assert by == "kim"
        assert self.export.status is Status.READY
        assert self.export.expires_at is not None
        assert self.now < from_wire(self.export.expires_at)

    @rule(days=st.integers(0, 4), millis=st.integers(0, 1))
    def wait(self, days: int, millis: int) -> None:
        self.now += timedelta(days=days, milliseconds=millis)
        self.try_(Expire(self.now))

    @invariant()
    def state_is_the_fold_of_its_events(self) -> None:
        assert fold(self.events) == self.export
        assert self.export.version == len(self.events)

    @invariant()
    def events_and_state_read_back_as_they_were(self) -> None:
        assert [read(e.encode()) for e in self.events] == self.events
        assert Export.decode(self.export.encode()) == self.export

    @invariant()
    def a_file_is_promised_only_with_its_proof(self) -> None:
        export = self.export
        gone = {Status.EXPIRED, Status.REVOKED, Status.WITHDRAWN}
        assert (export.manifest is not None) == (export.status in {Status.READY, *gone})
        if export.manifest is not None:
            assert export.manifest.rows == export.rows_total == export.rows_done
            assert export.ready_at is not None
            assert export.expires_at == to_wire(from_wire(export.ready_at) + KEPT)
        if export.rows_total is not None:
            assert export.rows_total <= MOST_ROWS
        if not export.in_work:
            assert (export.problem is not None) == (export.status in {Status.FAILED, Status.WITHDRAWN})
        assert export.own_attempts <= MOST_ATTEMPTS

    @invariant()
    def more_than_go_without_are_written_only_once_they_are_approved(self) -> None:
        export = self.export
        if export.rows_total is not None and export.approval_rows is not None and export.rows_total > export.approval_rows:
            assert export.approval is not None
            assert (export.approval.outcome, export.approval.by) == ("approved", "lee")


TestLife = Life.TestCase
