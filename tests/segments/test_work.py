"""Many segments and many messages: the loop is never held up for long, and a batch is done by pieces, each once."""

import asyncio
import gc
import time
from collections import Counter
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ids import new_id
from common.topics import CONTACTS
from segments.consumer import MOST_WORK, ContactFact, Judge, pieces
from segments.membership import Known
from tests.segments.support import NOON, named
from tests.segments.world import CHANNEL, World

SEGMENTS, MESSAGES = 250, 200
BUILDING = SEGMENTS - 1
"""They are judged for every version, whatever it could flip."""
NEXT_OFFSET = "select next_offset from consumer_offset where topic = $1 and partition = 0"


def fact(channel: str, offset: int) -> ContactFact:
    return ContactFact((CONTACTS, 0), offset, channel, UUID(int=offset), Known(1, NOON, b"{}"), None)


@given(st.lists(st.sampled_from(["few", "many", "none", "more than fit"]), max_size=60))
def test_a_batch_is_cut_by_its_work_and_nothing_is_lost(channels: list[str]) -> None:
    segments = {"few": 3, "many": MOST_WORK // 5, "more than fit": 2 * MOST_WORK}
    facts = [fact(channel, n) for n, channel in enumerate(channels)]
    cut = list(pieces(facts, segments))
    assert [f for piece, _ in cut for f in piece] == facts
    for number, (piece, left) in enumerate(cut):
        assert list(left) == [f for later, _ in cut[number + 1 :] for f in later]
        work = sum(1 + segments.get(f.channel, 0) for f in piece)
        assert work <= MOST_WORK or len(piece) == 1
        assert piece or not facts


@pytest.fixture
async def busy(world: World) -> World:
    """A channel of many segments that are being built; the first holds everybody."""
    await world.judge.positions([(CONTACTS, 0)])
    await world.make(named("Kim"))
    async with world.database.transaction() as tx:
        await tx.execute(
            "insert into segment (channel, id, name, filter, definition_version, status, build, since_ms, created_at, created_by,"
            " version) select $1, gen_random_uuid(), 's', $2, 1, 'building', 1, 0, now(), 'kim', 1"
            " from generate_series(1, $3::int)",
            CHANNEL, {"and": [named("Lee")] * 20}, BUILDING,
        )  # fmt: skip
        await tx.execute("insert into tally (channel, segment_id) select channel, id from segment on conflict do nothing")
        await tx.execute("update channel set revision = revision + 1")
    return world


class Watch:
    """How long this process worked without giving the loop a turn, in seconds of its own: a busy machine does not count."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def look(self) -> None:
        before = time.process_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.process_time()
            self.longest, before = max(self.longest, now - before), now


async def test_the_loop_has_its_turn_all_the_while(busy: World) -> None:
    records = [busy.contact(uuid4(), 1, NOON + 1, name="Kim") for _ in range(MESSAGES)]
    watch, beats = Watch(), Counter[str]()
    facts = [busy.judge.decode(record) for record in records]
    gc.collect()
    gc.freeze()  # what the tests before have left is none of this reader's: looking through it is no work of its
    watching = asyncio.create_task(watch.look())
    began = time.process_time()
    await busy.judge.apply(facts, beat=lambda: beats.update(["beat"]))
    worked = time.process_time() - began
    watching.cancel()
    gc.unfreeze()
    assert beats["beat"] == -(-MESSAGES // (MOST_WORK // (1 + SEGMENTS // 64 + BUILDING)))
    # Judged without a break it is most of the work; with turns it is what one answer of the database takes to read.
    assert watch.longest < 0.25 < worked
    assert await busy.value(NEXT_OFFSET, CONTACTS) == MESSAGES


class Killed(BaseException):
    """Ends the reader between two pieces."""


async def test_a_reader_killed_between_two_pieces_is_gone_on_with_and_judges_nothing_twice(busy: World) -> None:
    records = [busy.contact(uuid4(), 1, NOON + 1, name="Kim") for _ in range(MESSAGES)]

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        await busy.judge.apply([busy.judge.decode(record) for record in records], beat=die)
    done = await busy.value(NEXT_OFFSET, CONTACTS)
    assert 0 < done < MESSAGES
    following = Judge(busy.database, busy.clock, new_id)
    assert await following.positions([(CONTACTS, 0)]) == {(CONTACTS, 0): done}
    await busy.tell(*records, judge=following)
    segment = await busy.value("select id from segment where filter = $1", named("Kim"))
    assert len(await busy.changes(segment)) == MESSAGES
    await busy.check(segment)
