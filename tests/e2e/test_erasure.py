"""Erasing a contact in the running system: its texts are in no table, document or file then, and nothing brings them back."""

from typing import Any
from uuid import uuid4

import httpx
import orjson

from common.envelope import Message
from common.kafka import Producer
from common.topics import CONTACTS, TOPICS, VISITS
from localstack.demo import PASSWORD, Api
from localstack.home import SERVICES
from localstack.stack import Stack
from tests.support import tables
from tests.support.api import caller, eventually, fresh_channel
from tests.support.topics import everything
from tests.support.traces import documents_that_hold, files_that_hold, rows_of_all

READERS = {"contacts", "imports", "search", "segments", "exports"}


async def statuses(api: Api, receipt_id: str) -> dict[str, str]:
    receipt = await api.json("GET", f"/v1/erasures/{receipt_id}")
    return {store["store"]: store["status"] for store in receipt["stores"]}


async def done(api: Api, receipt_id: str) -> set[str]:
    return {store for store, status in (await statuses(api, receipt_id)).items() if status == "done"}


async def export(api: Api, scope: dict[str, Any]) -> str:
    body = {"reason": "test", "password": PASSWORD, "scope": scope}
    found: str = (await api.json("POST", "/v1/exports", body=body))["id"]
    return found


async def status(api: Api, export_id: str) -> str:
    found: str = (await api.json("GET", f"/v1/exports/{export_id}"))["status"]
    return found


async def a_person(api: Api, mark: str) -> tuple[str, str]:
    """A member that took a lead in, with visits; both ids. The mark is in every text."""
    lead = (await api.json("POST", "/v1/contacts", body={"name": f"이름{mark}", "profile": {"note": f"쪽지{mark}"}}))["id"]
    member: str = (await api.json("PUT", f"/v1/contacts/@m{mark}", body={"email": f"{mark}@example.com", "leadId": None}))["id"]
    rows = [
        {"id": str(uuid4()), "contactId": lead, "url": f"https://example.com/{mark}"},
        {"id": str(uuid4()), "memberId": f"m{mark}", "name": "purchase", "properties": {"what": mark}},
    ]
    assert (await api.json("POST", "/v1/visits", body={"visits": rows}))["accepted"] == 2
    await api.json("PUT", f"/v1/contacts/@m{mark}", body={"leadId": lead, "city": f"도시{mark}"})
    return member, lead


async def written_by_managers(api: Api, mark: str) -> list[str]:
    """The person's e-mail where managers write it: a bulk action that is done, exports, a term set in use; the exports' ids."""
    by_filter = {"filter": {"key": "email", "operator": "eq", "values": [f"{mark}@example.com"]}}
    pasted = (await api.json("POST", "/v1/term-sets", body={"key": "email", "text": f"{mark}@example.com"}))["id"]
    by_terms = {"filter": {"key": "email", "operator": "in", "termSet": pasted}}
    seen = [await found_one(api, scope) for scope in (by_filter, {"query": mark}, by_terms)]
    target = {**by_filter, "query": mark}
    target |= {"fingerprint": (await found_one(api, target))["fingerprint"]}
    job = await api.json("POST", "/v1/bulk-actions", body={"action": {"addTags": ["VIP"]}, "target": target})

    async def ended() -> tuple[str, int]:
        shown = await api.json("GET", f"/v1/bulk-actions/{job['id']}")
        return shown["status"], shown["changed"]

    assert await eventually(ended, lambda now: now[0] == "done") == ("done", 1)
    return [await export(api, scope) for scope in seen]


async def found_one(api: Api, scope: dict[str, Any]) -> dict[str, Any]:
    """The scope with the fingerprint of a search that finds one contact."""

    async def counted() -> dict[str, Any]:
        found: dict[str, Any] = await api.json("POST", "/v1/search/count", body=scope)
        return found

    seen = await eventually(counted, lambda found: found["total"] == 1)
    return {**scope, "fingerprint": seen["fingerprint"]}


