"""What waits for the workers, for the metrics."""

from collections.abc import Sequence

from common.clock import Clock
from common.figures import Figure, Reading
from common.postgres import Database

_EXPORTS = Figure("dangol_exports_in_work", "Exports that are not over.", ("status",))
OLDEST = Figure(
    "dangol_exports_oldest_seconds", "For how long the oldest export that is not over has been there, by status.", ("status",)
)
LATE = Figure("dangol_exports_expire_late_seconds", "For how long the file that should have gone first is still there.")

_IN_WORK = """
select status, count(*) as exports, min(requested_at) as oldest from export
where status in ('waiting', 'counting', 'writing', 'verifying') group by status
"""
_TO_EXPIRE = "select min(expires_at) from export where status in ('ready', 'awaitingApproval')"


class ExportFigures:
    """Asks the table of exports."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self) -> Sequence[Reading]:
        """How many there are in each state, and since when. Raises Unavailable."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_IN_WORK)
            first = await connection.fetchval(_TO_EXPIRE)
        now = self._clock.now()
        late = 0.0 if first is None else max(0.0, (now - first).total_seconds())
        ages = [OLDEST.at((now - r["oldest"]).total_seconds(), r["status"]) for r in rows]
        return [*(_EXPORTS.at(r["exports"], r["status"]) for r in rows), *ages, LATE.at(late)]
