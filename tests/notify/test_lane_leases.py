"""Who holds a destination's lane, and for how long: what a worker does not work at is another's, or its own again."""

from datetime import timedelta

from notify.deliveries import store
from tests.notify.house import House, completed, done
from tests.support.api import eventually
from tests.support.outside import Outside


async def test_what_a_killed_worker_held_is_taken_over(house: House) -> None:
    async with Outside.open() as outside:
        made = await house.destination(outside)
        await house.tell(completed())
        async with house.database.transaction() as tx:
            now = house.clock.now()
            assert await store.claim(tx, "dead", now, now + timedelta(seconds=1), 10) == [("c", made)]
        async with house.working():
            await house.until(done(1))
    assert len(outside.taken) == 1


async def test_a_lane_that_met_an_error_is_taken_up_anew_by_the_worker_that_goes_on(house: House) -> None:
    """Its lease runs out although the worker that took it keeps those of its other lanes."""

    async def ran_out() -> bool:
        async with house.database.connection() as connection:
            return bool(await connection.fetchval("select lease_until < now() from lane where lease_by = 'one'"))

    async with Outside.open() as outside:
        destination = await house.destination(outside)
        await house.tell(completed())
        async with house.database.transaction() as tx:
            notice = await tx.fetchval("select notice from delivery where destination_id = $1", destination)
            await tx.execute("update delivery set notice = '{}' where destination_id = $1", destination)
        async with house.working(lease=timedelta(seconds=0.6)):
            await eventually(ran_out, bool, 30)
            async with house.database.transaction() as tx:
                await tx.execute("update delivery set notice = $1 where destination_id = $2", notice, destination)
            await house.until(done(1))
        assert len(outside.taken) == 1
