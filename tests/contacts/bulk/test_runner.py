"""Bulk actions on the real PostgreSQL: chunk by chunk, broken off anywhere, every contact is changed once and undone once."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.built_ins import CONSENTS
from common.errors import Conflict
from contacts.bulk.action import cause, undo_cause
from contacts.bulk.runner import BulkActions as Runner
from contacts.jobs.job import KEPT, Status
from contacts.jobs.worker import LEASE
from tests.contacts.bulk.conftest import ACTION, CHUNK, Bench, lasting
from tests.contacts.mortal import Killed, Mortal


async def test_large_contacts_are_changed_and_changed_back_a_few_at_a_time(bench: Bench) -> None:
    ids = [(await bench.world.put(f"u{n}", tags=["old"], profile={"memo": "가" * 7_000})).id for n in range(11)]
    before = await bench.contacts(ids)
    await bench.world.written()
    bench.runner = Runner(bench.runner._neighbours, chunk=8, most_bytes=60_000)
    job = await bench.ask(ids)
    done = await bench.work(job, 2)
    assert (done.status, done.counts) == (Status.DONE, {"changed": 11})
    written = await bench.world.written()
    assert (len(written), max(written) < 60_000 + 30_000) == (4, True)
    assert await bench.versions(cause(job.id)) == sorted(ids)
    await bench.commands.undo(bench.world.caller(), job.id)
    assert (await bench.work(job, 1)).counts == {"changed": 11, "undone": 11}
    written = await bench.world.written()
    assert (len(written), max(written) < 60_000 + 30_000) == (4, True)
    assert [lasting(c) for c in await bench.contacts(ids)] == [lasting(c) for c in before]


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK])
async def test_all_who_match_are_changed_whatever_their_number(bench: Bench, count: int) -> None:
    ids = bench.search.ids = await bench.fill(count)
    job = await bench.work(await bench.ask(None))
    assert (job.status, job.total, job.counts) == (Status.DONE, count, {"changed": count} if count else {})
    assert await bench.versions(cause(job.id)) == sorted(ids)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    count=st.integers(0, 8),
    deaths=st.lists(st.integers(0, 6), max_size=3),
    deaths_of_undo=st.lists(st.integers(0, 4), max_size=3),
    checked=st.booleans(),
    action=st.sampled_from([ACTION, {"removeTags": ["old"], "blocked": True}, {"set": dict.fromkeys(CONSENTS, False)}]),
    consents=st.lists(st.booleans(), min_size=8, max_size=8),
)
async def test_killed_anywhere_each_is_changed_once_and_an_undo_leaves_all_as_before(
    bench: Bench,
    count: int,
    deaths: list[int],
    deaths_of_undo: list[int],
    checked: bool,
    action: Mapping[str, Any],
    consents: list[bool],
) -> None:
    ids = await bench.fill(count)
    for contact_id, given_ in zip(ids, consents, strict=False):
        body = {"unsubscribeEmail": given_, "unsubscribeAppPush": given_}
        await bench.world.contacts.change(bench.world.caller(), contact_id, body, None)
    bench.search.ids = ids
    before = await bench.contacts(ids)
    bench.world.clock.instant += timedelta(minutes=1)
    job = await bench.ask(ids if checked else None, action) if count else await bench.ask(None, action)
    done = await bench.work(job, *deaths)
    assert (done.status, done.total, sum(done.counts.values())) == (Status.DONE, count, count)
    changed = [i for i, result in (await bench.results(job)).items() if result["status"] == "changed"]
    assert len(changed) == done.counts.get("changed", 0)
    assert await bench.versions(cause(job.id)) == sorted(changed)
    await bench.commands.undo(bench.world.caller(), job.id)
    undone = await bench.work(job, *deaths_of_undo)
    assert (undone.status, undone.counts.get("undone", 0), undone.counts.get("skipped", 0)) == (Status.UNDONE, len(changed), 0)
    assert await bench.versions(undo_cause(job.id)) == sorted(changed)
    assert [lasting(c) for c in await bench.contacts(ids)] == [lasting(c) for c in before]


async def test_an_action_that_was_cancelled_midway_is_undone_as_far_as_it_came(bench: Bench) -> None:
    ids = await bench.fill(7)
    before = await bench.contacts(ids)
    job = await bench.ask(ids)
    name = "mortal"
    with pytest.raises(Killed):
        await bench.worker(name, Mortal(bench.world, name, bench.runner, 1)).work_once(asyncio.Event())
    cancelled = await bench.commands.cancel(bench.world.caller(), job.id)
    assert (cancelled.status, cancelled.counts) == (Status.CANCELLED, {"changed": CHUNK})
    assert (await bench.work(job)).counts == {"changed": CHUNK}
    undone = await bench.undo(job)
    assert (undone.status, undone.counts) == (Status.UNDONE, {"changed": CHUNK, "undone": CHUNK})
    assert [lasting(c) for c in await bench.contacts(ids)] == [lasting(c) for c in before]


async def test_what_was_searched_for_is_kept_until_it_is_written_down_whom_the_action_is_for(bench: Bench) -> None:
    bench.search.ids = await bench.fill(7)
    job = await bench.ask(None)
    with pytest.raises(Killed):
        await bench.worker("w", Mortal(bench.world, "w", bench.runner, 3)).work_once(asyncio.Event())
    assert (await bench.commands.job(bench.world.channel, job.id)).cursor is None
    assert (await bench.asked(job)).keys() == {"action", "target"}  # a choice that was broken off begins anew
    bench.world.clock.instant += LEASE + timedelta(seconds=1)
    with pytest.raises(Killed):
        await bench.worker("w", Mortal(bench.world, "w", bench.runner, 6)).work_once(asyncio.Event())
    assert (await bench.commands.job(bench.world.channel, job.id)).cursor is not None
    assert await bench.asked(job) == {"action": ACTION}
    bench.world.clock.instant += LEASE + timedelta(seconds=1)
    assert (await bench.work(job)).counts == {"changed": 7}
    assert (await bench.undo(job)).status is Status.UNDONE


async def test_what_was_searched_for_goes_with_an_action_that_ends_before_it_began(bench: Bench) -> None:
    bench.search.ids = await bench.fill(2)
    cancelled = await bench.ask(None)
    await bench.commands.cancel(bench.world.caller(), cancelled.id)
    failed = await bench.ask(None)
    bench.search.grown = True
    assert (await bench.work(failed)).status is Status.FAILED
    for job in (cancelled, failed):
        assert await bench.asked(job) == {"action": ACTION}
        assert (await bench.undo(job)).status is Status.UNDONE  # of nothing


async def test_an_action_and_its_results_are_kept_for_thirty_days(bench: Bench) -> None:
    ids = await bench.fill(4)
    job = await bench.work(await bench.ask(ids))
    begun = bench.world.clock.instant
    bench.world.clock.instant = begun + KEPT - timedelta(hours=1)
    await bench.clear_up()
    assert (await bench.results(job)).keys() == set(ids)
    young = await bench.ask(ids)
    bench.world.clock.instant = begun + KEPT + timedelta(milliseconds=1)
    with pytest.raises(Conflict):
        await bench.commands.undo(bench.world.caller(), job.id)
    await bench.clear_up()
    assert await bench.world.count("select count(*) from job") == 1
    assert (await bench.commands.job(bench.world.channel, young.id)).in_work
    assert await bench.world.count("select count(*) from bulk_action_contact where job_id <> $1", young.id) == 0


async def test_a_stream_that_breaks_off_changes_nobody_and_is_asked_for_again(bench: Bench) -> None:
    ids = bench.search.ids = await bench.fill(7)
    job = await bench.ask(None)
    bench.search.lines = 6
    assert await bench.worker("w", bench.runner).work_once(asyncio.Event())
    waiting = await bench.commands.job(bench.world.channel, job.id)
    assert (waiting.status, waiting.counts, waiting.attempts) == (Status.WAITING, {}, 1)
    assert await bench.versions(cause(job.id)) == []
    bench.search.lines = None
    bench.world.clock.instant += timedelta(seconds=2)
    assert (await bench.work(job)).counts == {"changed": 7}
    assert await bench.versions(cause(job.id)) == sorted(ids)


async def test_a_stream_that_never_ends_well_is_given_up(bench: Bench) -> None:
    bench.search.ids = await bench.fill(2)
    job = await bench.ask(None)
    bench.search.lines = 2
    failed = await bench.work(job)
    assert failed.status is Status.FAILED
    assert failed.problem is not None
    assert await bench.versions(cause(job.id)) == []


async def test_an_audience_that_grew_while_the_action_waited_is_not_acted_upon(bench: Bench) -> None:
    bench.search.ids = await bench.fill(2)
    job = await bench.ask(None)
    bench.search.grown = True
    failed = await bench.work(job)
    assert (failed.status, failed.problem) == (Status.FAILED, "Many more match.")
    assert await bench.versions(cause(job.id)) == []


async def test_each_choice_keeps_its_own_rows(bench: Bench) -> None:
    ids = bench.search.ids = await bench.fill(4)
    first, second = await bench.ask(None), await bench.ask(ids[:1])
    await bench.work(first, 2)
    assert len(await bench.results(first)) == 4
    assert len(await bench.results(second)) == 1
    rows = "select count(*) from bulk_action_contact where job_id = $1"
    assert [await bench.world.count(rows, job.id) for job in (first, second)] == [4, 1]


async def test_actions_that_an_earlier_version_began_go_on_where_they_were(bench: Bench) -> None:
    """It had a row for each who was chosen, and wrote into that what became of them."""
    ids = bench.search.ids = await bench.fill(7)
    begun, waiting, cancelled = await bench.ask(None), await bench.ask(ids, {"blocked": True}), await bench.ask(ids)
    with pytest.raises(Killed):
        await bench.worker("w", Mortal(bench.world, "w", bench.runner, 6)).work_once(asyncio.Event())
    assert len(await bench.results(begun)) == CHUNK
    await bench.commands.cancel(bench.world.caller(), cancelled.id)
    up, down = (files("contacts") / "migrations" / "0025_bulk_actions_noted_once.sql").read_text("utf-8").split("-- migrate:down")
    async with bench.world.database.transaction() as tx:
        await tx.execute(down)
        assert await tx.fetchval("select count(*) from bulk_action_contact where job_id = any($1)", [begun.id, waiting.id]) == 14
    async with bench.world.database.transaction() as tx:
        await tx.execute(up)
    bench.world.clock.instant += LEASE + timedelta(seconds=1)
    assert (await bench.work(begun)).counts == {"changed": 7}
    assert await bench.versions(cause(begun.id)) == sorted(ids)
    assert (await bench.work(waiting)).counts == {"changed": 7}
    assert (len(await bench.results(waiting)), len(await bench.results(cancelled))) == (7, 0)
    assert (await bench.undo(begun)).counts == {"changed": 7, "undone": 7}


async def test_a_stream_in_another_order_than_that_of_ids_is_not_acted_upon(bench: Bench) -> None:
    """Whoever came after a greater id would be passed over in silence."""
    bench.search.ids = await bench.fill(2 * CHUNK)
    bench.search.turned = True
    job = await bench.work(await bench.ask(None))
    assert (job.status, job.counts) == (Status.FAILED, {})
