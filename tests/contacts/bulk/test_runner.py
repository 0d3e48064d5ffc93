"""Bulk actions on the real PostgreSQL: chunk by chunk, broken off anywhere, every contact is changed once and undone once."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common.auth import Signer
from common.built_ins import CONSENTS
from common.errors import Conflict
from common.events.contacts import Contact
from common.health import Health
from common.http import problem_response
from common.ids import new_id
from common.peers import Peer
from contacts.bulk.action import KIND, cause, undo_cause
from contacts.bulk.handlers import Ask, BulkActions
from contacts.bulk.neighbours import Neighbours
from contacts.bulk.runner import BulkActions as Runner
from contacts.erasure.handlers import Erasures
from contacts.erasure.neighbours import Readers
from contacts.jobs.job import KEPT, Job, Status
from contacts.jobs.worker import LEASE, Worker
from contacts.keeper import Keeper
from tests.contacts.conftest import World
from tests.contacts.mortal import Killed, Mortal

CHUNK = 3
ACTION: Mapping[str, Any] = {"addTags": ["VIP"], "set": {"unsubscribeEmail": True}}


class Search:
    """Search, as far as bulk actions ask it: these ids match, and a stream may break off after so many lines."""

    def __init__(self) -> None:
        self.ids: Sequence[UUID] = ()
        self.lines: int | None = None
        self.grown = False
        self.app = Starlette(
            routes=[
                Route("/internal/audience", self.audience, methods=["POST"]),
                Route("/internal/scan", self.scan, methods=["POST"]),
            ]
        )

    async def audience(self, _: Request) -> Response:
        if self.grown:
            return problem_response(Conflict("Many more match.", code="audienceChanged", pointer="/fingerprint"))
        return JSONResponse({"total": len(self.ids)})

    async def scan(self, request: Request) -> Response:
        assert await request.json() == {"filter": {"and": []}, "whole": False}
        rows: list[object] = [{"total": len(self.ids), "instant": "2026-11-24T03:00:00.000Z"}]
        rows += [{"id": str(i), "version": 1} for i in sorted(self.ids)]
        rows.append({"end": True, "rows": len(self.ids)})
        return Response(b"\n".join(orjson.dumps(row) for row in rows[: self.lines]))


class Bench:
    """A channel's contacts, the commands on bulk actions, and workers on them."""

    def __init__(self, world: World, search: Search, neighbours: Neighbours) -> None:
        self.world = world
        self.search = search
        self.runner = Runner(neighbours, chunk=CHUNK)
        self.commands = BulkActions(world.database, world.queries, neighbours, world.clock, new_id)
        self.erasures = Erasures(world.database, Readers({}), world.files, world.clock, new_id)

    async def fill(self, count: int) -> list[UUID]:
        """So many new members, oldest first."""
        run = new_id()
        return [(await self.world.put(f"{run}-{n}", tags=["old"])).id for n in range(count)]

    async def ask(self, ids: Sequence[UUID] | None, action: Mapping[str, Any] = ACTION) -> Job:
        """Over these contacts, or over the search's."""
        target = {"filter": {"and": []}, "fingerprint": "seen"} if ids is None else {}
        return await self.commands.ask(self.world.caller(), Ask(action, ids, target, None))

    async def undo(self, job: Job) -> Job:
        await self.commands.undo(self.world.caller("lee"), job.id)
        return await self.work(job)

    async def work(self, job: Job, *deaths: int) -> Job:
        """Workers until nothing is left to do, after some that died before their piece of that number; the job then."""
        for n, pieces in enumerate(deaths):
            name = f"{job.id}-{n}"
            worker = self.worker(name, Mortal(self.world, name, self.runner, pieces))
            try:
                await worker.work_once(asyncio.Event())
            except Killed:
                self.world.clock.instant += LEASE + timedelta(seconds=1)
        while await self.worker(str(new_id()), self.runner).work_once(asyncio.Event()):
            self.world.clock.instant += timedelta(seconds=31)
        return await self.commands.job(self.world.channel, job.id)

    def worker(self, name: str, runner: Runner | Mortal) -> Worker:
        """One worker."""
        return Worker(name, self.world.database, {KIND: runner}, self.world.clock, Health({}))

    async def results(self, job: Job) -> dict[UUID, dict[str, Any]]:
        page = await self.commands.results(job, None, 1000, None)
        return {UUID(item["contactId"]): item for item in page.items}

    async def versions(self, why: str) -> list[UUID]:
        """Whose versions have this cause."""
        async with self.world.database.connection() as connection:
            rows = await connection.fetch("select stream from event where cause = $1 order by stream", why)
        return [r["stream"] for r in rows]

    async def asked(self, job: Job) -> dict[str, Any]:
        """What is kept of what was asked for."""
        async with self.world.database.connection() as connection:
            return dict(await connection.fetchval("select body from job where id = $1", job.id))

    async def clear_up(self) -> None:
        """Once around of the keeper."""
        await Keeper(self.world.database, self.world.files, self.world.clock, Health({})).clear()

    async def contacts(self, ids: Sequence[UUID]) -> list[Contact]:
        found = await self.world.queries.survivors(self.world.channel, ids)
        return [found[i] for i in ids]


