"""The composition root of notify: settings are read and connections opened here and nowhere else."""

from typing import TYPE_CHECKING

from common import health as common_health
from common import kafka, process, telemetry
from common.clock import SystemClock
from common.health import Health
from common.ids import new_id
from common.postgres import Database, migrate
from common.topics import EXPORTS
from notify.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter
from notify.room.store import Store

GROUP = "notify"
READS = (EXPORTS,)


def _settings(role: str) -> Settings:
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    telemetry.configure("notify", role, settings.log_level, settings.otlp_endpoint)
    return settings


async def run_migrate() -> None:
    """Bring the tables up to date."""
    settings = _settings("migrate")
    applied = await migrate(settings.postgres.get_secret_value(), ["common.idempotency", "notify"])
    telemetry.log.info("migrated", applied=applied)


async def run_consumer() -> None:
    """Tell managers what exports.v1 tells."""
    from common.consumer import Consumer
    from notify.consumer import Notifier, decode

    settings = _settings("consumer")
    async with (
        Database.open(settings.postgres.get_secret_value(), size=2, application="notify-consumer") as database,
        kafka.Producer.open(settings.kafka, client_id="notify-consumer") as producer,
        kafka.Source.open(settings.kafka, GROUP, READS) as source,
    ):
        health = Health({"postgres": database.check, "kafka": source.check})
        notifier = Notifier(Store(database), settings.public_url, SystemClock(), new_id)
        consumer = Consumer(source, decode, notifier.apply, kafka.DeadLetters(producer, GROUP, health), health)
        await process.serve(common_health.application(health), settings.host, settings.port, health, [consumer.run])


def routers() -> "list[APIRouter]":
    """The table of contents of the HTTP interface."""
    from notify.room import api

    return [api.routes]


async def run_api() -> None:
    """Answer HTTP."""
    from common.auth import Verifier
    from common.http import application
    from common.idempotency import Idempotency
    from common.listening import Listening
    from notify.room.handlers import Rooms
    from notify.room.queries import Queries

    settings = _settings("api")
    async with Database.open(settings.postgres.get_secret_value(), size=settings.pool_size, application="notify-api") as database:
        tokens, clock = Verifier(settings.jwks, settings.issuer), SystemClock()
        health = Health({"postgres": database.check, "keys": tokens.check})
        memory = Idempotency(database, bytes.fromhex(settings.idempotency_secret.get_secret_value()), clock)
        app = application(
            "notify",
            "Tells managers what happened, in their own room first.",
            tokens,
            health,
            routers(),
            parts=[Queries(Store(database)), Rooms(Store(database), clock), Listening(health, clock)],
            memory=memory,
            clock=clock,
        )
        await process.serve(app, settings.host, settings.port, health, [memory.purge])


ROLES = {"api": run_api, "consumer": run_consumer, "migrate": run_migrate}
