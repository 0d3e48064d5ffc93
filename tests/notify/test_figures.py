"""What the metrics say of what is to be sent to destinations."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from common.clock import FixedClock
from common.postgres import Database
from notify.deliveries.figures import DeliveryFigures

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
_DESTINATION = """
insert into destination (channel, id, version, kind, events, language, created_at, created_by, disabled_at, disabled_by)
values ('shop', $1, 1, 'webhook', '{}', 'ko', $2, 'kim', $3, $4)
"""
_LANE = "insert into lane (channel, destination_id, wake_at, lease_until) values ('shop', $1, $2, $3)"
_DELIVERY = """
insert into delivery (channel, id, destination_id, event_id, event, at, notice, status, since)
values ('shop', $1, $2, $3, 'export.ready', $4, '{}', $5, $4)
"""


async def test_notices_that_wait_and_that_were_given_up_are_counted_and_how_late_the_first_is(database: Database) -> None:
    figures = DeliveryFigures(database, FixedClock(NOW))
    async with database.transaction() as tx:
        for number, (late, leased, off, by) in enumerate((
            (40, 5, None, None),  # somebody is sending to it
            (12, -5, None, None),
            (-60, -5, None, None),
            (None, None, NOW, None),
            (None, None, NOW, "kim"),
        )):  # fmt: skip
            one = UUID(int=number)
            await tx.execute(_DESTINATION, one, NOW, off, by)
            wake = None if late is None else NOW - timedelta(seconds=late)
            await tx.execute(_LANE, one, wake, None if leased is None else NOW + timedelta(seconds=leased))
        for number, status in enumerate(("waiting", "waiting", "parked", "delivered", "delivered", "delivered")):
            await tx.execute(_DELIVERY, UUID(int=number), UUID(int=0), str(number), NOW, status)
    told = {(r.figure.name, *r.labels): r.value for r in await figures()}
    assert told == {
        ("dangol_deliveries", "waiting"): 2,
        ("dangol_deliveries", "parked"): 1,
        ("dangol_deliveries_late_seconds",): 12,
        ("dangol_destinations_off",): 1,
    }