async def an_import(stack: Stack, channel: str, api: Api, mark: str) -> str:
    """A locked file that holds the person, taken in; the import's id."""
    rows = [["memberId", "name", "휴대폰"], [f"m{mark}", f"파일{mark}", ""], [f"n{mark}", f"쪽지{mark}", f"no number {mark}"]]
    content = tables.locked(tables.workbook(rows), mark)
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim', permissions=['*'])}"}
        form: Any = {"password": (None, mark), "file": (f"{mark}.xlsx", content)}
        import_id: str = (await client.post("/v1/imports", files=form, headers=headers)).json()["id"]

    async def state() -> str:
        found: str = (await api.json("GET", f"/v1/imports/{import_id}"))["status"]
        return found

    await eventually(state, lambda now: now == "done")
    return import_id


async def room(api: Api) -> list[str]:
    """What the caller's own room tells, by kind."""
    return [message["kind"] for message in (await api.json("GET", "/v1/rooms/me/messages"))["items"]]


async def total(api: Api) -> int:
    found: int = (await api.json("POST", "/v1/search/count", body={}))["total"]
    return found


async def test_an_erased_contact_is_in_no_store_and_a_replay_brings_nothing_back(stack: Stack) -> None:
    channel, mark = fresh_channel(), uuid4().hex
    async with caller(stack, channel) as api:
        await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
        everyone = (await api.json("POST", "/v1/segments", body={"name": "everyone", "filter": {"and": []}}))["id"]
        member, lead = await a_person(api, mark)
        import_id = await an_import(stack, channel, api, mark)
        other = (await api.json("PUT", "/v1/contacts/@stays", body={"name": "남는 사람"}))["id"]
        await eventually(lambda: total(api), lambda n: n == 2)
        with_it, without_it = await export(api, {"contactIds": [member, other]}), await export(api, {"contactIds": [other]})
        searched = await written_by_managers(api, mark)
        for file in (with_it, without_it, *searched):
            await eventually(lambda file=file: status(api, file), lambda s: s == "ready")  # type: ignore[misc]
        assert (await rows_of_all(stack.postgres_dsn(None), SERVICES, [mark])).keys() >= {
            "contacts.contact", "segments.contact", "search.term_chunk",
        }  # fmt: skip
        assert await documents_that_hold(stack.opensearch, [mark])

        answer = await api.ask("DELETE", f"/v1/contacts/{lead}")
        assert answer.status_code == 202
        receipt_id = answer.json()["receiptId"]
        for contact_id in (member, lead):
            for path in ("", "/history", "/visits", "?at=2100-01-01T00:00:00Z"):
                gone = await api.ask("GET", f"/v1/contacts/{contact_id}{path}")
                assert (gone.status_code, gone.json()["code"]) == (410, "erased")
            assert (await api.ask("PATCH", f"/v1/contacts/{contact_id}", body={"name": "x"})).status_code == 410

        assert await eventually(lambda: done(api, receipt_id), lambda stores: stores >= READERS) == READERS
        assert (await statuses(api, receipt_id)).keys() - READERS == {"termSets", "contacts.v1", "visits.v1", "deadLetters"}
        for file in (with_it, *searched):
            assert await eventually(lambda file=file: status(api, file), lambda s: s == "withdrawn") == "withdrawn"  # type: ignore[misc]
        assert "erased" in (await api.json("GET", f"/v1/exports/{with_it}"))["problem"]
        noted = await api.json("GET", "/v1/audit", params={"action": "export.withdrawn", "target": with_it})
        assert [(line["by"], line["outcome"]) for line in noted["items"]] == [("service:exports", "done")]
        assert await status(api, without_it) == "ready"
        refusal = await api.ask("POST", f"/v1/exports/{with_it}/download")
        assert (refusal.status_code, refusal.json()["code"], refusal.json()["exportStatus"]) == (410, "withdrawn", "withdrawn")
        assert "erased" in refusal.json()["detail"]
        told = await eventually(lambda: room(api), lambda kinds: kinds.count("export.withdrawn") == 1 + len(searched))
        assert told.count("export.ready") == 2 + len(searched)
        await nothing_left(stack, mark)
        assert [path for path in (stack.home.data / "imports").iterdir() if path.name.startswith(import_id)] == []
        rows = (await api.json("GET", f"/v1/imports/{import_id}/rows"))["items"]
        assert [(r["status"], r["contactId"]) for r in rows] == [("changed", None), ("refused", None)]
        left = (await api.json("GET", f"/v1/segments/{everyone}/changes"))["items"]
        assert (member, "left", "erasure") in {(c["contactId"], c["change"], c["cause"]) for c in left}

        # Kafka still has what was told before, until its own limits, and nothing else has it; read again it changes nothing.
        held = [m for t in TOPICS for m in await everything(stack.kafka, t.name) if mark.encode() in (m.value or b"")]
        assert {m.topic for m in held} == {CONTACTS, VISITS}
        newest = {m.key: m.value for m in await everything(stack.kafka, CONTACTS) if m.channel == channel}
        assert newest[f"{channel}/{member}"] is None
        assert newest[f"{channel}/{lead}"] is None
        async with Producer.open(stack.kafka, client_id="test") as producer:
            await producer.send(Message(m.topic, m.key, m.value, m.headers) for m in held)
        after = await api.json("PUT", "/v1/contacts/@later", body={})
        await eventually(lambda: total(api), lambda n: n == 2)
        await eventually(lambda: members(api, everyone), lambda ids: ids == {other, after["id"]})
        await nothing_left(stack, mark)


