"""Puts a process of segments together: settings are read, connections opened and parts joined here and nowhere else."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from common import health, process, telemetry
from common.auth import Signer
from common.clock import Clock, SystemClock
from common.health import Health
from common.ids import new_id
from common.peers import Peer
from common.postgres import Database, migrate
from segments.neighbours import Neighbours, Notices
from segments.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from segments.api import ToldOf
    from segments.explaining.queries import Past
    from segments.term_sets.asked import TermSets
    from segments.waiting import Waiting

_TABLES = ("common", "common.idempotency", "segments")
_SWEEP_SHARE = 0.25
"""Of its time a sweep in the background works so much: the worker that tells what is due goes first."""


def routers() -> "list[APIRouter]":
    """The table of contents of the HTTP interface."""
    from segments import api
    from segments.changes import api as changes
    from segments.comparing import api as comparing
    from segments.explaining import api as explaining
    from segments.preview import api as preview

    return [room.router for room in (api, changes, explaining, comparing, preview)]


def parts(
    database: Database, term_sets: "TermSets", past: "Past", waiting: "Waiting", told_of: "ToldOf", clock: Clock, state: Health
) -> list[object]:
    """The commands and reads of every room, which its routes find by their classes."""
    from segments.api import Parts
    from segments.changes.queries import Log
    from segments.comparing.queries import Comparing
    from segments.explaining.queries import Explaining
    from segments.handlers import Segments
    from segments.preview.queries import Previews
    from segments.queries import Queries

    return [
        Parts(Segments(database, term_sets, clock, new_id), Queries(database), waiting, told_of, clock, state),
        Log(database),
        Explaining(database, term_sets, past, clock),
        Comparing(database),
        Previews(database, term_sets, clock, new_id),
    ]


async def _api(settings: Settings) -> None:
    from common.auth import Verifier
    from common.http import application
    from common.idempotency import Idempotency
    from common.kafka import Progress
    from common.topics import READS, named
    from segments import api
    from segments.consumer import GROUP
    from segments.waiting import Waiting

    clock = SystemClock()
    async with (
        _database(settings, "api") as database,
        _neighbours(settings) as neighbours,
        _notices(settings) as notices,
        Progress.open(settings.brokers) as progress,
    ):
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        state = Health({"postgres": database.check, "keys": tokens.check})
        state.figures.add("postgres", database.figures)
        waiting = Waiting(database, neighbours.sent, partial(progress.ends, named(*READS[GROUP])))
        memory = Idempotency(database, bytes.fromhex(settings.idempotency_secret.get_secret_value()), clock)
        app = application(
            "segments", "Named, live groups of contacts: definitions, members, the log of changes, and why.", tokens, state,
            [*routers(), api.internal], memory=memory, clock=clock, fair_use=settings.fair_use, access_log=settings.access_log,
            parts=parts(database, neighbours, neighbours, waiting, notices.told_of, clock, state),
        )  # fmt: skip
        await process.serve(app, settings.host, settings.port, state, [memory.purge, tokens.watch])


async def _consumer(settings: Settings) -> None:
    from common.consumer import Consumer
    from common.kafka import DeadLetters, Producer, Source
    from common.topics import READS
    from segments.consumer import GROUP, Judge

    async with (
        _database(settings, "consumer") as database,
        Producer.open(settings.brokers, client_id="segments-consumer") as producer,
    ):
        judge = Judge(database, SystemClock(), new_id)
        async with Source.open(
            settings.brokers, GROUP, READS[GROUP], positions=judge.positions, member=settings.member
        ) as source:
            state = Health({"postgres": database.check, "kafka": source.check})
            state.figures.add("postgres", database.figures)
            state.figures.add("kafka", source.figures)
            state.figures.add("dead letters", source.letters)
            apply = partial(judge.apply, beat=partial(state.beat, "consumer"))
            loop = Consumer(source, judge.decode, apply, DeadLetters(producer, GROUP, state), state)
            loops: list[process.Loop] = [loop.run, partial(judge.watch, state)]
            await process.serve(health.application(state), settings.host, settings.port, state, loops)


async def _worker(settings: Settings) -> None:
    from segments.changes.keeper import Keeper
    from segments.figures import SegmentFigures
    from segments.rules import Rules
    from segments.sweep import Sweeper
    from segments.term_sets.use import TermSetUse
    from segments.verify import Verifier
    from segments.worker import Builder, Timer

    clock, rules = SystemClock(), Rules()
    async with _database(settings, "worker") as database, _neighbours(settings) as neighbours:
        state = Health({"postgres": database.check})
        state.figures.add("postgres", database.figures)
        state.figures.add("segments", SegmentFigures(database, clock))
        timer = Timer(database, clock, new_id, state, rules=rules)
        loops = [timer.run, timer.tidy, Builder(database, clock, new_id, state, rules=rules).run]
        loops.append(TermSetUse(database, neighbours.use_term_set).run)
        if settings.changes_days > 0:
            loops.append(Keeper(database, clock, days=settings.changes_days).run)
        if settings.sweep_minutes > 0:
            verifier = Verifier(database, clock, new_id, share=_SWEEP_SHARE, rules=rules)
            sweeper = Sweeper(database, verifier, neighbours.found)
            loops.append(partial(sweeper.run, every=settings.sweep_minutes * 60))
        await process.serve(health.application(state), settings.host, settings.port, state, loops)


async def _relay(settings: Settings) -> None:
    from common.kafka import Producer
    from common.relay import Relay

    async with (
        _database(settings, "relay") as database,
        Producer.open(settings.brokers, client_id="segments-relay") as producer,
    ):
        state = Health({"postgres": database.check, "kafka": producer.check})
        state.figures.add("postgres", database.figures)
        relay = Relay(database, producer, state)
        state.figures.add("outbox", relay.figures)
        await process.serve(health.application(state), settings.host, settings.port, state, [relay.run])


async def _provision(settings: Settings) -> None:
    """Make the role, the schema and the topics, with rights that the service has not itself."""
    from common.provision import command

    await command.run("segments", settings.servers())


async def _migrate(settings: Settings) -> None:
    await migrate(settings.postgres.get_secret_value(), _TABLES)


async def _doctor(settings: Settings) -> None:
    """Look at what the service needs, and say what is wrong and what to do."""
    from common import doctor
    from common.auth import Verifier
    from common.topics import READS, SEGMENTS, named
    from segments.consumer import GROUP
    from segments.figures import BUILDING, LATE, SegmentFigures

    dsn = settings.postgres.get_secret_value()
    async with _database(settings, "doctor") as database:
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        limits = {LATE: (15, "Is a worker running, and has it time?"), BUILDING: (1800, "Is a worker running? See its log.")}
        urls = {"contacts": settings.contacts_url, "search": settings.search_url, "notify": settings.notify_url}
        await doctor.examine({
            "postgres": doctor.database(database, dsn, _TABLES),
            "kafka": doctor.topics(settings.brokers, named(SEGMENTS, *READS[GROUP])),
            "outbox": doctor.sending(database),
            "consumer": doctor.reading(settings.brokers, GROUP, named(*READS[GROUP])),
            "segments": doctor.standing(SegmentFigures(database, SystemClock()), limits),
            "keys": doctor.answers(tokens.check, "tokens can be checked"),
            **doctor.neighbours(urls),
        })  # fmt: skip


async def _rebuild(settings: Settings) -> None:
    from segments.rebuild import rebuild

    async with _database(settings, "rebuild") as database:
        count = await rebuild(database, SystemClock())
        telemetry.log.info("segments are judged again", count=count)


async def _verify(settings: Settings) -> None:
    from segments.sweep import Sweeper
    from segments.verify import Verifier

    async with _database(settings, "verify") as database, _neighbours(settings) as neighbours:
        report = await Sweeper(database, Verifier(database, SystemClock(), new_id), neighbours.found).sweep()
    if report is None:
        raise SystemExit("a sweep is under way in another process")
    if report.differences or report.repaired:
        raise SystemExit(1)


ROLES: dict[str, Callable[[Settings], Coroutine[Any, Any, None]]] = {
    "api": _api, "consumer": _consumer, "worker": _worker, "relay": _relay, "migrate": _migrate,
    "provision": _provision, "rebuild": _rebuild, "verify": _verify, "doctor": _doctor,
}  # fmt: skip


def dispatch(arguments: Sequence[str]) -> int | str:
    """Run the role that the command line names; answers the process's exit status, or what is wrong with the command line."""
    if len(arguments) != 1 or arguments[0] not in ROLES:
        return f"usage: python -m segments {'|'.join(ROLES)}"
    (role,) = arguments
    process.run(_become(role))
    return 0


async def _become(role: str) -> None:
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    telemetry.configure("segments", role, settings.log_level, settings.otlp_endpoint)
    await ROLES[role](settings)


@asynccontextmanager
async def _neighbours(settings: Settings) -> AsyncIterator[Neighbours]:
    signer = Signer(settings.signing_key, settings.issuer, "service:segments")
    async with httpx.AsyncClient(timeout=60) as client:
        search, contacts = (Peer(client, signer, url, "contacts.read") for url in (settings.search_url, settings.contacts_url))
        yield Neighbours(search, contacts)


@asynccontextmanager
async def _notices(settings: Settings) -> AsyncIterator[Notices]:
    signer = Signer(settings.signing_key, settings.issuer, "service:segments")
    async with httpx.AsyncClient() as client:
        yield Notices(Peer(client, signer, settings.notify_url, "notices.manage"))


def _database(settings: Settings, role: str) -> AbstractAsyncContextManager[Database]:
    return Database.open(settings.postgres.get_secret_value(), size=settings.pool_size, application=f"segments-{role}")
