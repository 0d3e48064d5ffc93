"""The composition root of notify: settings are read and connections opened here and nowhere else."""

import os
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from common import health as common_health
from common import kafka, process, telemetry
from common.auth import Signer
from common.clock import Clock, SystemClock
from common.health import Health
from common.ids import new_id
from common.peers import Peer
from common.postgres import Database, migrate
from common.sealing import Seal
from notify.destinations.store import Destinations as DestinationStore
from notify.sending.connection import system_lookup
from notify.sending.sender import Outside, believed
from notify.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

_TABLES = ("common.idempotency", "notify")
_LOOKUPS = 64
"""Names looked up at one time: one that hangs holds up nobody else's."""


def _settings(role: str) -> Settings:
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    telemetry.configure("notify", role, settings.log_level, settings.otlp_endpoint)
    return settings


async def run_provision() -> None:
    """Make the role, the schema and the topics, with rights that the service has not itself."""
    from common.provision import command

    settings = _settings("provision")
    await command.run("notify", settings.servers())


async def run_migrate() -> None:
    """Bring the tables up to date."""
    settings = _settings("migrate")
    applied = await migrate(settings.postgres.get_secret_value(), _TABLES)
    telemetry.log.info("migrated", applied=applied)


def _destinations(settings: Settings) -> DestinationStore:
    return DestinationStore(Seal(bytes.fromhex(settings.sealing_key.get_secret_value()), os.urandom))


@asynccontextmanager
async def _outside(settings: Settings) -> AsyncIterator[Outside]:
    threads = ThreadPoolExecutor(_LOOKUPS, "lookup")
    try:
        yield Outside(settings.allow, system_lookup(threads), believed())
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


async def run_consumer() -> None:
    """Tell managers and destinations what the others tell."""
    from common.consumer import Consumer
    from common.topics import READS
    from notify.consumer import GROUP, Notifier, decode

    settings = _settings("consumer")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=2, application="notify-consumer") as database,
        kafka.Producer.open(settings.brokers, client_id="notify-consumer") as producer,
        kafka.Source.open(settings.brokers, GROUP, READS[GROUP], member=settings.member) as source,
    ):
        health = Health({"postgres": database.check, "kafka": source.check})
        health.figures.add("postgres", database.figures)
        health.figures.add("kafka", source.figures)
        health.figures.add("dead letters", source.letters)
        notifier = Notifier(database, _destinations(settings), settings.public_url, SystemClock(), new_id)
        consumer = Consumer(source, decode, notifier.apply, kafka.DeadLetters(producer, GROUP, health), health)
        await process.serve(common_health.application(health), settings.host, settings.port, health, [consumer.run])


async def run_worker() -> None:
    """Send to destinations what is due, and tell what was gathered."""
    from notify.deliveries.courier import Courier
    from notify.deliveries.figures import DeliveryFigures
    from notify.deliveries.keeper import Keeper
    from notify.deliveries.round import Means
    from notify.deliveries.worker import Worker

    settings = _settings("worker")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=settings.pool_size, application="notify-worker") as database,
        _outside(settings) as outside,
    ):
        health, clock = Health({"postgres": database.check}), SystemClock()
        health.figures.add("postgres", database.figures)
        health.figures.add("deliveries", DeliveryFigures(database, clock))
        name = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        courier = Courier(database, outside, clock, new_id)
        worker = Worker(Means(name, database, _destinations(settings), courier, clock, new_id), health)
        keeper = Keeper(database, clock, new_id)
        loops = [worker.run, keeper.tell, keeper.purge]
        await process.serve(common_health.application(health), settings.host, settings.port, health, loops)


async def run_doctor() -> None:
    """Look at what the service needs, and say what is wrong and what to do."""
    from common import doctor
    from common.auth import Verifier
    from common.topics import READS, named
    from notify.consumer import GROUP
    from notify.deliveries.figures import LATE, DeliveryFigures

    settings = _settings("doctor")
    dsn = settings.postgres.get_secret_value()
    async with Database.open(dsn, size=3, application="notify-doctor") as database:
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        figures, read = DeliveryFigures(database, SystemClock()), named(*READS[GROUP])
        await doctor.examine({
            "postgres": doctor.database(database, dsn, _TABLES),
            "kafka": doctor.topics(settings.brokers, read),
            "consumer": doctor.reading(settings.brokers, GROUP, read),
            "deliveries": doctor.standing(figures, {LATE: (300, "Is a worker running? See its log.")}),
            "keys": doctor.answers(tokens.check, "tokens can be checked"),
            **doctor.neighbours({"segments": settings.segments_url}),
        })  # fmt: skip


def routers() -> "list[APIRouter]":
    """The table of contents of the HTTP interface."""
    from notify.deliveries import api as deliveries_api
    from notify.destinations import api as destinations_api
    from notify.room import api as room_api

    return [room_api.routes, destinations_api.routes, deliveries_api.routes]


def _parts(settings: Settings, database: Database, client: httpx.AsyncClient, outside: Outside, clock: Clock) -> list[object]:
    """The commands and the reads that the routes find."""
    from notify.deliveries.courier import Courier
    from notify.deliveries.handlers import Deliveries
    from notify.deliveries.queries import Queries as DeliveryQueries
    from notify.destinations.handlers import Destinations
    from notify.destinations.neighbours import Segments
    from notify.destinations.queries import Queries as DestinationQueries
    from notify.room.handlers import Rooms
    from notify.room.queries import Queries
    from notify.room.store import Store

    signer = Signer(settings.signing_key, settings.issuer, "service:notify")
    segments = Segments(Peer(client, signer, settings.segments_url, "contacts.read"))
    rooms, destinations = Store(database), _destinations(settings)
    courier = Courier(database, outside, clock, new_id)
    return [
        Queries(rooms),
        Rooms(rooms, clock),
        Destinations(database, destinations, segments, courier, outside.allowed, outside.lookup, clock, new_id),
        DestinationQueries(database, destinations),
        Deliveries(database, destinations, clock),
        DeliveryQueries(database),
    ]


async def run_api() -> None:
    """Answer HTTP."""
    from common.auth import Verifier
    from common.http import application
    from common.idempotency import Idempotency
    from common.listening import Listening
    from notify.destinations.api import internal

    settings = _settings("api")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=settings.pool_size, application="notify-api") as database,
        httpx.AsyncClient(timeout=30) as client,
        _outside(settings) as outside,
    ):
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        clock = SystemClock()
        health = Health({"postgres": database.check, "keys": tokens.check})
        health.figures.add("postgres", database.figures)
        memory = Idempotency(database, bytes.fromhex(settings.idempotency_secret.get_secret_value()), clock)
        app = application(
            "notify",
            "Tells managers what happened: in their own room, and wherever they like to hear it.",
            tokens,
            health,
            [*routers(), internal],
            parts=[*_parts(settings, database, client, outside, clock), Listening(health, clock)],
            fair_use=settings.fair_use,
            memory=memory,
            access_log=settings.access_log,
            clock=clock,
        )
        await process.serve(app, settings.host, settings.port, health, [memory.purge, tokens.watch])


ROLES = {
    "api": run_api,
    "consumer": run_consumer,
    "worker": run_worker,
    "migrate": run_migrate,
    "provision": run_provision,
    "doctor": run_doctor,
}
