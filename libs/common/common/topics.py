"""The topics: how each is kept, and who writes and reads it. The one list that code, provision, manifests and documents go by.

No input or output here, so that pure code may know them too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.partition import SHARDS

_DAY = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Role:
    """Processes of one kind, or a command: `python -m <service> <name>`."""

    service: str
    name: str


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses a topic; a reader without a consumer group reads from the beginning, every partition by itself."""

    by: Role
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is made (`config` has Kafka's own names), and who uses it.

    `measured` names who asks how far it goes, or how far a group has come in it, and reads nothing.
    """

    name: str
    about: str = ""
    key: str = ""
    partitions: int = SHARDS
    config: Mapping[str, str] = field(default_factory=dict[str, str])
    writers: tuple[Role, ...] = ()
    readers: tuple[Use, ...] = ()
    measured: tuple[Use, ...] = ()

    @property
    def owner(self) -> str:
        """The service that writes it, and whose `provision` makes it: each topic has one."""
        (service,) = {role.service for role in self.writers}
        return service


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


def dead_letter_topic(group: str) -> str:
    """Where a consumer group puts what it cannot understand."""
    return f"{group}.dlq"


def _relay(service: str) -> tuple[Role, ...]:
    return (Role(service, "relay"),)


def _by(group: str) -> Use:
    """A group has the name of the service whose consumers are its members."""
    return Use(Role(group, "consumer"), group)


_REBUILD, _DLQ, _RESTORED = Role("search", "rebuild"), Role("search", "dlq"), Role("contacts", "restored")
_WAITING = (Use(Role("search", "api"), "search"), Use(Role("segments", "api")))

_TOLD = (
    Topic(
        CONTACTS, "What happened to a contact, with its whole state after; no value once it is erased.",
        "channel/contact", config=_COMPACTED,
        writers=_relay("contacts"), readers=(_by("search"), _by("segments"), Use(_REBUILD), Use(_RESTORED)),
        measured=_WAITING,
    ),
    Topic(
        VISITS, "Visits and custom events, as they were taken in.", "channel/contact", config=_kept(14, 0.5),
        writers=_relay("contacts"),
    ),
    Topic(
        FIELDS, "Definitions of fields; under the key `@channel` the channel's settings.", "channel/field",
        config=_COMPACTED | {"min.compaction.lag.ms": "0"},
        writers=_relay("contacts"), readers=(_by("search"), _by("segments"), Use(_REBUILD)), measured=_WAITING,
    ),
    Topic(
        ERASURES, "Which contacts were erased: their ids alone.", "channel/receipt", config=_kept(30),
        writers=_relay("contacts"), readers=(_by("exports"), Use(_RESTORED)),
    ),
    Topic(
        CHANNEL, "Warnings at 80 and 100 percent of the limit of managed users.", "channel/managedUsers", config=_kept(90),
        writers=_relay("contacts"), readers=(_by("notify"),),
    ),
    Topic(
        JOBS, "Imports and bulk actions that have ended, with their counts.", "channel/job", config=_kept(90),
        writers=_relay("contacts"), readers=(_by("notify"),),
    ),
    Topic(
        SEGMENTS, "Who entered a segment and who left it; definitions of segments.", "channel/contact or channel/segment",
        config=_kept(90), writers=_relay("segments"), readers=(_by("notify"),),
    ),
    Topic(
        EXPORTS, "The life of an export.", "channel/export", config=_kept(90),
        writers=_relay("exports"), readers=(_by("notify"),),
    ),
)  # fmt: skip

READS: Mapping[str, tuple[str, ...]] = {
    group: tuple(topic.name for topic in _TOLD if group in {use.group for use in topic.readers})
    for group in dict.fromkeys(use.group for topic in _TOLD for use in topic.readers)
    if group is not None
}
"""The topics that each consumer group reads."""


def _dead_letters(group: str) -> Topic:
    by_command = group == "search"
    return Topic(
        dead_letter_topic(group), "Messages that could not be understood, as they were, with the reason and where each was.",
        "as it was", partitions=1, config=_kept(30, 1),
        writers=(_by(group).by, *((_REBUILD,) if by_command else ())), readers=(Use(_DLQ),) if by_command else (),
    )  # fmt: skip


TOPICS = (*_TOLD, *map(_dead_letters, READS))


def named(*names: str) -> tuple[Topic, ...]:
    """The topics of these names."""
    return tuple(topic for topic in TOPICS if topic.name in names)


def owned(service: str) -> tuple[Topic, ...]:
    """The topics that this service writes, and makes."""
    return tuple(topic for topic in TOPICS if topic.owner == service)
