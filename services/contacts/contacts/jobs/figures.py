"""What waits for the workers, for the metrics."""

from collections.abc import Sequence

from common.clock import Clock
from common.figures import Figure, Reading
from common.postgres import Database

_JOBS = Figure("dangol_jobs", "Jobs that are not over: bulk actions, imports, archivings.", ("kind", "status"))
OLDEST = Figure("dangol_jobs_oldest_seconds", "For how long the oldest job that is not over has been there.", ("kind",))

_IN_WORK = """
select kind, status, count(*) as jobs, min(requested_at) as oldest from job where status in ('waiting', 'running') group by 1, 2
"""


class JobFigures:
    """Asks the table of jobs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self) -> Sequence[Reading]:
        """How many there are of each kind, and since when. Raises Unavailable."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_IN_WORK)
        now = self._clock.now()
        oldest = {kind: min(r["oldest"] for r in rows if r["kind"] == kind) for kind in {r["kind"] for r in rows}}
        ages = [OLDEST.at((now - at).total_seconds(), kind) for kind, at in oldest.items()]
        return [*(_JOBS.at(r["jobs"], r["kind"], r["status"]) for r in rows), *ages]
