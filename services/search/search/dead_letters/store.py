"""The table of what was done about dead letters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from common.postgres import Database

Place: TypeAlias = tuple[str, int, int]
"""Topic, partition and offset of a dead letter."""

# Places that the topic does not have: its messages go after 30 days, and a topic that is made anew counts from 0 again.
_FORGET = """
delete from dead_letter using unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) as kept (topic, partition, begins, ends)
where dead_letter.topic = kept.topic and dead_letter.partition = kept.partition and (place < begins or place >= ends)
"""
_TREATED = "select topic, partition, place, tries, reason, outcome from dead_letter where topic = any($1::text[])"
_SAVE = """
insert into dead_letter (topic, partition, place, tries, reason, outcome, at) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (topic, partition, place) do update
set tries = excluded.tries, reason = excluded.reason, outcome = excluded.outcome, at = excluded.at
"""


@dataclass(frozen=True, slots=True)
class Treated:
    """What was done about a letter: how often it was tried, the last reason against it, and how it ended."""

    tries: int
    reason: str
    outcome: str | None


class LetterStore:
    """What is known of letters beyond the letters themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def treated(self, begins: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]) -> dict[Place, Treated]:
        """All about the letters that lie between these offsets; what lies outside is forgotten."""
        places = list(ends)
        topics, partitions = [topic for topic, _ in places], [partition for _, partition in places]
        async with self._database.transaction() as tx:
            await tx.execute(_FORGET, topics, partitions, [begins[p] for p in places], [ends[p] for p in places])
            rows = await tx.fetch(_TREATED, topics)
        return {(r["topic"], r["partition"], r["place"]): Treated(r["tries"], r["reason"], r["outcome"]) for r in rows}

    async def save(self, place: Place, treated: Treated, at: datetime) -> None:
        """Keep what was done."""
        async with self._database.connection() as connection:
            await connection.execute(_SAVE, *place, treated.tries, treated.reason, treated.outcome, at)
