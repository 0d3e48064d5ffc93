"""The composition root of contacts: settings are read and connections opened here and nowhere else."""

import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from common import health as common_health
from common import process, telemetry
from common.auth import Signer
from common.clock import Clock
from common.errors import Problem, Unavailable
from common.health import Health
from common.kafka import Producer, Reader
from common.peers import Peer
from common.postgres import Database, migrate
from common.relay import Relay
from contacts.bulk.neighbours import Neighbours
from contacts.erasure.neighbours import Readers
from contacts.neighbours import Followers
from contacts.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from contacts.imports.files import Files

_TABLES = ("common", "common.idempotency", "contacts")
_JOBS_AT_ONCE = 3
"""So that a short job need not wait for a long one."""


def _settings(role: str) -> Settings:
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    telemetry.configure("contacts", role, settings.log_level, settings.otlp_endpoint)
    return settings


@asynccontextmanager
async def _neighbours(settings: Settings) -> AsyncIterator[tuple[Neighbours, Readers, Followers]]:
    signer = Signer(settings.signing_key, settings.issuer, "service:contacts")
    async with httpx.AsyncClient(timeout=30) as client:
        urls = {"search": settings.search_url, "segments": settings.segments_url, "exports": settings.exports_url}
        peers = {name: Peer(client, signer, url, "contacts.read") for name, url in urls.items()}
        yield Neighbours(peers["search"]), Readers(peers), Followers(peers["search"], peers["segments"])


async def run_provision() -> None:
    """Make the role, the schema and the topics, with rights that the service has not itself."""
    from common.provision import command

    settings = _settings("provision")
    await command.run("contacts", settings.servers())


@asynccontextmanager
async def _files(settings: Settings) -> "AsyncIterator[Files]":
    from contacts.imports.files import Files

    if settings.bucket is None:
        yield Files(settings.files)
        return
    from common.files.s3 import S3

    async with S3.open_bucket(settings.bucket) as bucket:
        yield Files(settings.files, bucket)


async def run_migrate() -> None:
    """Bring the tables up to date."""
    settings = _settings("migrate")
    applied = await migrate(settings.postgres.get_secret_value(), _TABLES)
    telemetry.log.info("migrated", applied=applied)


async def run_relay() -> None:
    """Send the outbox to Kafka."""
    settings = _settings("relay")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=2, application="contacts-relay") as database,
        Producer.open(settings.brokers, client_id="contacts-relay") as producer,
    ):
        health = Health({"postgres": database.check, "kafka": producer.check})
        health.figures.add("postgres", database.figures)
        relay = Relay(database, producer, health)
        health.figures.add("outbox", relay.figures)
        await process.serve(common_health.application(health), settings.host, settings.port, health, [relay.run])


async def run_republish(arguments: Sequence[str]) -> None:
    """Tell the newest state of everyone again."""
    from common.clock import SystemClock
    from contacts.republishing import commands
    from contacts.republishing.handlers import Republisher

    command = commands.parse(arguments)
    settings = _settings("republish")
    async with Database.open(settings.postgres.get_secret_value(), size=3, application="contacts-republish") as database:
        try:
            told = await commands.run(command, Republisher(database, SystemClock(), rate=command.rate))
        except Problem as reason:
            raise SystemExit(reason.detail) from None
    sys.stdout.write(told)


async def run_restored() -> None:
    """Say what is to be said after the database was put back to an earlier moment."""
    from common.clock import SystemClock
    from common.ids import new_id
    from contacts.erasure.handlers import Erasures
    from contacts.republishing.restored import Restored

    settings = _settings("restored")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=3, application="contacts-restored") as database,
        _neighbours(settings) as (_, readers, _),
        _files(settings) as files,
    ):
        clock = SystemClock()

        def erases(receipt: UUID | None) -> Erasures:
            return Erasures(database, readers, files, clock, new_id if receipt is None else [receipt].pop)

        try:
            told = await Restored(database, clock, lambda name: Reader.open(settings.brokers, [name]), erases).run()
        except Unavailable as reason:
            raise SystemExit(reason.detail) from None
    sys.stdout.write(
        f"epoch {told.epoch}; {told.erased} contacts erased again; {told.strays} told gone that this database has not\n"
    )


async def run_worker() -> None:
    """Work jobs off."""
    from common.clock import SystemClock
    from common.ids import new_id
    from contacts import archiving
    from contacts.bulk import action as bulk_action
    from contacts.bulk.runner import BulkActions
    from contacts.fields.handlers import KIND as ARCHIVING
    from contacts.fields.handlers import Fields
    from contacts.handlers import Contacts
    from contacts.imports import order as import_job
    from contacts.imports.runner import Imports
    from contacts.jobs.figures import JobFigures
    from contacts.jobs.runner import Runner
    from contacts.jobs.worker import Worker
    from contacts.keeper import Keeper
    from contacts.revealing import Revealer

    settings = _settings("worker")
    async with (
        Database.open(
            settings.postgres.get_secret_value(), size=2 * _JOBS_AT_ONCE + 3, application="contacts-worker"
        ) as database,
        _neighbours(settings) as (neighbours, _, followers),
        _files(settings) as files,
    ):
        health = Health({"postgres": database.check, "files": files.check})
        health.figures.add("postgres", database.figures)
        clock = SystemClock()
        health.figures.add("jobs", JobFigures(database, clock))
        imports = Imports(database, Contacts(database, clock, new_id), Fields(database, clock, new_id), files)
        runners: dict[str, Runner] = {
            bulk_action.KIND: BulkActions(neighbours), ARCHIVING: archiving.Telling(followers), import_job.KIND: imports
        }  # fmt: skip
        workers = [Worker(f"worker-{n}:{new_id()}", database, runners, clock, health) for n in range(_JOBS_AT_ONCE)]
        revealer, keeper = Revealer(database, clock, health), Keeper(database, files, clock, health)
        app = common_health.application(health)
        loops = [*(worker.run for worker in workers), revealer.run, keeper.run]
        await process.serve(app, settings.host, settings.port, health, loops)