async def members(api: Api, segment: str) -> set[str]:
    return {item["contactId"] for item in (await api.json("GET", f"/v1/segments/{segment}/members"))["items"]}


async def nothing_left(stack: Stack, mark: str) -> None:
    """No table, no document, no file of the services' own and no log holds the mark, but what a manager pasted lately."""
    assert (await rows_of_all(stack.postgres_dsn(None), SERVICES, [mark])).keys() == {"search.term_chunk"}
    assert await documents_that_hold(stack.opensearch, [mark]) == []
    assert files_that_hold(stack.home.logs, [mark]) == []
    for folder in ("exports", "imports"):
        assert files_that_hold(stack.home.data / folder, [mark]) == []


async def test_a_contact_that_comes_back_is_a_new_one(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        before = (await api.json("PUT", "/v1/contacts/@m", body={"name": "먼저"}))["id"]
        await api.json("DELETE", f"/v1/contacts/{before}")
        assert (await api.ask("GET", "/v1/contacts/@m")).status_code == 404
        answer = await api.ask("PUT", "/v1/contacts/@m", body={})
        now: dict[str, Any] = orjson.loads(answer.content)
        assert (answer.status_code, now["id"] != before, now["name"], now["version"]) == (201, True, None, 1)
        await eventually(lambda: total(api), lambda n: n == 1)


async def test_erasing_needs_its_permission_and_the_channels_own_contact(stack: Stack) -> None:
    channel = fresh_channel()
    async with (
        caller(stack, channel) as api,
        caller(stack, channel, "lee", "contacts.edit", "contacts.read") as editor,
        caller(stack, fresh_channel()) as elsewhere,
    ):
        contact = (await api.json("PUT", "/v1/contacts/@m", body={}))["id"]
        assert (await editor.ask("DELETE", f"/v1/contacts/{contact}")).status_code == 403
        assert (await elsewhere.ask("DELETE", f"/v1/contacts/{contact}")).status_code == 404
        receipt_id = (await api.json("DELETE", f"/v1/contacts/{contact}"))["receiptId"]
        assert (await api.ask("DELETE", f"/v1/contacts/{contact}")).status_code == 410
        assert (await editor.ask("GET", f"/v1/erasures/{receipt_id}")).status_code == 403
        assert (await elsewhere.ask("GET", f"/v1/erasures/{receipt_id}")).status_code == 404
        assert (await api.ask("GET", "/v1/erasures/nothing")).status_code == 404
