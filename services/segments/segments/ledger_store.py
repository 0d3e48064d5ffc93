"""Writes what one transaction found: who stands where, the log with its counts, and the events that tell of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from common import outbox
from common.clock import WireInstant, from_millis, to_wire
from common.envelope import Batch, Message
from common.events.segments import Entered, Left, SegmentMessage
from common.ids import Ids, written
from common.postgres import Tx
from common.telemetry import trace_headers, trace_of
from common.topics import SEGMENTS
from segments.ledger import Ledger, Place
from segments.membership import Change
from segments.store import SOURCE

_PUT_STANDINGS = """
insert into membership (channel, segment_id, contact_id, member, since_ms, settled_ms, build)
select * from unnest($1::text[], $2::uuid[], $3::uuid[], $4::boolean[], $5::bigint[], $6::bigint[], $7::integer[])
on conflict (channel, segment_id, contact_id) do update
set member = excluded.member, since_ms = excluded.since_ms, settled_ms = excluded.settled_ms, build = excluded.build
"""
_STANDING = ("channel", "segment_id", "contact_id", "member", "since_ms", "settled_ms", "build")
_DROP_STANDINGS = """
delete from membership m using unnest($1::text[], $2::uuid[], $3::uuid[]) as d (channel, segment_id, contact_id)
where m.channel = d.channel and m.segment_id = d.segment_id and m.contact_id = d.contact_id
"""
# Locked one after the other in a fixed order, before any of them is moved.
_MOVE_TALLIES = """
with locked as materialized (
    select t.channel, t.segment_id, w.number, w.delta
    from tally t join unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[]) as w (channel, segment_id, number, delta)
    on t.channel = w.channel and t.segment_id = w.segment_id order by t.channel, t.segment_id for update of t
)
update tally t set position = t.position + l.number, members = t.members + l.delta from locked l
where t.channel = l.channel and t.segment_id = l.segment_id
returning t.channel, t.segment_id, t.position - l.number as position
"""
_PUT_CHANGES = """
insert into change (channel, segment_id, position, contact_id, change, cause, at_ms, contact_version)
select * from unnest(
    $1::text[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::bigint[]
)
"""
_CHANGE = ("channel", "segment_id", "position", "contact_id", "change", "cause", "at_ms", "contact_version")
_SLICE, _MANY = 500, 50
"""So many rows are written at once, and so many are copied."""
_T = TypeVar("_T")


async def write(tx: Tx, ledger: Ledger, ids: Ids) -> None:
    """Write what was found and tell of it; last in its transaction, for it locks the tallies until the commit.

    By slices: thousands of rows are made and sent in no time for PostgreSQL, but whatever else waits on the loop has its turn.
    """
    for dropped in _slices(list(ledger.dropped)):
        await tx.execute(_DROP_STANDINGS, *map(list, zip(*dropped, strict=True)))
    for kept in _slices(list(ledger.kept.items())):
        await _put(tx, [(*place, s.member, s.since, s.settled, s.build) for place, s in kept])
    for made in _slices(list(ledger.made.items())):
        rows = [(*place, s.member, s.since, s.settled, s.build) for place, s in made]
        if len(rows) >= _MANY:
            await tx.copy_records_to_table("membership", records=rows, columns=_STANDING)
        else:
            await _put(tx, rows)
    if ledger.changes:
        await _tell(tx, ledger, ids)


async def _put(tx: Tx, rows: Sequence[tuple[object, ...]]) -> None:
    await tx.execute(_PUT_STANDINGS, *map(list, zip(*rows, strict=True)))


async def _tell(tx: Tx, ledger: Ledger, ids: Ids) -> None:
    sizes = list(ledger.sizes())
    columns = [channel for (channel, _), _, _ in sizes], [segment for (_, segment), _, _ in sizes]
    rows = await tx.fetch(_MOVE_TALLIES, *columns, [number for _, number, _ in sizes], [delta for _, _, delta in sizes])
    teller = _Teller({(r["channel"], r["segment_id"]): r["position"] for r in rows}, ids, trace_headers())
    for changes in _slices(ledger.changes):
        told = [teller.tell(place, change) for place, change in changes]
        if len(told) >= _MANY:
            await tx.copy_records_to_table("change", records=[row for row, _ in told], columns=_CHANGE)
        else:
            await tx.execute(_PUT_CHANGES, *map(list, zip(*(row for row, _ in told), strict=True)))
        await outbox.put(tx, [message for _, message in told])


class _Teller:
    """Gives changes their positions; makes of each the row of the log and the message. What many share is made once."""

    def __init__(self, positions: dict[tuple[str, UUID], int], ids: Ids, trace: Mapping[str, str]) -> None:
        self._positions = positions
        self._ids = ids
        self._trace = trace
        self._batches: dict[str, Batch] = {}
        self._at: dict[int, WireInstant] = {}

    def tell(self, place: Place, change: Change) -> tuple[tuple[object, ...], Message]:
        """The next change: a row as `_CHANGE` has it, and what is told."""
        channel, segment_id, contact_id = place
        key = (channel, segment_id)
        self._positions[key] = position = self._positions[key] + 1
        at = self._at.get(change.at) or self._wire(change.at)
        kind = Entered if change.change == "entered" else Left
        event = kind(
            segment_id=segment_id, contact_id=contact_id, at=at, cause=change.cause, contact_version=change.version,
            position=position,
        )  # fmt: skip
        contact = written(contact_id)
        message = (self._batches.get(channel) or self._batch(channel)).message(
            contact, type=event.type, id=written(self._ids()), version=position, at=at,
            value=SegmentMessage(event=event).encode(), trace=trace_of(f"{channel}/{contact}"),
        )  # fmt: skip
        row = (channel, segment_id, position, contact_id, change.change, change.cause, change.at, change.version)
        return row, message

    def _wire(self, at: int) -> WireInstant:
        self._at[at] = wire = to_wire(from_millis(at))
        return wire

    def _batch(self, channel: str) -> Batch:
        self._batches[channel] = batch = Batch(SEGMENTS, channel, SOURCE, self._trace)
        return batch


def _slices(every: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (every[start : start + _SLICE] for start in range(0, len(every), _SLICE))
