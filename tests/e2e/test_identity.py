"""A lead that turns out to be a member, through the whole running system: it leads on everywhere and is found nowhere else."""

from typing import Any
from uuid import uuid4

import orjson

from common.topics import CONTACTS
from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel
from tests.support.topics import everything

SEOUL = {"key": "city", "operator": "eq", "values": ["서울"]}


async def lead(api: Api, **values: Any) -> str:
    answer = await api.ask("POST", "/v1/contacts", body=values)
    assert answer.status_code == 201
    found: str = answer.json()["id"]
    return found


async def found(api: Api, where: dict[str, Any]) -> list[str]:
    page = await api.json("POST", "/v1/search", body={"filter": where})
    return sorted(item["id"] for item in page["items"])


async def test_a_merged_lead_is_found_nowhere_and_its_id_leads_to_the_member(stack: Stack) -> None:
    channel = fresh_channel()
    async with caller(stack, channel) as api:
        segment = (await api.json("POST", "/v1/segments", body={"name": "서울", "filter": SEOUL}))["id"]
        gone = await lead(api, city="서울", email="lead@example.com")
        await api.json("POST", "/v1/visits", body={"visits": [{"id": str(uuid4()), "contactId": gone}]})
        member = (await api.json("PUT", "/v1/contacts/@m", body={"name": "홍길동"}))["id"]
        await eventually(lambda: found(api, SEOUL), lambda ids: ids == [gone])

        answer = await api.ask("PUT", "/v1/contacts/@m", body={"leadId": gone})
        now = answer.json()
        assert (answer.status_code, now["id"], now["email"], now["sessionsCount"]) == (200, member, "lead@example.com", 1)
        assert answer.headers["ETag"] == f'"{now["version"]}"'

        for path in (f"/v1/contacts/{gone}", f"/v1/contacts/{member}", "/v1/contacts/@m"):
            assert await api.json("GET", path) == now
        assert [v["contactId"] for v in (await api.json("GET", f"/v1/contacts/{gone}/visits"))["items"]] == [member]
        assert (await api.json("GET", f"/v1/contacts/{gone}/history"))["items"][0]["version"] == now["version"]
        assert (await api.json("PATCH", f"/v1/contacts/{gone}", body={"name": "길동"}))["id"] == member

        await eventually(lambda: found(api, SEOUL), lambda ids: ids == [member])
        total = (await api.json("POST", "/v1/search/count", body={}))["total"]
        assert total == 1
        for contact_id in (gone, member):
            standing = f"/v1/segments/{segment}/members/{contact_id}"
            await eventually(lambda path=standing: api.json("GET", path), lambda s: s["member"])  # type: ignore[misc]
        changes = (await api.json("GET", f"/v1/segments/{segment}/changes"))["items"]
        assert sorted((c["contactId"], c["change"]) for c in changes) == sorted(
            [(gone, "entered"), (gone, "left"), (member, "entered")]
        )

        last = [m.value for m in await everything(stack.kafka, CONTACTS) if m.key == f"{channel}/{gone}"][-1]
        assert last is not None
        told = orjson.loads(last)
        assert told["event"] == {"type": "contact.absorbed", "into": member, "wasHidden": False}
        assert (told["contact"]["mergedInto"], told["contact"]["email"]) == (member, None)


async def test_a_lead_that_becomes_a_member_keeps_its_id(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        gone = await lead(api, city="서울")
        answer = await api.ask("PUT", "/v1/contacts/@m", body={"leadId": gone})
        assert (answer.status_code, answer.json()["id"], answer.json()["memberId"]) == (200, gone, "m")
        members = {"key": "member", "operator": "eq", "values": [True]}
        await eventually(lambda: found(api, members), lambda ids: ids == [gone])


async def test_who_cannot_be_named_as_a_lead_is_refused_with_the_place(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api, caller(stack, fresh_channel()) as elsewhere:
        gone = await lead(api)
        await api.json("PUT", "/v1/contacts/@m", body={"leadId": gone})
        for body, status, code in (
            ({"leadId": gone}, 409, "leadIsMember"),
            ({"leadId": str(uuid4())}, 422, "unknownLead"),
            ({"leadId": "nobody"}, 422, "unknownLead"),
            ({"leadId": await lead(elsewhere)}, 422, "unknownLead"),
        ):
            answer = await api.ask("PUT", "/v1/contacts/@n", body=body)
            problem = answer.json()
            assert (answer.status_code, problem["code"], problem["pointer"]) == (status, code, "/leadId")
        assert (await api.ask("GET", "/v1/contacts/@n")).status_code == 404


async def test_a_merged_leads_id_answers_for_an_instant_before_as_the_lead_and_after_as_the_member(api: Api) -> None:
    lead = await api.json("POST", "/v1/contacts", body={"name": "손님", "city": "Seoul"})
    member = await api.json("PUT", "/v1/contacts/@u1", body={"name": "홍길동"})
    merged = await api.json("PUT", "/v1/contacts/@u1", body={"leadId": lead["id"]})
    path = f"/v1/contacts/{lead['id']}"
    before = await api.json("GET", path, params={"at": lead["updatedAt"]})
    assert (before["id"], before["member"], before["name"], before["city"]) == (lead["id"], False, "손님", "Seoul")
    after = await api.json("GET", path, params={"at": merged["updatedAt"]})
    assert (after["id"], after["member"], after["name"], after["city"]) == (member["id"], True, "홍길동", "Seoul")
