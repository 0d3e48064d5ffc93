"""The topics by name, and how each is kept; names only, so that pure code may know them too."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.partition import SHARDS

_DAY = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is made: Kafka's own configuration names."""

    name: str
    partitions: int = SHARDS
    config: Mapping[str, str] = field(default_factory=dict[str, str])


def _kept(days: int, file_days: float = 7) -> dict[str, str]:
    """Whole files are deleted, so a message may stay as much longer as a file is written to."""
    return {"cleanup.policy": "delete", "retention.ms": str(days * _DAY), "segment.ms": str(int(file_days * _DAY))}


_COMPACTED = {
    "cleanup.policy": "compact",
    "min.compaction.lag.ms": str(7 * _DAY),
    "max.compaction.lag.ms": str(8 * _DAY),
    "delete.retention.ms": str(7 * _DAY),
}

CONTACTS, VISITS, FIELDS, SEGMENTS, EXPORTS = "contacts.v1", "visits.v1", "fields.v1", "segments.v1", "exports.v1"
CHANNEL, ERASURES, JOBS = "channel.v1", "erasures.v1", "jobs.v1"
GROUPS = ("search", "segments", "notify", "exports")


def dead_letter_topic(group: str) -> str:
    """Where a consumer group puts what it cannot understand."""
    return f"{group}.dlq"


def named(*names: str) -> tuple[Topic, ...]:
    """The topics of these names."""
    return tuple(topic for topic in TOPICS if topic.name in names)


TOPICS = (
    Topic(CONTACTS, config=_COMPACTED),
    Topic(VISITS, config=_kept(14, 0.5)),
    Topic(FIELDS, config=_COMPACTED | {"min.compaction.lag.ms": "0"}),
    Topic(ERASURES, config=_kept(30)),
    Topic(CHANNEL, config=_kept(90)),
    Topic(JOBS, config=_kept(90)),
    Topic(SEGMENTS, config=_kept(90)),
    Topic(EXPORTS, config=_kept(90)),
    *(Topic(dead_letter_topic(group), partitions=1, config=_kept(30, 1)) for group in GROUPS),
)
