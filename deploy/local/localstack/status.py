"""What a stack is doing: each process, how far each reader is behind, what waits to be sent, what was put aside."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import asyncpg
import httpx

from localstack import kafka, opensearch, postgres
from localstack.home import SERVICES, Facts
from localstack.processes import GATEWAY, KAFKA, OPENSEARCH, POSTGRES, SERVERS, SERVICE_PROCESSES, Process
from localstack.stack import Stack, run_apart

_TABLE = "select to_regclass($1) is not null"
# Readers that keep their offsets in the transaction that holds the effect, rather than in Kafka, keep them here.
_OFFSETS_TABLE = "consumer_offset"
_OFFSETS = "select topic, partition, next_offset from {schema}.consumer_offset"
# Services whose dead letters can be handled keep here what was done about them.
_LETTERS_TABLE = "dead_letter"
_HANDLED = "select topic, partition, place from {schema}.dead_letter where outcome is not null"
_OUTBOX = "select count(*) from {schema}.outbox_waiting"
_HELD_VIEW = "outbox_held"
_HELD = "select bytes, seconds, pid, name from {schema}.outbox_held"
_HELD_LONG_SECONDS = 60
# What was sent and lies there still is not read then, however much it is.
_BY_INDEX = "set enable_seqscan = off"
_SILENT: Mapping[str, str] = {"health": "does not answer"}
_ASIDE = "select count(*) from {schema}.outbox_aside"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process: running under this pid, and ready for work; `problems` are its own words for why it is not."""

    name: str
    pid: int | None
    up: bool
    ready: bool
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an outbox has on the disk, sent or not; `seconds` is for how long `holder` has kept it from being emptied."""

    bytes: int
    seconds: int
    pid: int | None
    holder: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole: lag in messages by group and topic, rows of each outbox and those put aside, unhandled dead letters."""

    processes: tuple[ProcessStatus, ...]
    lag: Mapping[str, Mapping[str, int]]
    outbox: Mapping[str, int]
    kept: Mapping[str, Kept]
    aside: Mapping[str, int]
    dead_letters: Mapping[str, int]

    @property
    def well(self) -> bool:
        """Everything is up, and nothing waits."""
        waiting = [n for topics in self.lag.values() for n in topics.values()] + [*self.outbox.values(), *self.aside.values()]
        return all(p.up and p.ready for p in self.processes) and not any(waiting)

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return {
            "well": self.well,
            "processes": [asdict(p) for p in self.processes],
            "lag": self.lag,
            "outbox": self.outbox,
            "outboxKept": {service: asdict(kept) for service, kept in self.kept.items()},
            "aside": self.aside,
            "deadLetters": self.dead_letters,
        }


def examine(stack: Stack) -> Status:
    """Ask every process and server. What cannot be asked because a server is down is left out; the server shows as down."""
    return run_apart(_examine(stack))


async def _examine(stack: Stack) -> Status:
    facts = stack.facts
    async with httpx.AsyncClient(timeout=5) as client:
        processes = tuple([await _process(stack, p, client) for p in (*SERVERS, *SERVICE_PROCESSES, GATEWAY)])
    ready = {p.name for p in processes if p.ready}
    stored = await _from_postgres(facts) if POSTGRES.name in ready else _Stored()
    lag: dict[str, dict[str, int]] = {}
    letters: dict[str, int] = {}
    if KAFKA.name in ready:
        lag, letters = await kafka.lag(facts, stored.offsets), await kafka.dead_letters(facts, stored.handled)
    return Status(processes, lag, stored.outbox, stored.kept, stored.aside, letters)


async def _process(stack: Stack, process: Process, client: httpx.AsyncClient) -> ProcessStatus:
    pid = stack.pid(process.name)
    problems = await _problems(stack, process, client) if pid is not None else {}
    return ProcessStatus(process.name, pid, pid is not None, pid is not None and not problems, problems)