async def run_doctor() -> None:
    """Look at what the service needs, and say what is wrong and what to do."""
    from common import doctor
    from common.auth import Verifier
    from common.clock import SystemClock
    from common.topics import CHANNEL, CONTACTS, ERASURES, FIELDS, JOBS, VISITS, named
    from contacts.jobs.figures import OLDEST, JobFigures

    settings = _settings("doctor")
    dsn = settings.postgres.get_secret_value()
    async with Database.open(dsn, size=4, application="contacts-doctor") as database, _files(settings) as files:
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        used = named(CONTACTS, VISITS, FIELDS, ERASURES, CHANNEL, JOBS)
        urls = {"search": settings.search_url, "segments": settings.segments_url, "exports": settings.exports_url}
        await doctor.examine({
            "postgres": doctor.database(database, dsn, _TABLES),
            "kafka": doctor.topics(settings.brokers, used),
            "outbox": doctor.sending(database),
            "keys": doctor.answers(tokens.check, "tokens can be checked"),
            "files of imports": doctor.answers(files.check, "can be kept"),
            "jobs": doctor.standing(JobFigures(database, SystemClock()), {OLDEST: (3600, "Is a worker running? See its log.")}),
            **doctor.neighbours(urls),
        })  # fmt: skip


def routers() -> "list[APIRouter]":
    """The table of contents: every room's routes, in the order of the rooms."""
    from contacts import api
    from contacts.browser_keys import api as browser_keys
    from contacts.bulk import api as bulk
    from contacts.channel import api as channel
    from contacts.erasure import api as erasure
    from contacts.fields import api as fields
    from contacts.imports import api as imports
    from contacts.links import api as links
    from contacts.preferences import api as preferences
    from contacts.views import api as views
    from contacts.visits import api as visits

    rooms = (api, visits, fields, channel, imports, bulk, erasure, browser_keys, preferences, links, views)
    return [room.routes for room in rooms]


def _rooms(database: Database, neighbours: Neighbours, readers: Readers, files: "Files", clock: Clock) -> list[object]:
    """The commands and reads of every room, which its routes find by their classes."""
    from common.ids import new_id
    from contacts.browser_keys.handlers import BrowserKeys
    from contacts.bulk.handlers import BulkActions
    from contacts.channel.handlers import Channels
    from contacts.channel.queries import Queries as ChannelQueries
    from contacts.erasure.handlers import Erasures
    from contacts.fields.handlers import Fields
    from contacts.fields.queries import Queries as FieldQueries
    from contacts.handlers import Contacts
    from contacts.imports.handlers import Imports
    from contacts.links.handlers import Links
    from contacts.preferences.handlers import Preferences
    from contacts.queries import Queries
    from contacts.views.handlers import Views
    from contacts.visits.handlers import Visits

    reads = Queries(database)
    return [
        Contacts(database, clock, new_id),
        reads,
        Visits(database, clock, new_id),
        Fields(database, clock, new_id),
        FieldQueries(database),
        Channels(database, clock),
        ChannelQueries(database),
        Erasures(database, readers, files, clock, new_id),
        BrowserKeys(database, clock, new_id, lambda: secrets.token_urlsafe(24)),
        BulkActions(database, reads, neighbours, clock, new_id),
        Imports(database, files, clock, new_id),
        Preferences(database),
        Links(database, clock),
        Views(database, clock, new_id),
    ]


async def run_api() -> None:
    """Answer HTTP."""
    from common.auth import Verifier
    from common.body import MIB
    from common.clock import SystemClock
    from common.http import application
    from common.idempotency import Idempotency
    from contacts import api, keeper
    from contacts.browser_keys.cors import Cors
    from contacts.browser_keys.handlers import BrowserDoor
    from contacts.channel.handlers import Channels
    from contacts.member_path import MemberPaths

    settings = _settings("api")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=settings.pool_size, application="contacts-api") as database,
        _neighbours(settings) as (neighbours, readers, _),
        _files(settings) as files,
    ):
        tokens = Verifier(settings.jwks, settings.issuer, settings.issuers, most=settings.issuer_permissions)
        clock = SystemClock()
        health = Health({"postgres": database.check, "keys": tokens.check})
        health.figures.add("postgres", database.figures)
        door = BrowserDoor(tokens, database, clock)
        memory = Idempotency(database, bytes.fromhex(settings.idempotency_secret.get_secret_value()), clock)
        app = application(
            "contacts", "Takes in who the customers are and what they do, and keeps every change.", door, health,
            [*routers(), api.internal],
            limits={"/v1/contacts/batch": 8 * MIB, "/v1/visits": 8 * MIB, "/v1/imports": 256 * MIB, "/internal/": 64 * MIB},
            streamed=["/v1/imports"],
            parts=_rooms(database, neighbours, readers, files, clock),
            admitted=Channels(database, clock).ensure,
            fair_use=settings.fair_use,
            memory=memory,
            access_log=settings.access_log,
        )  # fmt: skip
        left = keeper.Leftovers(files, clock)
        loops = [memory.purge, tokens.watch, left.run]
        await process.serve(Cors(MemberPaths(app), door.is_known), settings.host, settings.port, health, loops)


ROLES = {
    "api": run_api,
    "worker": run_worker,
    "relay": run_relay,
    "migrate": run_migrate,
    "provision": run_provision,
    "restored": run_restored,
    "doctor": run_doctor,
}
