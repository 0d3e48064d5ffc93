"""Undoing bulk actions: a contact that nobody changed since is as before, any other is skipped with the reason."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.bulk.action import cause, undo_cause
from contacts.jobs.job import Job
from tests.contacts.bulk.conftest import CHUNK, Bench, lasting


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
    async with bench.world.database.connection() as connection:
        told = await connection.fetch(
            "select contact_id, consent_times is not null from bulk_action_contact where job_id = $1", job.id
        )
    assert {row[0]: row[1] for row in told} == {gone: False, stays: True}
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