@pytest.fixture
async def bench(world: World, tmp_path: Path) -> AsyncIterator[Bench]:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "key.json").write_text(json.dumps(key.as_dict(private=True)))
    signer = Signer(tmp_path / "key.json", "dangol-local", "service:contacts")
    search = Search()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(search.app)) as client:
        yield Bench(world, search, Neighbours(Peer(client, signer, "http://search", "contacts.read")))


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


def lasting(contact: Contact) -> Contact:
    """What an undo brings back: all but the version and when that was made."""
    return contact.model_copy(update={"version": 0, "updated_at": contact.created_at})


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


async def test_an_id_that_leads_on_stands_for_its_survivor_when_asked_and_while_it_waits(bench: Bench) -> None:
    caller = bench.world.caller()
    early = (await bench.world.contacts.create_lead(caller, {})).contact.id
    late = (await bench.world.contacts.create_lead(caller, {})).contact.id
    member = await bench.world.put("one", leadId=str(early), tags=["old"])
    other = await bench.world.put("two", tags=["old"])
    job = await bench.ask([early, member.id, late])
    assert job.total == 2
    await bench.world.put("two", leadId=str(late))
    done = await bench.work(job)
    assert done.counts == {"changed": 2}
    assert [c.tags for c in await bench.contacts([member.id, other.id])] == [["old", "VIP"], ["old", "VIP"]]
    undone = await bench.undo(job)
    assert undone.counts == {"changed": 2, "undone": 2}
    assert [c.tags for c in await bench.contacts([member.id, other.id])] == [["old"], ["old"]]


async def test_who_was_set_otherwise_and_back_since_is_skipped_by_the_undo(bench: Bench) -> None:
    meant, other = await bench.fill(2)
    job = await bench.work(await bench.ask([meant, other], {"blocked": True}))
    for blocked in (False, True):
        await bench.world.contacts.change(bench.world.caller(), meant, {"blocked": blocked}, None)
    await bench.world.contacts.change(bench.world.caller(), other, {"name": "이"}, None)
    undone = await bench.undo(job)
    assert undone.counts == {"changed": 2, "skipped": 1, "undone": 1}
    assert [c.blocked for c in await bench.contacts([meant, other])] == [True, False]
    problem = (await bench.results(job))[meant]["undo"]["problem"]
    assert (problem["code"], problem["keys"]) == ("changedSince", ["blocked"])