async def _problems(stack: Stack, process: Process, client: httpx.AsyncClient) -> Mapping[str, str]:
    """What stands between a process and its work, in its own words where it has some; empty where it is ready."""
    asked = {POSTGRES: postgres.is_ready, KAFKA: kafka.is_ready, OPENSEARCH: opensearch.is_ready}.get(process)
    if asked is not None:
        return {} if await asked(stack.facts) else _SILENT
    try:
        answer = await client.get(f"{stack.health(process.name)}/readyz")
    except httpx.TransportError:
        return _SILENT
    if answer.status_code == httpx.codes.OK:
        return {}
    try:
        told: Mapping[str, str] = answer.json()["problems"]
    except (ValueError, KeyError, TypeError):
        return _SILENT
    return told or _SILENT


@dataclass(frozen=True, slots=True)
class _Stored:
    """Rows and disk of each outbox, rows put aside; offsets that a service keeps itself; places of handled letters."""

    outbox: dict[str, int] = field(default_factory=dict[str, int])
    kept: dict[str, Kept] = field(default_factory=dict[str, Kept])
    aside: dict[str, int] = field(default_factory=dict[str, int])
    offsets: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict[str, dict[tuple[str, int], int]])
    handled: set[tuple[str, int, int]] = field(default_factory=set[tuple[str, int, int]])


async def _from_postgres(facts: Facts) -> _Stored:
    found = _Stored()
    connection = await asyncpg.connect(postgres.dsn(facts))
    try:
        await connection.execute(_BY_INDEX)
        for service in SERVICES:  # the names are this project's own, not anybody's input
            if await connection.fetchval(_TABLE, f"{service}.outbox_waiting"):
                found.outbox[service] = await connection.fetchval(_OUTBOX.format(schema=service))
                found.aside[service] = await connection.fetchval(_ASIDE.format(schema=service))
            if await connection.fetchval(_TABLE, f"{service}.{_HELD_VIEW}"):
                row = await connection.fetchrow(_HELD.format(schema=service))
                assert row is not None, "it has a row"
                found.kept[service] = Kept(row["bytes"], round(row["seconds"]), row["pid"], row["name"])
            if await connection.fetchval(_TABLE, f"{service}.{_OFFSETS_TABLE}"):
                rows = await connection.fetch(_OFFSETS.format(schema=service))
                found.offsets[service] = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            if await connection.fetchval(_TABLE, f"{service}.{_LETTERS_TABLE}"):
                rows = await connection.fetch(_HANDLED.format(schema=service))
                found.handled.update((row["topic"], row["partition"], row["place"]) for row in rows)
    finally:
        await connection.close()
    return found


def _kept(service: str, kept: Kept) -> str:
    line = f"  {service:27} {kept.bytes / 1e6:,.1f} MB"
    if kept.seconds < _HELD_LONG_SECONDS:
        return line
    who = f"{kept.holder or 'somebody'}{'' if kept.pid is None else f', pid {kept.pid}'}"
    return f"{line}; it grows, and is emptied when a transaction ends that holds it for {kept.seconds:,} s ({who})"


def as_text(status: Status) -> str:
    """For people."""
    lines = [f"{'process':20} {'pid':>8}  state"]
    for p in status.processes:
        state = "ready" if p.ready else "up, not ready" if p.up else "down"
        lines.append(f"{p.name:20} {p.pid or '-':>8}  {state}")
        lines += [f"{'':31}{name}: {what}" for name, what in sorted(p.problems.items())]
    lines += ["", "messages not yet read"]
    lines += [f"  {group:12} {topic:14} {count}" for group, topics in status.lag.items() for topic, count in topics.items()]
    lines += ["rows waiting in an outbox"] + [f"  {service:27} {count}" for service, count in status.outbox.items()]
    lines += ["an outbox on the disk, what is sent as well"] + [_kept(*each) for each in status.kept.items()]
    lines += ["rows put aside, too large for Kafka"] + [f"  {service:27} {count}" for service, count in status.aside.items()]
    lines += ["dead letters"] + [f"  {topic:27} {count}" for topic, count in status.dead_letters.items()]
    lines += ["", "Everything is up and caught up." if status.well else "Not everything is up and caught up."]
    return "\n".join(lines)
