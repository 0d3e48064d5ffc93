"""A delivery and the lane of its destination: what follows from what came back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from common.clock import to_wire
from notify.announcing import Announcement
from notify.sending.answer import Answer

TRIED_FOR = timedelta(hours=24)
KEPT = timedelta(days=30)
"""A delivery that has ended goes so long after its event."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=6)
_TRIPLINGS = 12
_LEAST_REST = timedelta(seconds=1)
"""Whoever asks for no rest at all gets this: nobody is asked without a pause."""


class Status(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice to one destination; for a day `since` it was made, or asked for again, it is tried."""

    id: UUID
    event_id: str
    at: datetime
    announcement: Announcement
    attempts: int
    since: datetime
    status: Status = Status.WAITING
    next_at: datetime | None = None
    last_answer: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """How it goes with a destination: failures in a row, since when, and until when it is left alone."""

    failures: int = 0
    failing_since: datetime | None = None
    rest_until: datetime | None = None
    last_answer: Mapping[str, Any] | None = None
    over: str | None = None
    """Why nothing is to be sent any more."""


def pause(attempts: int, jitter: float) -> timedelta:
    """How long to wait after so many attempts that came to nothing: 5 s, then three times as long, at most 6 h, less up to half.

    `jitter` is from 0 to 1, and keeps those apart who failed together.
    """
    times: int = 3 ** min(max(attempts, 1) - 1, _TRIPLINGS)
    longest = min(_FIRST_PAUSE * times, _LONGEST_PAUSE)
    return longest * (1 - jitter / 2)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came back when a delivery was sent; `asked` is how many seconds the other side wants to be left alone."""

    delivery: Delivery
    answer: Answer
    asked: float | None = None


def after(lane: Lane, attempts: Sequence[Attempt], now: datetime, jitter: float) -> tuple[Lane, list[Delivery]]:
    """The lane and the deliveries after attempts that were made at one time.

    What is the destination's fault lets it rest as a whole, what is one notice's lets that notice rest.
    """
    taken = any(each.answer.delivered for each in attempts)
    failures, since = (0, None) if taken else (lane.failures + 1, lane.failing_since or now)
    ended: list[Delivery] = []
    rests, over = [lane.rest_until] if lane.rest_until is not None else [], None
    for each in attempts:
        delivery, answer = each.delivery, each.answer
        tried = replace(delivery, attempts=delivery.attempts + 1, last_answer=shown(answer, now), next_at=None)
        if answer.delivered:
            ended.append(replace(tried, status=Status.DELIVERED))
            continue
        rest = now + _rest(each, failures if answer.away else tried.attempts, jitter)
        if answer.away:
            rests.append(rest)
        late = now - delivery.since >= TRIED_FOR
        if answer.gone or (late and since is not None and now - since >= TRIED_FOR):
            over = over or _says(answer)
        done = answer.gone or late
        ended.append(replace(tried, status=Status.PARKED) if done else replace(tried, next_at=rest))
    return Lane(failures, since, max(rests, default=None), ended[-1].last_answer, over), ended


def _rest(attempt: Attempt, failures: int, jitter: float) -> timedelta:
    if attempt.answer.busy and attempt.asked is not None:
        return max(timedelta(seconds=attempt.asked), _LEAST_REST)
    return max(pause(failures, jitter), timedelta(seconds=attempt.asked or 0))


def shown(answer: Answer, now: datetime) -> dict[str, Any]:
    """What came back, as it is kept and told."""
    return {"at": to_wire(now), "status": answer.status, "text": answer.text}


def _says(answer: Answer) -> str:
    return answer.text if answer.status is None else f"{answer.status} {answer.text}".strip()
