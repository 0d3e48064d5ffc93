"""Whose the processor time of a stack is: told by what used it, and none of it lost when a process ends meanwhile.

Everything here is pure: texts of /proc in, clock ticks by role out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

OBSERVER = "bench-cost"
"""What the measurement's own connection to PostgreSQL calls itself: its role, which is no part of any cost."""

Identity: TypeAlias = tuple[int, int]
"""A process or thread: its number and when it began, since numbers are given again."""

# From the end of the command's name on, which may have anything in it: state, parent and so on (proc_pid_stat(5)).
_PARENT, _USER, _SYSTEM, _ENDED_USER, _ENDED_SYSTEM, _BEGAN = 1, 11, 12, 13, 14, 19


class Replaced(Exception):
    """A process of the stack ended during the measurement, and another has taken its place."""


@dataclass(frozen=True, slots=True)
class Stat:
    """A process or thread: ticks of its own, and those of its children that have ended and were waited for."""

    pid: int
    parent: int
    name: str
    ticks: int
    ended: int
    began: int

    @property
    def identity(self) -> Identity:
        """The same for as long as it runs."""
        return self.pid, self.began


def read_stat(text: str) -> Stat:
    """What `/proc/<pid>/stat` or `/proc/<pid>/task/<tid>/stat` says."""
    pid, _, rest = text.partition(" (")
    name, _, after = rest.rpartition(") ")
    found = after.split()
    ticks = int(found[_USER]) + int(found[_SYSTEM])
    ended = int(found[_ENDED_USER]) + int(found[_ENDED_SYSTEM])
    return Stat(int(pid), int(found[_PARENT]), name, ticks, ended, int(found[_BEGAN]))


@dataclass(frozen=True, slots=True)
class Usage:
    """All that one process of the stack has used since it began, with its children, those that ended too.

    Parts of it have roles of their own: (role, ticks) by who they are. What no part says, is `rest`'s.
    """

    identity: Identity
    total: int
    rest: str
    parts: Mapping[Identity, tuple[str, int]]


Reading: TypeAlias = Mapping[str, Usage]
"""Every process of the stack by its name, as they are at one moment."""


def with_children(stats: Iterable[Stat], root: Stat) -> int:
    """The ticks of a process and of all that come from it, living or ended."""
    below: dict[int, list[Stat]] = {}
    for each in stats:
        below.setdefault(each.parent, []).append(each)
    total, ahead = 0, [root]
    while ahead:
        each = ahead.pop()
        total += each.ticks + each.ended
        ahead += below.get(each.pid, [])
    return total


def process_usage(stats: Mapping[int, Stat], pid: int, rest: str) -> Usage:
    """A process without parts of their own roles."""
    return Usage(stats[pid].identity, with_children(stats.values(), stats[pid]), rest, {})


def java_usage(stats: Mapping[int, Stat], pid: int, rest: str, threads: Iterable[Stat]) -> Usage:
    """A server in Java: what its compilers use has a role of its own, since it ends once the code is warm."""
    compilers = {t.identity: (COMPILING, t.ticks) for t in threads if "CompilerThre" in t.name}
    return Usage(stats[pid].identity, with_children(stats.values(), stats[pid]), rest, compilers)


def postgres_usage(stats: Mapping[int, Stat], pid: int, roles: Mapping[Identity, str]) -> Usage:
    """PostgreSQL: a backend whose role is known has that role; the rest, as vacuums that come and go, is the background's."""
    parts = {
        each.identity: (roles[each.identity], each.ticks)
        for each in stats.values()
        if each.parent == pid and each.identity in roles
    }
    return Usage(stats[pid].identity, with_children(stats.values(), stats[pid]), BACKGROUND, parts)


COMPILING = "compilers of Kafka and OpenSearch"
"""No part of a cost: by and by there is nothing left to compile."""

BACKGROUND = "PostgreSQL: vacuum, WAL, checkpoints"
_OTHERS = "PostgreSQL: search, exports, notify"
_OF_SERVICE = {"contacts": "PostgreSQL: contacts' other", "segments": "PostgreSQL: segments' other"}
_OF_RELAY = {"contacts-relay": "PostgreSQL: contacts-relay", "segments-relay": "PostgreSQL: segments-relay"}


def backend_role(application: str, kind: str) -> str:
    """The role of a backend, by what `pg_stat_activity` has as its application and its kind."""
    if application == OBSERVER:
        return OBSERVER
    if application in _OF_RELAY:
        return _OF_RELAY[application]
    if kind not in {"client backend", "walsender"}:
        return BACKGROUND
    return _OF_SERVICE.get(application.partition("-")[0], _OTHERS)


def process_role(name: str) -> str:
    """The role of a process of the stack by its name: services that a write hardly reaches are one each."""
    service = name.partition("-")[0]
    if service in {"exports", "notify"}:
        return service
    return {"kafka": "Kafka", "opensearch": "OpenSearch", "supervisor": SUPERVISION, "watchdog": SUPERVISION}.get(name, name)


SUPERVISION = "supervisor, watchdog"
ROLES = (
    "gateway", "contacts-api", "contacts-relay", "contacts-worker", "search-api", "search-consumer", "segments-api",
    "segments-consumer", "segments-relay", "segments-worker", "exports", "notify", *_OF_RELAY.values(), *_OF_SERVICE.values(),
    _OTHERS, BACKGROUND, "Kafka", "OpenSearch", SUPERVISION,
)  # fmt: skip
"""In the order in which they are shown."""


def spent(readings: Sequence[Reading]) -> Counter[str]:
    """Ticks by role from the first to the last of these readings, the observer's left out. Raises Replaced.

    Its sum is exact: a child that ended between two readings is in its parent's sum. Only what it used since it was last
    read counts as `rest`. A part of the first reading must have its role there already.
    """
    used: Counter[str] = Counter()
    for before, after in pairwise(readings):
        for name, now in after.items():
            then = before[name]
            if now.identity != then.identity:
                raise Replaced(name)
            left = now.total - then.total
            for identity, (role, ticks) in now.parts.items():
                more = ticks - then.parts.get(identity, (role, 0))[1]
                used[role] += more
                left -= more
            used[now.rest] += left
    del used[OBSERVER]
    return used
