"""The messages that were put aside: looked at, tried again, or dropped by a person; none is ever lost by it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from common.clock import Clock
from common.consumer import Aside
from common.envelope import Delivered, UnreadableMessage
from common.errors import NotFound
from common.kafka import DeadLetter, Reader, dead_letter
from search.dead_letters.store import LetterStore, Place, Treated
from search.projection import Item, decode

Apply = Callable[[Sequence[Item]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message put aside: its place among the dead letters, the message as it was, and what was done about it since."""

    place: Place
    at: datetime | None
    reason: str
    tries: int
    outcome: str | None
    record: Delivered

    @property
    def id(self) -> str:
        """The place as a person writes it."""
        return "/".join(map(str, self.place))


class Kept:
    """Takes what cannot be handled again, so that it is not put aside a second time."""

    def __init__(self) -> None:
        self.reason: str | None = None

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        """Keep the reason."""
        self.reason = str(reason)


class DeadLetterBox:
    """All dead letters of one group. `handling` makes the group's own way with messages, given where it puts aside."""

    def __init__(
        self,
        store: LetterStore,
        topic: Callable[[], AbstractAsyncContextManager[Reader]],
        handling: Callable[[Aside], Apply],
        clock: Clock,
    ) -> None:
        self._store = store
        self._topic = topic
        self._handling = handling
        self._clock = clock

    async def letters(self, *, handled: bool = False) -> AsyncGenerator[Letter, None]:
        """Those that nobody has handled yet, oldest first; with `handled` the others too."""
        async with self._topic() as source:
            ends = await source.ends()
            treated = await self._store.treated(source.begins, ends)
            while await source.behind(ends):
                for record in await source.poll():
                    place = (record.topic, record.partition, record.offset)
                    if record.offset >= ends[record.topic, record.partition]:
                        continue
                    letter = _letter(place, dead_letter(record), record.arrived, treated.get(place))
                    if handled or letter.outcome is None:
                        yield letter

    async def chosen(self, ids: Sequence[str]) -> AsyncGenerator[Letter, None]:
        """These, or all that nobody has handled where none is named. Raises NotFound after the others where one is not there."""
        missing = set(ids)
        async with aclosing(self.letters(handled=bool(ids))) as letters:
            async for letter in letters:
                if not ids or letter.id in missing:
                    missing.discard(letter.id)
                    yield letter
        if missing:
            raise NotFound(f"There is no dead letter {', '.join(sorted(missing))}. It may have gone after its 30 days.")

    async def retry(self, letter: Letter) -> Letter:
        """Handle the message as if it came now; an older version than the index has changes nothing. Raises Unavailable."""
        aside = Kept()
        try:
            await self._handling(aside)([decode(letter.record)])
        except UnreadableMessage as reason:
            await aside.put(letter.record, reason)
        outcome = "retried" if aside.reason is None else letter.outcome
        return await self._treat(replace(letter, tries=letter.tries + 1, outcome=outcome, reason=aside.reason or letter.reason))

    async def drop(self, letter: Letter) -> Letter:
        """Nothing more is to be done about it."""
        return await self._treat(replace(letter, outcome="dropped"))

    async def _treat(self, letter: Letter) -> Letter:
        await self._store.save(letter.place, Treated(letter.tries, letter.reason, letter.outcome), self._clock.now())
        return letter


def _letter(place: Place, told: DeadLetter, at: datetime | None, treated: Treated | None) -> Letter:
    if treated is None:
        return Letter(place, at, told.reason, 1, None, told.record)
    return Letter(place, at, treated.reason, treated.tries, treated.outcome, told.record)
