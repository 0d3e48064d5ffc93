"""What the metrics say of the table of exports."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from common.clock import FixedClock
from exports.figures import ExportFigures
from localstack.stack import Stack
from tests.support.postgres import fresh_database

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
_EXPORT = """
insert into export (channel, id, version, status, requested_by, requested_at, expires_at, state)
values ('shop', $1, 1, $2, 'kim', $3, $4, '{}')
"""


async def test_exports_that_are_not_over_are_counted_and_how_late_the_first_file_goes(servers: Stack) -> None:
    async with fresh_database(servers.postgres_dsn(None), ["common", "exports"]) as database:
        figures = ExportFigures(database, FixedClock(NOW))
        assert [(r.figure.name, r.value) for r in await figures()] == [("dangol_exports_expire_late_seconds", 0)]
        async with database.transaction() as tx:
            for status, seconds in (("waiting", 30), ("waiting", 10), ("writing", 50), ("ready", 900), ("failed", 900)):
                at = NOW - timedelta(seconds=seconds)
                await tx.execute(_EXPORT, uuid4(), status, at, at + timedelta(seconds=893) if status == "ready" else None)
        told = {(r.figure.name, *r.labels): r.value for r in await figures()}
    assert told == {
        ("dangol_exports_in_work", "waiting"): 2,
        ("dangol_exports_in_work", "writing"): 1,
        ("dangol_exports_oldest_seconds", "waiting"): 30,
        ("dangol_exports_oldest_seconds", "writing"): 50,
        ("dangol_exports_expire_late_seconds",): 7,
    }
