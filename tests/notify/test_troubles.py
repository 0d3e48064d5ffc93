"""Every kind of chat in trouble: busy in its own way, failing, breaking off, hanging; then it takes the notice, as it is."""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta

from common.clock import FixedClock
from notify.deliveries.delivery import Status
from notify.deliveries.store import Shown
from notify.kinds.kind import Kind
from tests.notify.house import AT, House, completed, done
from tests.support.api import eventually
from tests.support.chats import CHATS
from tests.support.outside import Behaviour, Hang, Outside, Reply, Reset, Taken

KINDS = [kind for kind in Kind if kind is not Kind.ROOM]
WAIT = 40
_HEADER = Reply(429, b"slow down", {"Retry-After": str(WAIT)})
BUSY: Mapping[Kind, Behaviour] = {
    Kind.SLACK: _HEADER, Kind.TEAMS: _HEADER, Kind.MATTERMOST: _HEADER,
    Kind.WEBHOOK: Reply(503, b"", {"Retry-After": str(WAIT)}),
    Kind.MATRIX: Reply(429, json.dumps({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": WAIT * 1000}).encode()),
    Kind.DISCORD: Reply(429, json.dumps({"message": "limited", "retry_after": float(WAIT), "global": False}).encode()),
}  # fmt: skip
TROUBLES: list[tuple[str, int | None]] = [("busy", 429), ("failing", 500), ("breaks off", None), ("hangs", None)]


class Chat:
    """One of a kind, that does what comes next, and in the end what the real one does."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._next: list[Behaviour] = [BUSY[kind], Reply(500), Reset(), Hang()]

    def __call__(self, taken: Taken) -> Behaviour:
        if self._next:
            return self._next.pop(0)
        # By a clock that a test moves a signature is too old for a webhook; its form is judged elsewhere.
        return Reply() if self.kind is Kind.WEBHOOK else CHATS[self.kind](taken)


async def test_each_kind_is_left_alone_as_it_asks_and_told_once_it_takes_it(house: House) -> None:
    house.clock, house.seconds = FixedClock(AT), 0.5
    async with AsyncExitStack() as open_:
        outsides = {kind: await open_.enter_async_context(Outside.open(Chat(kind))) for kind in KINDS}
        made = {await house.destination(outside, kind): kind for kind, outside in outsides.items()}
        await house.tell(completed())
        async with house.working():
            for tried, (what, status) in enumerate(TROUBLES, start=1):
                for each in await noted(house, tried):
                    assert each.delivery.status is Status.WAITING
                    answer = each.delivery.last_answer
                    kind = made[each.destination_id]
                    expected = 503 if what == "busy" and kind is Kind.WEBHOOK else status
                    assert answer is not None
                    assert (kind, answer["status"]) == (kind, expected), what
                    assert each.delivery.next_at is not None
                    rest = (each.delivery.next_at - house.clock.now()).total_seconds()
                    assert rest >= WAIT if what == "busy" else 0 < rest < 200, (kind, what, rest)
                house.clock.instant += timedelta(seconds=200)
            await house.until(done(len(KINDS)))
    for kind, outside in outsides.items():
        assert outside.count == len(TROUBLES) + 1, kind
        assert len({(taken.path, taken.headers.get("webhook-id")) for taken in outside.taken}) == 1, kind
        assert (await house.seen(next(id_ for id_, each in made.items() if each is kind))).failures == 0


async def noted(house: House, tried: int) -> list[Shown]:
    """The deliveries, once what came of so many attempts is written down."""
    return await eventually(house.deliveries, lambda found: all(each.delivery.attempts == tried for each in found))
