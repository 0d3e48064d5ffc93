"""`python -m <service> doctor`: what a service needs, looked at from where it runs, and what to do about what is wrong.

It changes nothing. Each thing is looked at by itself and not for long, so that one that is away hides no other.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg
import httpx

from common import outbox
from common.errors import Problem
from common.figures import Ask, Figure
from common.kafka import Where, bounds, committed
from common.postgres import Database, missing_migrations
from common.topics import Topic, dead_letter_topic

_SECONDS = 15.0
_MIGRATE = "Run `migrate` of this service."
_MOST_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen; `advice` is what to do, and empty where all is well."""

    seen: str
    advice: str = ""


Look = Callable[[], Awaitable[Sequence[Finding]]]
"""Looks at one thing. Raises what a store's client raises where it does not answer."""


async def examine(looks: Mapping[str, Look], *, seconds: float = _SECONDS) -> None:
    """Look at everything and say it, a line each. Ends the process with 1 where something is wrong."""
    found = await asyncio.gather(*(_looked(look, seconds) for look in looks.values()))
    wrong = 0
    for name, findings in zip(looks, found, strict=True):
        for finding in findings:
            wrong += bool(finding.advice)
            sys.stdout.write(f"{'WRONG' if finding.advice else 'ok':5} {name}: {finding.seen}\n")
            if finding.advice:
                sys.stdout.write(f"      {finding.advice}\n")
    if wrong:
        raise SystemExit(1)


async def _looked(look: Look, seconds: float) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(seconds):
            return await look()
    except Problem as problem:
        return [Finding("cannot be used", problem.detail)]
    except TimeoutError:
        return [Finding(f"does not answer within {seconds:g} seconds", "Is it started, and can it be reached from here?")]
    except Exception as error:  # noqa: BLE001 - of a driver's error the kind alone: its text can quote a row or a password
        return [Finding(f"cannot be used ({type(error).__name__})", "Is it started, and are its address and its secrets right?")]


def database(opened: Database, dsn: str, packages: Sequence[str]) -> Look:
    """PostgreSQL lets the role in, and its tables are those of this version."""

    async def look() -> Sequence[Finding]:
        began = time.monotonic()
        row = await opened.row("select current_setting('server_version') as version, pg_is_in_recovery() as follows")
        assert row is not None, "it asks no table"
        answered = Finding(f"version {row['version']}, answers in {(time.monotonic() - began) * 1000:.0f} ms")
        if row["follows"]:
            return [Finding("this server only follows another", "Point the DSN at the one that takes writes.")]
        try:
            missing = await missing_migrations(dsn, packages)
        except asyncpg.UndefinedTableError:
            return [answered, Finding("there are no tables", _MIGRATE)]
        if missing:
            return [
                answered,
                Finding(f"{len(missing)} migrations are missing, {missing[0]} first", _MIGRATE),
            ]
        return [answered, Finding("all migrations are there")]

    return look


def sending(opened: Database) -> Look:
    """The outbox: what waits, and what Kafka found too large."""

    async def look() -> Sequence[Finding]:
        async with opened.connection() as connection:
            waiting = await outbox.waiting(connection, _MOST_COUNTED)
            aside: int = await connection.fetchval("select count(*) from outbox_aside")
        found = [Finding(f"{waiting} messages wait to be sent")]
        if waiting == _MOST_COUNTED:
            found = [Finding(f"{waiting} messages or more wait to be sent", "Is the relay running, and Kafka there?")]
        if aside:
            found.append(Finding(f"{aside} messages are too large for Kafka", "See docs/runbooks/alerts.md, DangolOutboxAside."))
        return found

    return look


def topics(servers: Where, used: Collection[Topic]) -> Look:
    """Kafka lets the service in, and the topics are there with their partitions."""

    async def look() -> Sequence[Finding]:
        there = await bounds(servers, [topic.name for topic in used])
        found = []
        for topic in used:
            partitions = sum(name == topic.name for name, _ in there)
            if partitions != topic.partitions:
                seen = f"{topic.name} has {partitions} partitions in the place of {topic.partitions}"
                found.append(Finding(seen, "Run `provision`; partitions of a topic in use are never changed."))
        return found or [Finding(f"{len(used)} topics are there")]

    return look


def reading(servers: Where, group: str, read: Collection[Topic], *, most: int = 10_000) -> Look:
    """How far the group is behind, and what it has put aside."""

    async def look() -> Sequence[Finding]:
        names, letters = [topic.name for topic in read], dead_letter_topic(group)
        places = await bounds(servers, [*names, letters])
        done = (await committed(servers, [group]))[group]
        behind = sum(end - max(begin, done.get(at, begin)) for at, (begin, end) in places.items() if at[0] in names)
        kept = sum(end - begin for (topic, _), (begin, end) in places.items() if topic == letters)
        advice = "" if behind < most else "Is a consumer running, and does the number fall?"
        return [Finding(f"{behind} messages behind", advice), Finding(f"{kept} messages kept in {letters}")]

    return look


def answers(check: Callable[[], Awaitable[object]], well: str) -> Look:
    """A thing that has a check of its own."""

    async def look() -> Sequence[Finding]:
        await check()
        return [Finding(well)]

    return look


def standing(ask: Ask, limits: Mapping[Figure, tuple[float, str]]) -> Look:
    """Figures, each with the greatest that is well, and what to do above it."""

    async def look() -> Sequence[Finding]:
        found = []
        for reading in await ask():
            most, advice = limits.get(reading.figure, (float("inf"), ""))
            labels = f" ({', '.join(reading.labels)})" if reading.labels else ""
            seen = f"{reading.figure.name.removeprefix('dangol_')}{labels}: {reading.value:g}"
            found.append(Finding(seen, advice if reading.value > most else ""))
        return found or [Finding("nothing waits")]

    return look


def neighbours(urls: Mapping[str, str]) -> dict[str, Look]:
    """Of each service that is asked (name, base address): is it ready for work?"""
    return {name: _neighbour(url) for name, url in urls.items()}


def _neighbour(url: str) -> Look:
    async def look() -> Sequence[Finding]:
        async with httpx.AsyncClient(timeout=_SECONDS) as client:
            answer = await client.get(f"{url}/readyz")
        if answer.status_code == 200:
            return [Finding("ready")]
        problems: Mapping[str, str] = answer.json().get("problems", {}) if answer.status_code == 503 else {}
        said = _in_words(problems.items()) or f"answers {answer.status_code}"
        return [Finding(f"not ready: {said}", "Run the `doctor` of that service.")]

    return look


def _in_words(problems: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {reason}" for name, reason in problems)