TAG, OTHER_TAG, BOTH = (
    {"addTags": ["a"]},
    {"addTags": ["b"], "removeTags": ["old"]},
    {"addTags": ["c"], "set": {"unsubscribeEmail": True}},
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(actions=st.lists(st.sampled_from([TAG, OTHER_TAG, BOTH, {"set": {"unsubscribeEmail": False}}]), min_size=2, max_size=4))
async def test_actions_undone_one_after_the_other_the_latest_first_leave_all_as_before(
    bench: Bench, actions: list[Mapping[str, Any]]
) -> None:
    ids = await bench.fill(CHUNK + 1)
    before = await bench.contacts(ids)
    jobs: list[Job] = []
    for n, action in enumerate(actions):
        bench.world.clock.instant += timedelta(minutes=1)
        jobs.append(await bench.work(await bench.ask(ids[: len(ids) - n % 2], action)))
    for job in reversed(jobs):
        bench.world.clock.instant += timedelta(minutes=1)
        assert "skipped" not in (await bench.undo(job)).counts
    assert [lasting(c) for c in await bench.contacts(ids)] == [lasting(c) for c in before]


async def test_a_later_action_counts_unless_it_was_undone_for_this_contact(bench: Bench) -> None:
    """Of four contacts the later action is undone for one alone; a third of them somebody changes afterwards."""
    caller, change = bench.world.caller(), bench.world.contacts.change
    back, kept, edited, since = await bench.fill(4)
    job = await bench.work(await bench.ask([back, kept, edited, since], TAG))
    later = await bench.work(await bench.ask([back, edited, since], OTHER_TAG))
    last = await bench.work(await bench.ask([kept], OTHER_TAG))
    await change(caller, edited, {"addTags": ["own"]}, None)
    assert (await bench.undo(later)).counts == {"changed": 3, "undone": 2, "skipped": 1}
    await change(caller, since, {"addTags": ["own"]}, None)
    await change(caller, since, {"removeTags": ["own"]}, None)
    assert (await bench.undo(job)).counts == {"changed": 4, "undone": 1, "skipped": 3}
    assert [c.tags for c in await bench.contacts([back, kept, edited, since])] == [
        ["old"], ["a", "b"], ["a", "b", "own"], ["old", "a"],
    ]  # fmt: skip
    assert (await bench.undo(last)).counts == {"changed": 1, "undone": 1}


async def test_a_later_action_under_an_id_that_led_here_counts_no_more_once_it_was_undone(bench: Bench) -> None:
    lead = (await bench.world.contacts.create_lead(bench.world.caller(), {})).contact.id
    member = await bench.world.put("one", tags=["old"])
    job = await bench.ask([member.id], TAG)
    bench.world.clock.instant += timedelta(seconds=1)
    later = await bench.ask([lead], OTHER_TAG)
    await bench.world.put("one", leadId=str(lead))
    await bench.work(job)  # and the later one after it
    assert (await bench.contacts([member.id]))[0].tags == ["a", "b"]
    assert (await bench.undo(later)).counts == {"changed": 1, "undone": 1}
    assert (await bench.undo(job)).counts == {"changed": 1, "undone": 1}
    assert (await bench.contacts([member.id]))[0].tags == ["old"]


async def test_a_contact_that_was_merged_after_the_action_is_skipped_by_the_undo(bench: Bench) -> None:
    lead = (await bench.world.contacts.create_lead(bench.world.caller(), {})).contact.id
    await bench.world.put("one")
    job = await bench.ask([lead])
    await bench.work(job)
    await bench.world.put("one", leadId=str(lead))
    undone = await bench.undo(job)
    assert undone.counts == {"changed": 1, "skipped": 1}
    result = (await bench.results(job))[lead]
    assert (result["undo"]["status"], result["undo"]["problem"]["code"]) == ("skipped", "merged")


async def test_a_contact_that_was_erased_after_the_action_is_skipped_by_the_undo(bench: Bench) -> None:
    gone, stays = await bench.fill(2)
    job = await bench.work(await bench.ask([gone, stays]))
    await bench.erasures.erase(bench.world.caller(), gone, None)
    undone = await bench.undo(job)
    assert undone.counts == {"changed": 2, "skipped": 1, "undone": 1}
    result = (await bench.results(job))[gone]
    assert (result["undo"]["status"], result["undo"]["problem"]["code"]) == ("skipped", "erased")


async def test_the_undo_is_by_whoever_asked_for_it(bench: Bench) -> None:
    (contact_id,) = await bench.fill(1)
    job = await bench.work(await bench.ask([contact_id]))
    await bench.undo(job)
    history = await bench.world.queries.history(bench.world.channel, contact_id, 2, None)
    assert [(item["by"], item["cause"]) for item in history.items] == [("lee", undo_cause(job.id)), ("kim", cause(job.id))]
    assert history.items[0]["changes"][-1]["key"] == "unsubscribeEmailUpdatedAt"


async def test_each_choice_keeps_its_own_rows(bench: Bench) -> None:
    ids = bench.search.ids = await bench.fill(4)
    first, second = await bench.ask(None), await bench.ask(ids[:1])
    await bench.work(first, 2)
    assert len(await bench.results(first)) == 4
    assert len(await bench.results(second)) == 1
    rows = "select count(*) from bulk_action_contact where job_id = $1"
    assert [await bench.world.count(rows, job.id) for job in (first, second)] == [4, 1]
