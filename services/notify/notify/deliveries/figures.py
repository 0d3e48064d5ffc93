"""What waits to be sent to destinations, for the metrics."""

from collections.abc import Sequence

from common.clock import Clock
from common.figures import Figure, Reading
from common.postgres import Database

_DELIVERIES = Figure("dangol_deliveries", "Notices that wait to be sent, or were given up and can be sent again.", ("status",))
LATE = Figure("dangol_deliveries_late_seconds", "For how long the destination that was due first has waited to be sent to.")
_OFF = Figure("dangol_destinations_off", "Destinations that were switched off by their own failing.")

_STATE = """
select (select count(*) from delivery where status = 'waiting') as waiting,
    (select count(*) from delivery where status = 'parked') as parked,
    (select min(wake_at) from lane where wake_at is not null and (lease_until is null or lease_until <= $1)) as due,
    (select count(*) from destination where disabled_at is not null and disabled_by is null) as off
"""


class DeliveryFigures:
    """Asks the tables of deliveries and destinations."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self) -> Sequence[Reading]:
        """How many there are, and since when. Raises Unavailable."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_STATE, now)
        assert row is not None, "it asks no table"
        late = 0.0 if row["due"] is None else max(0.0, (now - row["due"]).total_seconds())
        counts = [_DELIVERIES.at(row[status], status) for status in ("waiting", "parked")]
        return [*counts, LATE.at(late), _OFF.at(row["off"])]
