"""Bulk actions through the gateway: who is acted upon, what is told of each, and that an undo brings back what was there."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel
from tests.support.business import EMAIL, EMAIL_AT, SEOUL, VIP, Business, a_business


def counts(job: dict[str, Any]) -> dict[str, int]:
    return {name: job[name] for name in ("total", "done", "changed", "unchanged", "failed")}


def lasting(contact: dict[str, Any]) -> dict[str, Any]:
    """What of a contact an undo brings back: all but its version and when that was made."""
    return {key: value for key, value in contact.items() if key not in {"version", "updatedAt"}}


def refused(answer: httpx.Response) -> tuple[int, str, str | None]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem.get("pointer")


async def test_checked_contacts_are_changed_and_each_has_its_result(stack: Stack) -> None:
    async with a_business(stack, 4) as business:
        first, second, third, other = business.ids
        await business.api.json("PATCH", f"/v1/contacts/{second}", body={"tags": ["VIP"]})
        await business.api.json("PATCH", f"/v1/contacts/{third}", body={"tags": [f"t{n}" for n in range(20)]})
        answer = await business.ask(VIP, {"contactIds": [third, second, first, first]})
        asked = answer.json()
        assert answer.status_code == 202
        assert answer.headers["Dangol-Position"]
        assert (asked["status"], asked["total"], asked["requestedBy"]) == ("waiting", 3, "kim")
        job = await business.ended(asked["id"])
        assert (job["status"], counts(job)) == ("done", {"total": 3, "done": 3, "changed": 1, "unchanged": 1, "failed": 1})
        results = {r["contactId"]: r for r in await business.results(job["id"])}
        assert {i: r["status"] for i, r in results.items()} == {first: "changed", second: "unchanged", third: "failed"}
        assert results[third]["problem"]["code"] == "tooManyTags"
        assert (await business.contact(first))["tags"] == ["old", "VIP"]
        assert (await business.contact(other))["tags"] == ["old"]
        history = await business.api.json("GET", f"/v1/contacts/{first}/history")
        assert (history["items"][0]["cause"], history["items"][0]["by"]) == (f"bulkAction:{job['id']}", "kim")
        assert history["items"][0]["changes"] == [{"key": "tags", "from": ["old"], "to": ["old", "VIP"]}]
        assert history["items"][0]["version"] == results[first]["version"]


async def test_bulk_actions_are_listed_newest_first_with_what_they_do(stack: Stack) -> None:
    async with a_business(stack, 1) as business:
        jobs = [
            await business.act(action, {"contactIds": business.ids}) for action in (VIP, {"blocked": True}, {"removeTags": ["x"]})
        ]
        first = await business.api.json("GET", "/v1/bulk-actions", params={"limit": "2"})
        rest = await business.api.json("GET", "/v1/bulk-actions", params={"limit": "2", "cursor": first["next"]})
        assert ([*first["items"], *rest["items"]], rest["next"]) == (jobs[::-1], None)
        assert [job["action"] for job in jobs] == [VIP, {"blocked": True}, {"removeTags": ["x"]}]
        odd = await business.api.ask("GET", "/v1/bulk-actions", params={"cursor": "odd"})
        assert refused(odd) == (422, "badCursor", None)
        async with caller(stack, fresh_channel()) as neighbour:
            assert await neighbour.json("GET", "/v1/bulk-actions") == {"items": [], "next": None}


async def test_results_come_in_pages_and_by_status(stack: Stack) -> None:
    async with a_business(stack, 7) as business:
        await business.act(VIP, {"contactIds": business.ids[:3]})
        job = await business.act(VIP, {"contactIds": business.ids})
        everyone = await business.results(job["id"], limit=2)
        assert [r["contactId"] for r in everyone] == sorted(business.ids)
        assert {r["contactId"] for r in await business.results(job["id"], "unchanged", 2)} == set(business.ids[:3])
        assert {r["contactId"] for r in await business.results(job["id"], "changed", 2)} == set(business.ids[3:])
        assert await business.results(job["id"], "failed") == []
        answer = await business.api.ask("GET", f"/v1/bulk-actions/{job['id']}/results", params={"status": "odd"})
        assert answer.status_code == 422
        answer = await business.api.ask("GET", f"/v1/bulk-actions/{job['id']}/results", params={"cursor": "odd"})
        assert refused(answer) == (422, "badCursor", None)


async def test_every_result_of_a_filter_is_changed_but_the_excepted(stack: Stack) -> None:
    async with a_business(stack, 10) as business:
        fingerprint = await business.matches({"filter": SEOUL}, 5)
        target = {"filter": SEOUL, "except": [business.ids[2], business.ids[3]], "fingerprint": fingerprint}
        job = await business.act({"blocked": True, "set": {EMAIL: True}}, target)
        assert (job["status"], counts(job)) == ("done", {"total": 4, "done": 4, "changed": 4, "unchanged": 0, "failed": 0})
        after = await business.contacts()
        assert [n for n, c in enumerate(after) if c["blocked"]] == [0, 4, 6, 8]
        assert [n for n, c in enumerate(after) if c[EMAIL] and c[EMAIL_AT]] == [0, 4, 6, 8]


async def test_a_quick_search_and_a_segment_hold_with_the_filter(stack: Stack) -> None:
    async with a_business(stack, 6) as business:
        await business.api.json("PATCH", f"/v1/contacts/{business.ids[0]}", body={"name": "홍길동"})
        segment = (await business.api.json("POST", "/v1/segments", body={"name": "Seoul", "filter": SEOUL}))["id"]
        asked = {"segment": segment, "query": "ㅎㄱㄷ"}
        job = await business.act(VIP, {**asked, "fingerprint": await business.matches(asked, 1)})
        assert counts(job) == {"total": 1, "done": 1, "changed": 1, "unchanged": 0, "failed": 0}
        assert [c["tags"] for c in await business.contacts()] == [["old", "VIP"], *[["old"]] * 5]


async def test_without_a_filter_it_is_everyone_that_was_seen(stack: Stack) -> None:
    async with a_business(stack, 3) as business:
        job = await business.act({"removeTags": ["old"]}, {"fingerprint": await business.matches({}, 3)})
        assert (job["changed"], [c["tags"] for c in await business.contacts()]) == (3, [[], [], []])


async def test_whoever_matches_when_it_starts_is_acted_upon(stack: Stack) -> None:
    """A member that was made after the look, and told of to nobody yet, is among them."""
    async with a_business(stack, 4) as business:
        fingerprint = await business.matches({"filter": SEOUL}, 2)
        late = await business.api.json("PUT", "/v1/contacts/@late", body={"city": "Seoul"})
        gone = await business.api.json("PATCH", f"/v1/contacts/{business.ids[0]}", body={"city": "Busan"})
        job = await business.act(VIP, {"filter": SEOUL, "fingerprint": fingerprint})
        assert counts(job) == {"total": 2, "done": 2, "changed": 2, "unchanged": 0, "failed": 0}
        assert (await business.contact(late["id"]))["tags"] == ["VIP"]
        assert (await business.contact(gone["id"]))["tags"] == ["old"]


async def test_the_next_search_with_the_jobs_position_sees_what_it_wrote(stack: Stack) -> None:
    async with a_business(stack, 8) as business:
        job = await business.act(VIP, {"contactIds": business.ids})
        seen = (await business.api.ask("GET", f"/v1/bulk-actions/{job['id']}")).headers["Dangol-Position"]
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
            token = stack.token(channel=business.channel, sub="kim", permissions=["*"])
            headers = {"Authorization": f"Bearer {token}", "Dangol-Position": seen}
            body = {"filter": {"key": "tags", "operator": "hasAny", "values": ["VIP"]}}
            answer = await client.post("/v1/search/count", json=body, headers=headers)
        assert answer.json()["total"] == 8


async def test_undoing_and_cancelling_answer_the_position_of_all_that_was_written(stack: Stack) -> None:
    async with a_business(stack, 4) as business:
        job = await business.act(VIP, {"contactIds": business.ids})
        written = (await business.api.ask("GET", f"/v1/bulk-actions/{job['id']}")).headers["Dangol-Position"]
        asked = await business.api.ask("POST", f"/v1/bulk-actions/{job['id']}/undo")
        assert asked.headers["Dangol-Position"] == written
        await business.ended(job["id"])
        undone = (await business.api.ask("GET", f"/v1/bulk-actions/{job['id']}")).headers["Dangol-Position"]
        assert undone != written
        body = {"filter": {"key": "tags", "operator": "hasAny", "values": ["VIP"]}}
        answer = await business.api.ask("POST", "/v1/search/count", body=body, headers={"Dangol-Position": undone})
        assert answer.json()["total"] == 0

        async def cancelled() -> httpx.Response:
            waiting = (await business.ask(VIP, {"contactIds": business.ids})).json()["id"]
            return await business.api.ask("POST", f"/v1/bulk-actions/{waiting}/cancel")

        answer = await eventually(cancelled, lambda found: found.status_code == 200)  # else it was done before
        headers = {"Dangol-Position": answer.headers["Dangol-Position"]}
        seen = await business.api.ask("POST", "/v1/search", body={}, headers=headers)
        versions = {item["id"]: item["version"] for item in seen.json()["items"]}
        changed = {r["contactId"]: r["version"] for r in await business.results(answer.json()["id"], "changed")}
        assert all(versions[i] >= version for i, version in changed.items())


async def test_a_dry_run_counts_and_changes_nothing(stack: Stack) -> None:
    async with a_business(stack, 6) as business:
        for target, total in (
            ({"contactIds": [business.ids[0], business.ids[0], business.ids[1]]}, 2),
            ({"filter": SEOUL}, 3),
            ({"filter": SEOUL, "except": business.ids[:1]}, 2),
            ({"filter": SEOUL, "except": business.ids[:1], "fingerprint": await business.matches({"filter": SEOUL}, 3)}, 2),
        ):
            answer = await business.ask(VIP, target, dryRun=True)
            assert (answer.status_code, answer.json()) == (200, {"total": total})
        answer = await business.ask({}, {"filter": SEOUL}, dryRun=True)
        assert refused(answer) == (422, "emptyAction", "/action")
        assert {tuple(c["tags"]) for c in await business.contacts()} == {("old",)}


async def test_a_fingerprint_of_another_request_or_of_an_older_meaning_is_refused(stack: Stack) -> None:
    async with a_business(stack, 4) as business:
        seen = await business.matches({"filter": SEOUL}, 2)
        mismatch = (409, "fingerprintMismatch", "/target/fingerprint")
        for target in ({"filter": {**SEOUL, "values": ["Busan"]}}, {}, {"filter": SEOUL, "query": "m"}):
            assert refused(await business.ask(VIP, {**target, "fingerprint": seen})) == mismatch
        assert refused(await business.ask(VIP, {"filter": SEOUL, "fingerprint": "x"})) == mismatch
        segment = (await business.api.json("POST", "/v1/segments", body={"name": "s", "filter": SEOUL}))["id"]
        seen = await business.matches({"segment": segment}, 2)
        await business.api.json("PATCH", f"/v1/segments/{segment}", body={"filter": {"or": [SEOUL]}})

        async def asked() -> tuple[int, str, str | None]:
            return refused(await business.ask(VIP, {"segment": segment, "fingerprint": seen}))

        assert await asked() == mismatch
        assert {tuple(c["tags"]) for c in await business.contacts()} == {("old",)}


async def test_an_audience_that_has_grown_since_is_refused_with_what_it_is_now(stack: Stack) -> None:
    async with a_business(stack, 4) as business:
        seen = await business.matches({"filter": SEOUL}, 2)
        rows = [{"memberId": f"n-{n}", "city": "Seoul"} for n in range(11)]
        await business.api.json("POST", "/v1/contacts/batch", body={"contacts": rows})
        now = await business.matches({"filter": SEOUL}, 13)
        answer = await business.ask(VIP, {"filter": SEOUL, "fingerprint": seen})
        assert refused(answer) == (409, "audienceChanged", "/target/fingerprint")
        assert answer.json()["total"] == 13
        job = await business.act(VIP, {"filter": SEOUL, "fingerprint": answer.json()["fingerprint"]})
        assert job["changed"] == 13
        assert now


@pytest.mark.parametrize(
    ("target", "code", "pointer"),
    [
        ({}, "invalid", "/target/fingerprint"),
        ({"filter": SEOUL}, "invalid", "/target/fingerprint"),
        ({"contactIds": []}, "invalid", "/target/contactIds"),
        ({"contactIds": None}, "invalid", "/target"),
        ({"contactIds": ["x"]}, "invalid", "/target/contactIds/0"),
        ({"contactIds": [str(uuid4())], "filter": SEOUL}, "invalid", "/target"),
        ({"contactIds": [str(uuid4())]}, "unknownContact", "/target/contactIds/0"),
        ({"all": True, "fingerprint": "x"}, "invalid", "/target/all"),
        ({"filter": None, "fingerprint": "x"}, None, "/target/filter"),
        *(({name: None, "fingerprint": "x"}, "wrongType", f"/target/{name}") for name in ("segment", "query", "except")),
        ({"filter": {"key": "nothing", "operator": "eq", "values": ["x"]}, "fingerprint": "x"}, None, "/target/filter/key"),
        ({"segment": str(uuid4()), "fingerprint": "x"}, None, "/target/segment"),
    ],
)
async def test_a_target_that_is_no_target_is_refused(stack: Stack, target: Any, code: str | None, pointer: str) -> None:
    async with caller(stack, fresh_channel()) as api:
        answer = await Business(api).ask(VIP, target)
        status, told, place = refused(answer)
        assert (status, place) == (422, pointer)
        assert code in {told, None}


@pytest.mark.parametrize(
    ("action", "code", "pointer"),
    [
        ({}, "emptyAction", "/action"),
        ({"set": {"name": "x"}}, "unknownField", "/action/set/name"),
        ({"remove": True}, "unknownAction", "/action/remove"),
        ({"addTags": ["a" * 257]}, None, "/action/addTags/0"),
    ],
)
async def test_an_action_that_is_no_action_is_refused(stack: Stack, action: Any, code: str | None, pointer: str) -> None:
    async with caller(stack, fresh_channel()) as api:
        status, told, place = refused(await Business(api).ask(action, {"contactIds": [str(uuid4())]}))
        assert (status, place) == (422, pointer)
        assert code in {told, None}


async def test_another_channels_contacts_and_jobs_are_not_there(stack: Stack) -> None:
    async with a_business(stack, 2) as ours, a_business(stack, 1) as theirs:
        answer = await ours.ask(VIP, {"contactIds": [ours.ids[0], theirs.ids[0]]})
        assert refused(answer) == (422, "unknownContact", "/target/contactIds/1")
        job = await theirs.act(VIP, {"contactIds": theirs.ids})
        for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("POST", "/undo")):
            for job_id in (job["id"], str(uuid4()), "x"):
                answer = await ours.api.ask(method, f"/v1/bulk-actions/{job_id}{path}")
                assert refused(answer) == (404, "notFound", None)


async def test_it_needs_the_permission_to_edit(stack: Stack) -> None:
    channel = fresh_channel()
    async with caller(stack, channel) as api, caller(stack, channel, "lee", "contacts.read", "segments.manage") as reader:
        contact = await api.json("PUT", "/v1/contacts/@m", body={})
        job = await Business(api).act(VIP, {"contactIds": [contact["id"]]})
        answer = await Business(reader).ask(VIP, {"contactIds": [contact["id"]]})
        assert refused(answer) == (403, "forbidden", None)
        for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("POST", "/undo")):
            answer = await reader.ask(method, f"/v1/bulk-actions/{job['id']}{path}")
            assert refused(answer) == (403, "forbidden", None)


async def test_an_undo_brings_back_exactly_what_was_there(stack: Stack) -> None:
    async with a_business(stack, 5) as business:
        await business.api.json("PATCH", f"/v1/contacts/{business.ids[0]}", body={EMAIL: True})
        await business.api.json("PATCH", f"/v1/contacts/{business.ids[1]}", body={EMAIL: True})
        await business.api.json("PATCH", f"/v1/contacts/{business.ids[1]}", body={EMAIL: False})
        await business.api.json("PATCH", f"/v1/contacts/{business.ids[2]}", body={"blocked": True, "tags": ["VIP", "old", "x"]})
        before = await business.contacts()
        action = {"set": {EMAIL: True, "unsubscribeTexting": True}, "blocked": True, "addTags": ["VIP"], "removeTags": ["old"]}
        job = await business.act(action, {"contactIds": business.ids})
        assert (job["changed"], job["undo"]) == (5, None)
        between = await business.contacts()
        assert [c["tags"] for c in between] == [["VIP"], ["VIP"], ["VIP", "x"], ["VIP"], ["VIP"]]
        undone = await business.undo(job["id"])
        assert (undone["status"], counts(undone)) == ("undone", counts(job))
        assert undone["undo"] == {"total": 5, "done": 5, "undone": 5, "skipped": 0}
        after = await business.contacts()
        assert [lasting(c) for c in after] == [lasting(c) for c in before]
        assert [c["version"] for c in after] == [c["version"] + 2 for c in before]
        history = await business.api.json("GET", f"/v1/contacts/{business.ids[0]}/history")
        assert history["items"][0]["cause"] == f"bulkAction:{job['id']}:undo"
        assert refused(await business.api.ask("POST", f"/v1/bulk-actions/{job['id']}/undo")) == (409, "alreadyUndone", None)


async def test_an_undo_skips_what_changed_since_and_says_so(stack: Stack) -> None:
    async with a_business(stack, 3) as business:
        first, second, third = business.ids
        job = await business.act({"addTags": ["VIP"], "set": {EMAIL: True}}, {"contactIds": business.ids})
        await business.api.json("PATCH", f"/v1/contacts/{first}", body={"tags": ["mine"]})
        await business.api.json("PATCH", f"/v1/contacts/{second}", body={"name": "이", "blocked": True})
        undone = await business.undo(job["id"])
        assert undone["undo"] == {"total": 3, "done": 3, "undone": 2, "skipped": 1}
        (skipped,) = await business.results(job["id"], "skipped")
        assert (skipped["contactId"], skipped["status"]) == (first, "changed")
        assert skipped["undo"]["status"] == "skipped"
        assert (skipped["undo"]["problem"]["code"], skipped["undo"]["problem"]["keys"]) == ("changedSince", ["tags"])
        assert {r["contactId"] for r in await business.results(job["id"], "undone")} == {second, third}
        after = await business.contacts()
        assert [(c["tags"], c[EMAIL], c["blocked"], c["name"]) for c in after] == [
            (["mine"], True, False, None),
            (["old"], False, True, "이"),
            (["old"], False, False, None),
        ]


async def test_an_undo_is_found_by_search_again(stack: Stack) -> None:
    async with a_business(stack, 4) as business:
        tagged = {"filter": {"key": "tags", "operator": "hasAny", "values": ["VIP"]}}
        job = await business.act(VIP, {"filter": SEOUL, "fingerprint": await business.matches({"filter": SEOUL}, 2)})
        await business.matches(tagged, 2)
        await business.undo(job["id"])
        await business.matches(tagged, 0)


async def test_a_job_that_has_ended_cannot_be_cancelled(stack: Stack) -> None:
    async with a_business(stack, 1) as business:
        job = await business.act(VIP, {"contactIds": business.ids})
        answer = await business.api.ask("POST", f"/v1/bulk-actions/{job['id']}/cancel")
        assert refused(answer) == (409, "notCancellable", None)


async def test_a_cancelled_job_keeps_what_was_done_and_can_be_undone(stack: Stack) -> None:
    async with a_business(stack, 800) as business:
        before = {c["id"]: c for c in [await business.contact(business.ids[n]) for n in (0, 400, 799)]}
        asked = (await business.ask(VIP, {"contactIds": business.ids})).json()
        answer = await business.api.ask("POST", f"/v1/bulk-actions/{asked['id']}/cancel")
        # A fast worker may be done by then.
        job = answer.json() if answer.status_code == 200 else await business.ended(asked["id"])
        assert job["status"] in {"cancelled", "done"}
        assert job["changed"] == len(await business.results(job["id"], "changed"))
        undone = await business.undo(job["id"])
        assert undone["undo"] == {"total": job["changed"], "done": job["changed"], "undone": job["changed"], "skipped": 0}
        for contact_id, was in before.items():
            assert lasting(await business.contact(contact_id)) == lasting(was)
