"""The composition root of search: settings are read and connections opened here and nowhere else."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import httpx
import stamina

from common import health as common_health
from common import kafka, process, telemetry
from common.auth import Signer
from common.clock import Clock
from common.errors import NotFound, Unavailable
from common.health import Health
from common.peers import Peer
from common.postgres import Database, migrate
from common.topics import READS, dead_letter_topic, named
from search.connection import OtherLayout
from search.index import Index
from search.neighbours import Neighbours
from search.queries import CaughtUp
from search.settings import Settings
from search.store import Store

if TYPE_CHECKING:
    from fastapi import APIRouter

GROUP = "search"
_TABLES = ("common.idempotency", "search")
_INDEX_SECONDS = 60.0


def _settings(role: str) -> Settings:
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    telemetry.configure("search", role, settings.log_level, settings.otlp_endpoint)
    return settings


@asynccontextmanager
async def _neighbours(settings: Settings) -> AsyncIterator[Neighbours]:
    signer = Signer(settings.signing_key, settings.issuer, "service:search")
    async with httpx.AsyncClient(timeout=30) as client:
        contacts, segments = (
            Peer(client, signer, url, "contacts.read") for url in (settings.contacts_url, settings.segments_url)
        )
        yield Neighbours(contacts, segments)


async def run_provision() -> None:
    """Make the role, the schema and the topics, with rights that the service has not itself."""
    from common.provision import command

    settings = _settings("provision")
    await command.run("search", settings.servers())
    async with Index.open(settings.admin_cluster) as index:
        left: list[str] = []
        try:
            done = await index.keep_settings()
            if settings.index_replicas is not None:
                copied, left = await index.keep_replicas(settings.index_replicas)
                done += copied
            await index.check_clauses()
        except Unavailable as reason:
            raise SystemExit(reason.detail) from None
    sys.stdout.write(f"{', '.join(done)} set\n" if done else "OpenSearch is set as it is to be\n")
    if left:
        raise SystemExit("\n".join(left))


async def run_migrate() -> None:
    """Bring the tables up to date and make the index."""
    settings = _settings("migrate")
    applied = await migrate(settings.postgres.get_secret_value(), _TABLES)
    async with (
        Database.open(settings.postgres.get_secret_value(), size=1, application="search-migrate") as database,
        Index.open(settings.cluster) as index,
    ):
        created = False
        # A node that has just started may not answer in time yet.
        async for attempt in stamina.retry_context(on=Unavailable, attempts=None, timeout=_INDEX_SECONDS, wait_max=5.0):
            with attempt:
                created = await index.create(replicas=settings.index_replicas or 0)
        try:
            await index.check_layout()
        except OtherLayout as reason:
            telemetry.log.warning(
                "until the index is rebuilt, searches that ask for what it lacks are refused", reason=reason.detail
            )
        # What a killed rebuild left holds personal data, and nobody would ever erase it there.
        async with Store(database).rebuilding() as granted:
            for stray in await index.strays() if granted else []:
                await index.remove(stray)
    telemetry.log.info("migrated", applied=applied, index_created=created)


async def run_consumer() -> None:
    """Project contacts.v1 and fields.v1 into the index."""
    from common.consumer import Consumer
    from search.consumer import Projector, until_writable
    from search.projection import Projection, decode

    settings = _settings("consumer")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=3, application="search-consumer") as database,
        Index.open(settings.cluster) as index,
        _neighbours(settings) as neighbours,
        kafka.Producer.open(settings.brokers, client_id="search-consumer") as producer,
        kafka.Source.open(settings.brokers, GROUP, READS[GROUP], member=settings.member) as source,
    ):
        health = Health({"postgres": database.check, "opensearch": index.check, "kafka": source.check})
        health.figures.add("postgres", database.figures)
        health.figures.add("kafka", source.figures)
        health.figures.add("dead letters", source.letters)
        dead_letters = kafka.DeadLetters(producer, GROUP, health)
        store = Store(database)
        projector = Projector(store, index, Projection(store, neighbours), dead_letters)
        consumer = Consumer(source, decode, projector.prepare, dead_letters, health)

        async def project(stop: asyncio.Event) -> None:
            await until_writable(index, health, stop)
            await consumer.run(stop)

        await process.serve(common_health.application(health), settings.host, settings.port, health, [project])


async def run_rebuild() -> None:
    """Fill a new index while the old one serves, then put it in its place."""
    from search.projection import Projection
    from search.rebuild import CannotRebuild, Rebuilder

    settings = _settings("rebuild")
    _stop_by_cancelling()
    async with (
        Database.open(settings.postgres.get_secret_value(), size=4, application="search-rebuild") as database,
        Index.open(settings.cluster) as index,
        _neighbours(settings) as neighbours,
        kafka.Producer.open(settings.brokers, client_id="search-rebuild") as producer,
    ):
        store = Store(database)
        dead_letters = kafka.DeadLetters(producer, GROUP, Health({}))
        topic = partial(_topic, settings.brokers)
        try:
            done = await Rebuilder(store, index, Projection(store, neighbours), dead_letters, topic).run(settings.readers_seconds)
        except (CannotRebuild, Unavailable) as reason:
            raise SystemExit(f"The rebuild did not end. {reason}") from None
    sys.stdout.write(f"{done.documents} documents in {done.seconds:.1f} s, in {done.index}\n")


async def run_dlq(arguments: Sequence[str]) -> None:
    """Look at the dead letters, try them again, drop them."""
    from common.clock import SystemClock
    from search.consumer import Projector
    from search.dead_letters import commands as dlq
    from search.dead_letters.box import DeadLetterBox
    from search.dead_letters.store import LetterStore
    from search.projection import Projection

    command = dlq.parse(arguments)
    settings = _settings("dlq")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=2, application="search-dlq") as database,
        Index.open(settings.cluster) as index,
        _neighbours(settings) as neighbours,
    ):
        store = Store(database)
        projection = Projection(store, neighbours)
        letters = partial(_topic, settings.brokers, dead_letter_topic(GROUP))
        box = DeadLetterBox(
            LetterStore(database), letters, lambda aside: Projector(store, index, projection, aside).apply, SystemClock()
        )
        try:
            status = await dlq.run(command, box)
        except (NotFound, Unavailable) as reason:
            raise SystemExit(reason.detail) from None
    raise SystemExit(status)


def _topic(servers: kafka.Where, name: str) -> AbstractAsyncContextManager[kafka.Reader]:
    return kafka.Reader.open(servers, [name])


def _stop_by_cancelling() -> None:
    """Have SIGTERM end a command as an interrupt from the keyboard does: what it must tidy up, it does."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def run_doctor() -> None:
    """Look at what the service needs, and say what is wrong and what to do."""
    from common import doctor
    from common.auth import Verifier

    settings = _settings("doctor")
    dsn = settings.postgres.get_secret_value()
    async with (
        Database.open(dsn, size=2, application="search-doctor") as database,
        Index.open(settings.cluster) as index,
    ):
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        read = named(*READS[GROUP])
        await doctor.examine({
            "postgres": doctor.database(database, dsn, _TABLES),
            "kafka": doctor.topics(settings.brokers, read),
            "consumer": doctor.reading(settings.brokers, GROUP, read),
            "opensearch": doctor.answers(index.check, "there is an index, and it takes our filters"),
            "layout": doctor.answers(index.check_layout, "the index is of this version"),
            "keys": doctor.answers(tokens.check, "tokens can be checked"),
            **doctor.neighbours({"contacts": settings.contacts_url, "segments": settings.segments_url}),
        })  # fmt: skip


