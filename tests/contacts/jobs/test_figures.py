"""What the metrics say of the table of jobs."""

from datetime import timedelta
from uuid import uuid4

from contacts.jobs.figures import JobFigures
from tests.contacts.conftest import NOW, World

_JOB = """
insert into job (channel, id, kind, version, status, requested_by, requested_at, body, state)
values ('shop', $1, $2, 1, $3, 'kim', $4, '{}', '{}')
"""


async def test_jobs_that_are_not_over_are_counted_and_the_oldest_of_each_kind_is_told(world: World) -> None:
    async with world.database.transaction() as tx:
        for kind, status, seconds in (
            ("import", "waiting", 30), ("import", "waiting", 10), ("import", "running", 50), ("bulkAction", "running", 5),
            ("bulkAction", "done", 900), ("import", "failed", 900),
        ):  # fmt: skip
            await tx.execute(_JOB, uuid4(), kind, status, NOW - timedelta(seconds=seconds))
    told = {(r.figure.name, *r.labels): r.value for r in await JobFigures(world.database, world.clock)()}
    assert told == {
        ("dangol_jobs", "import", "waiting"): 2,
        ("dangol_jobs", "import", "running"): 1,
        ("dangol_jobs", "bulkAction", "running"): 1,
        ("dangol_jobs_oldest_seconds", "import"): 50,
        ("dangol_jobs_oldest_seconds", "bulkAction"): 5,
    }
