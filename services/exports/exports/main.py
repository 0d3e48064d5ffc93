"""The composition root of exports: settings are read and connections opened here and nowhere else."""

import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import httpx

from common import health as common_health
from common import process, telemetry
from common.auth import Signer
from common.clock import Clock, SystemClock
from common.health import Health
from common.ids import new_id
from common.kafka import DeadLetters, Producer, Source
from common.peers import Peer
from common.postgres import Database, migrate
from common.relay import Relay
from exports.audit.rights import grant
from exports.files import Files
from exports.neighbours import Neighbours
from exports.sealing import Sealing
from exports.settings import Settings
from exports.signing import ManifestKeys

if TYPE_CHECKING:
    from fastapi import APIRouter

_TABLES = ("common", "common.idempotency", "exports")


def _settings(role: str) -> Settings:
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    telemetry.configure("exports", role, settings.log_level, settings.otlp_endpoint)
    return settings


@asynccontextmanager
async def _neighbours(settings: Settings) -> AsyncIterator[Neighbours]:
    signer = Signer(settings.signing_key, settings.issuer, "service:exports")
    async with httpx.AsyncClient(timeout=30) as client:
        contacts, search = (Peer(client, signer, url, "contacts.read") for url in (settings.contacts_url, settings.search_url))
        yield Neighbours(contacts, search)


@asynccontextmanager
async def _files(settings: Settings) -> AsyncIterator[Files]:
    if settings.bucket is None:
        yield Files(settings.files)
        return
    from common.files.s3 import S3

    async with S3.open_bucket(settings.bucket) as bucket:
        yield Files(settings.files, bucket)


def _sealing(settings: Settings) -> Sealing:
    return Sealing(bytes.fromhex(settings.sealing_key.get_secret_value()), os.urandom)


def _keys(settings: Settings) -> ManifestKeys:
    return ManifestKeys.of(settings.manifest_key.read_bytes(), settings.issuer)


async def run_provision() -> None:
    """Make the role, the schema and the topics, with rights that the service has not itself."""
    from common.provision import command

    settings = _settings("provision")
    await command.run("exports", settings.servers(settings.owner_postgres))


async def run_migrate() -> None:
    """Bring the tables up to date."""
    settings = _settings("migrate")
    owner = (settings.owner_postgres or settings.postgres).get_secret_value()
    applied = await migrate(owner, _TABLES)
    if settings.owner_postgres is not None:
        async with Database.open(owner, size=1, application="exports-migrate") as database:
            await grant(database, unquote(urlsplit(settings.postgres.get_secret_value()).username or ""))
    else:
        telemetry.log.warning("the service's own role owns the audit log, and could change it: set EXPORTS_OWNER_POSTGRES")
    telemetry.log.info("migrated", applied=applied)


async def run_audit(arguments: Sequence[str]) -> None:
    """A command on the audit log. Ends the process with 1 where the log is broken."""
    from exports.audit import commands

    command = commands.parse(arguments)
    settings = _settings("audit")
    async with Database.open(settings.postgres.get_secret_value(), size=1, application="exports-audit") as database:
        code = await commands.run(command, database)
    if code:
        raise SystemExit(code)


async def run_relay() -> None:
    """Send the outbox to Kafka."""
    settings = _settings("relay")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=2, application="exports-relay") as database,
        Producer.open(settings.brokers, client_id="exports-relay") as producer,
    ):
        health = Health({"postgres": database.check, "kafka": producer.check})
        health.figures.add("postgres", database.figures)
        relay = Relay(database, producer, health)
        health.figures.add("outbox", relay.figures)
        await process.serve(common_health.application(health), settings.host, settings.port, health, [relay.run])


async def run_worker() -> None:
    """Write files, and end what is over."""
    from exports.figures import ExportFigures
    from exports.keeper import Keeper
    from exports.worker import Worker

    settings = _settings("worker")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=4, application="exports-worker") as database,
        _neighbours(settings) as neighbours,
        _files(settings) as files,
    ):
        health = Health({"postgres": database.check, "files": files.check})
        health.figures.add("postgres", database.figures)
        name = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        clock = SystemClock()
        health.figures.add("exports", ExportFigures(database, clock))
        worker = Worker(
            name, database, neighbours, files, _sealing(settings), clock, new_id, health, _keys(settings),
            lease=timedelta(seconds=settings.lease_seconds), processes=settings.processes,
            alone_rows=settings.alone_rows,
        )  # fmt: skip
        keeper = Keeper(database, files, clock, new_id, health)
        app = common_health.application(health)
        await process.serve(app, settings.host, settings.port, health, [worker.run, keeper.run])


