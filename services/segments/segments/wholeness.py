"""Whether what is there of a segment's members is all of them, and the refusals where it is a part: that must not look whole."""

import asyncpg

from common.clock import from_millis, to_wire
from common.errors import Conflict, Gone, Unavailable
from common.postgres import Tx

_PROGRESS = """
select s.built, coalesce(s.to_build, (select count(*) from contact c where c.channel = $1 and c.doc is not null)) as all
from segment s where s.channel = $1 and s.id = $2
"""


class SegmentBroken(Conflict):
    """The segment's filter can't be read as things stand."""

    code = "segmentBroken"


class SegmentBuilding(Unavailable):
    """Everyone is being judged by the segment's definition; carries how far that is."""

    code = "segmentBuilding"

    def __init__(self, done: int, total: int) -> None:
        super().__init__(
            "The members of this segment are still being found. Ask again in a moment.",
            extra={"progress": {"done": done, "total": total}},
        )


class NeverWhole(Conflict):
    """Of that instant the log tells only a part of the members; carries from when to when that is so."""

    code = "neverWhole"

    def __init__(self, begin: int, end: int) -> None:
        super().__init__(
            "At this instant the members were still being found, and the segment changed before they all were. Ask for an instant"
            " before `from`, or for `to` or later.",
            extra={"from": to_wire(from_millis(begin)), "to": to_wire(from_millis(end))},
        )


class NotKept(Gone):
    """The log of that time is not kept any more; carries since when it is."""

    code = "notKept"

    def __init__(self, since: int) -> None:
        super().__init__(
            "What happened then is not kept any more. Ask for an instant that is not before `keptFrom`.",
            extra={"keptFrom": to_wire(from_millis(since))},
        )


def refuse_not_kept(kept: int | None, at: int) -> None:
    """Raises NotKept where the log has but a part of an instant; `kept` (milliseconds) is since when it is whole, None: ever."""
    if kept is not None and at < kept:
        raise NotKept(kept)


async def refuse_a_part(tx: Tx, segment: asyncpg.Record, at: int | None) -> None:
    """Raises SegmentBuilding, SegmentBroken, NotKept or NeverWhole where not all members of an instant (None: now) are known.

    `segment` is its `channel`, `id`, `status`, `problem` and `whole`; for an instant also `judged_from`, and `from_ms` and
    `to_ms` of a build that was cut short (null where there was none), and `kept_ms`, since when the log is whole.
    """
    if at is not None:
        refuse_not_kept(segment["kept_ms"], at)
    if at is not None and at < segment["judged_from"]:
        if segment["from_ms"] is not None:
            raise NeverWhole(segment["from_ms"], segment["to_ms"])
        return
    if segment["status"] == "building":
        row = await tx.fetchrow(_PROGRESS, segment["channel"], segment["id"])
        raise SegmentBuilding(*((0, 0) if row is None else (row["built"], max(row["built"], row["all"]))))
    refuse_broken_part(segment)


def refuse_broken_part(segment: asyncpg.Record) -> None:
    """Raises SegmentBroken where the segment broke before everyone had been judged: what is frozen is no answer."""
    if segment["status"] == "broken" and not segment["whole"]:
        raise SegmentBroken(f"This segment broke before all its members had been found. {segment['problem']}")