def routers() -> "list[APIRouter]":
    """The table of contents of the HTTP interface."""
    from search import api
    from search.term_sets import api as term_sets

    return [api.routes, term_sets.routes]


def _caught_up(progress: kafka.Progress) -> Callable[[], Awaitable[CaughtUp]]:
    """Tells, from a moment on, whether the consumer has come as far as the topics reached in that moment."""

    async def caught_up() -> CaughtUp:
        ends = await progress.ends(named(*READS[GROUP]))

        async def applied() -> bool:
            done = await progress.committed(GROUP)
            return all(end == 0 or done.get(place, 0) >= end for place, end in ends.items())

        return applied

    return caught_up


def _rooms(
    database: Database, index: Index, neighbours: Neighbours, progress: kafka.Progress, settings: Settings, clock: Clock
) -> list[object]:
    """The commands and reads of every room, which its routes find by their classes."""
    from common.ids import new_id
    from search.distinct import Distinct
    from search.explaining import Explaining
    from search.queries import Finder
    from search.seal import Sealer
    from search.term_sets.handlers import TermSets
    from search.term_sets.store import TermSetStore

    sealer = Sealer(settings.fingerprint_key.get_secret_value().encode())
    store, term_sets = Store(database), TermSetStore(database)
    finder = Finder(store, term_sets, index, neighbours, sealer, clock, _caught_up(progress))
    sets = TermSets(store, term_sets, index, sealer, clock, new_id)
    return [
        finder,
        sets,
        Distinct(finder.understanding, index),
        Explaining(finder.understanding, sets, index, neighbours, clock),
    ]


async def run_api() -> None:
    """Answer HTTP."""
    from common.auth import Verifier
    from common.body import MIB
    from common.clock import SystemClock
    from common.http import application
    from common.idempotency import Idempotency
    from search import api
    from search.term_sets import api as term_set_routes
    from search.term_sets.keeper import Keeper
    from search.term_sets.store import TermSetStore

    settings = _settings("api")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=settings.pool_size, application="search-api") as database,
        Index.open(settings.cluster) as index,
        _neighbours(settings) as neighbours,
        kafka.Progress.open(settings.brokers) as progress,
    ):
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        clock = SystemClock()
        health = Health({"postgres": database.check, "opensearch": index.check, "keys": tokens.check})
        health.figures.add("postgres", database.figures)
        memory = Idempotency(database, bytes.fromhex(settings.idempotency_secret.get_secret_value()), clock)
        app = application(
            "search",
            "Finds contacts: quick search, the filter language, paging.",
            tokens,
            health,
            [*routers(), api.internal, term_set_routes.internal],
            limits={"/internal/": 64 * MIB, "/v1/term-sets": 64 * MIB},
            parts=_rooms(database, index, neighbours, progress, settings, clock),
            fair_use=settings.fair_use,
            memory=memory,
            access_log=settings.access_log,
        )
        keeper = Keeper(TermSetStore(database), clock, health)
        await process.serve(app, settings.host, settings.port, health, [memory.purge, tokens.watch, keeper.run])


ROLES = {
    "api": run_api,
    "consumer": run_consumer,
    "migrate": run_migrate,
    "provision": run_provision,
    "rebuild": run_rebuild,
    "doctor": run_doctor,
}