async def run_consumer() -> None:
    """Take away the files that hold an erased contact."""
    from common.consumer import Consumer
    from common.topics import READS
    from exports.consumer import GROUP, Withdrawer, decode

    settings = _settings("consumer")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=2, application="exports-consumer") as database,
        Producer.open(settings.brokers, client_id="exports-consumer") as producer,
        Source.open(settings.brokers, GROUP, READS[GROUP], member=settings.member) as source,
        _files(settings) as files,
    ):
        health = Health({"postgres": database.check, "kafka": source.check})
        health.figures.add("postgres", database.figures)
        health.figures.add("kafka", source.figures)
        health.figures.add("dead letters", source.letters)
        withdrawer = Withdrawer(database, files, SystemClock(), new_id)
        consumer = Consumer(source, decode, withdrawer.apply, DeadLetters(producer, GROUP, health), health)
        await process.serve(common_health.application(health), settings.host, settings.port, health, [consumer.run])


async def run_doctor() -> None:
    """Look at what the service needs, and say what is wrong and what to do."""
    from common import doctor
    from common.auth import Verifier
    from common.topics import EXPORTS, READS, named
    from exports.consumer import GROUP
    from exports.figures import LATE, OLDEST, ExportFigures

    settings = _settings("doctor")
    dsn = settings.postgres.get_secret_value()
    async with Database.open(dsn, size=3, application="exports-doctor") as database, _files(settings) as files:
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        limits = {
            OLDEST: (1800, "Is a worker running? See its log."),
            LATE: (900, "Look at /readyz of the worker."),
        }
        await doctor.examine({
            "postgres": doctor.database(database, dsn, _TABLES),
            "kafka": doctor.topics(settings.brokers, named(EXPORTS, *READS[GROUP])),
            "outbox": doctor.sending(database),
            "consumer": doctor.reading(settings.brokers, GROUP, named(*READS[GROUP])),
            "files": doctor.answers(files.check, "can be kept"),
            "exports": doctor.standing(ExportFigures(database, SystemClock()), limits),
            "keys": doctor.answers(tokens.check, "tokens can be checked"),
            **doctor.neighbours({"contacts": settings.contacts_url, "search": settings.search_url}),
        })  # fmt: skip


def routers() -> "list[APIRouter]":
    """The table of contents of the HTTP interface."""
    from exports import api
    from exports.audit import api as audit_api
    from exports.link import api as link_api

    return [api.routes, link_api.routes, api.keys, audit_api.routes]


def _reads(database: Database, neighbours: Neighbours, clock: Clock) -> list[object]:
    """What the routes ask."""
    from exports.audit.queries import AuditLog
    from exports.link.queries import Links
    from exports.queries import Allowances, Queries

    return [Queries(database), Allowances(database, neighbours, clock), AuditLog(database), Links(database, clock)]


async def run_api() -> None:
    """Answer HTTP."""
    from common.auth import Verifier
    from common.http import application
    from common.idempotency import Idempotency
    from common.listening import Listening
    from exports import api
    from exports.handlers import Exports
    from exports.link.browsers import Browsers
    from exports.link.rendering import Pages
    from exports.refusals import Refusals

    settings = _settings("api")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=settings.pool_size, application="exports-api") as database,
        _neighbours(settings) as neighbours,
        _files(settings) as files,
    ):
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        pages, clock = Pages(settings.public_url), SystemClock()
        health = Health({"postgres": database.check, "keys": tokens.check})
        health.figures.add("postgres", database.figures)
        commands = Exports(database, neighbours, files, _sealing(settings), clock, new_id, os.urandom)
        memory = Idempotency(database, bytes.fromhex(settings.idempotency_secret.get_secret_value()), clock)
        app = application(
            "exports", "Takes contacts out as encrypted Excel files that prove they are complete.", tokens, health,
            [*routers(), api.internal], public=["/exports", "/.well-known/jwks.json"], fair_use=settings.fair_use, memory=memory,
            access_log=settings.access_log,
            parts=[commands, _keys(settings), *_reads(database, neighbours, clock), pages, Listening(health, clock)],
        )  # fmt: skip
        whole = Browsers(Refusals(app, commands.refused), pages)
        await process.serve(
            whole, settings.host, settings.port, health, [memory.purge, tokens.watch], trusted_proxies=settings.trusted_proxies
        )


ROLES = {
    "api": run_api,
    "worker": run_worker,
    "consumer": run_consumer,
    "relay": run_relay,
    "migrate": run_migrate,
    "provision": run_provision,
    "doctor": run_doctor,
}
