"""Profile fields through the gateway: defined, ordered, shown or not, archived and restored, and followed by the search."""

from typing import Any

import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually


async def fields(api: Api) -> dict[str, Any]:
    return {d["key"]: d for d in (await api.json("GET", "/v1/fields"))["items"]}


async def test_a_field_is_defined_named_and_hidden(api: Api) -> None:
    body = {"key": "profile.grade", "type": "String", "displayName": {"ko": "등급"}}
    made = await api.ask("POST", "/v1/fields", body=body)
    assert (made.status_code, made.json()["displayName"]) == (201, {"ko": "등급", "en": "Grade"})
    assert made.headers["Dangol-Position"]
    changed = await api.ask("PATCH", "/v1/fields/profile.grade", body={"displayName": {"en": "Level"}, "inboxVisible": False})
    assert (changed.status_code, changed.json()["displayName"]) == (200, {"ko": "등급", "en": "Level"})
    assert (changed.json()["visible"], changed.json()["inboxVisible"]) == (True, False)
    assert changed.headers["Dangol-Position"]
    assert (await fields(api))["profile.grade"] == changed.json()
    assert (await api.ask("POST", "/v1/fields", body=body)).json()["code"] == "fieldExists"
    assert (await api.ask("PATCH", "/v1/fields/profile.none", body={"visible": False})).status_code == 404
    assert (await api.ask("POST", "/v1/fields", body={"key": "grade", "type": "String"})).json()["pointer"] == "/key"
    assert (await api.ask("POST", "/v1/fields", body={"key": "profile.own"})).json()["pointer"] == "/type"
    blank = await api.ask("PATCH", "/v1/fields/profile.grade", body={"displayName": {"ko": " "}})
    assert (blank.status_code, blank.json()["pointer"]) == (422, "/displayName/ko")


async def test_a_built_in_field_is_hidden_and_shown_like_any_other(api: Api) -> None:
    assert (await api.json("PATCH", "/v1/fields/city", body={"visible": False}))["visible"] is False
    assert (await fields(api))["city"]["visible"] is False
    assert (await api.json("PATCH", "/v1/fields/city", body={"visible": True}))["visible"] is True
    refused = await api.ask("PATCH", "/v1/fields/city", body={"once": True})
    assert (refused.status_code, refused.json()["pointer"]) == (422, "/once")


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/fields/city", {key: None}) for key in ("displayName", "visible", "inboxVisible", "once")]
    + [("/v1/channel", {key: None}) for key in ("country", "timeZone", "sessionMinutes", "exportMinutes", "exportScope")]
    + [("/v1/channel", {"managedUsers": None, "country": "JP"})],
)
async def test_a_setting_that_is_set_to_null_is_refused_and_nothing_changes(api: Api, path: str, body: dict[str, Any]) -> None:
    before = await api.json("GET", "/v1/channel"), await fields(api)
    refused = await api.ask("PATCH", path, body=body)
    assert (refused.status_code, refused.json()["pointer"]) == (422, f"/{next(iter(body))}")
    assert (await api.json("GET", "/v1/channel"), await fields(api)) == before


async def test_well_known_keys_bring_their_type_and_their_names(api: Api) -> None:
    presets = {d["key"]: d for d in (await api.json("GET", "/v1/fields/presets"))["items"]}
    assert presets["profile.totalAmount"]["type"] == "Number"
    assert presets["profile.lastCheckoutCompletedAt"]["displayName"] == {"ko": "최근 주문 시간", "en": "Last order"}
    assert presets["profile.firstReferrer"]["once"] is True
    refused = await api.ask("PUT", "/v1/contacts/@u1", body={"profile": {"cartCount": "three"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "wrongType")
    assert "profile.cartCount" not in await fields(api)
    await api.json("PUT", "/v1/contacts/@u1", body={"profile": {"cartCount": 3}})
    assert (await fields(api))["profile.cartCount"]["displayName"]["ko"] == "장바구니 상품 수"
    made = await api.json("POST", "/v1/fields", body={"key": "profile.totalAmount"})
    assert (made["type"], made["displayName"]["en"]) == ("Number", "Total amount")


async def test_the_order_takes_built_in_and_profile_fields_together(api: Api) -> None:
    await api.json("PUT", "/v1/contacts/@u1", body={"profile": {"a": 1, "b": 2}})
    before = list(await fields(api))
    answer = await api.ask("PUT", "/v1/fields/order", body={"keys": ["profile.b", "email"]})
    keys = [d["key"] for d in answer.json()["items"]]
    assert keys == ["profile.b", "email", *[k for k in before if k not in ("profile.b", "email")]]
    assert [d["order"] for d in answer.json()["items"]] == list(range(len(keys)))
    assert answer.headers["Dangol-Position"]
    assert list(await fields(api)) == keys
    for wrong, pointer in ((["profile.none"], "/keys/0"), (["email", "email"], "/keys/1")):
        refused = await api.ask("PUT", "/v1/fields/order", body={"keys": wrong})
        assert (refused.status_code, refused.json()["pointer"]) == (422, pointer)


async def test_a_value_that_can_never_change_after_the_first(api: Api) -> None:
    await api.json("PUT", "/v1/contacts/@u1", body={"profile": {"firstUtmSource": "naver"}})
    for value in ("google", None):
        await api.json("PATCH", "/v1/contacts/@u1", body={"profile": {"firstUtmSource": value}})
    assert (await api.json("GET", "/v1/contacts/@u1"))["profile"] == {"firstUtmSource": "naver"}


async def test_an_archived_field_leaves_every_reader_and_comes_back_with_its_values(api: Api) -> None:
    await api.json("PUT", "/v1/contacts/@u1", body={"name": "a", "profile": {"grade": "VIP"}})
    condition = {"key": "profile.grade", "operator": "eq", "values": ["VIP"]}

    async def found() -> list[Any]:
        return [item["profile"] for item in (await api.json("POST", "/v1/search", body={}))["items"]]

    async def counted() -> Any:
        answer = await api.ask("POST", "/v1/search/count", body={"filter": condition})
        return answer.json().get("total", answer.status_code)

    await eventually(found, lambda profiles: profiles == [{"grade": "VIP"}])
    archived = await api.ask("POST", "/v1/fields/profile.grade/archive")
    assert (archived.status_code, archived.json()["archived"]) == (200, True)
    assert archived.headers["Dangol-Position"]
    assert (await api.json("GET", "/v1/contacts/@u1"))["profile"] == {}
    dropped = await api.json("PATCH", "/v1/contacts/@u1", body={"profile": {"grade": "gold"}})
    assert dropped["profile"] == {}
    assert (await fields(api))["profile.grade"]["refusedWhileArchived"] == 1
    await eventually(found, lambda profiles: profiles == [{}])
    await eventually(counted, lambda answer: answer == 422)
    restored = await api.ask("POST", "/v1/fields/profile.grade/restore")
    assert (restored.status_code, restored.json()["archived"], restored.json()["restoring"]) == (200, True, True)
    assert (await api.json("GET", "/v1/contacts/@u1"))["profile"] == {"grade": "VIP"}
    await eventually(found, lambda profiles: profiles == [{"grade": "VIP"}])
    answers = [await eventually(counted, lambda answer: answer != 422)]
    assert answers == [1]
    assert not (await fields(api))["profile.grade"]["archived"]
    assert (await api.ask("POST", "/v1/fields/name/archive")).json()["code"] == "builtIn"
    assert (await api.ask("POST", "/v1/fields/profile.none/archive")).status_code == 404


async def test_settings_answer_a_position_that_the_search_waits_for(stack: Stack, channel: str, api: Api) -> None:
    changed = await api.ask("PATCH", "/v1/channel", body={"country": "JP"})
    assert changed.headers["Dangol-Position"]
    async with caller(stack, channel, "site", "contacts.read") as reader:
        assert (await reader.ask("PATCH", "/v1/channel", body={"country": "KR"})).status_code == 403
        assert (await reader.ask("POST", "/v1/fields/profile.grade/archive")).status_code == 403


async def test_what_a_lead_was_before_its_merge_can_still_be_read(api: Api) -> None:
    lead = await api.json("POST", "/v1/contacts", body={"name": "a"})
    await api.json("PATCH", f"/v1/contacts/{lead['id']}", body={"name": "b"})
    member = await api.json("PUT", "/v1/contacts/@u1", body={})
    await api.json("PUT", "/v1/contacts/@u1", body={"leadId": lead["id"]})
    path = f"/v1/contacts/{lead['id']}/history"
    merge, _ = (await api.json("GET", path))["items"]
    assert (merge["absorbed"], merge["changes"][0]) == (lead["id"], {"key": "name", "from": None, "to": "b"})
    gone, change, birth = (await api.json("GET", path, params={"own": "true"}))["items"]
    assert gone["mergedInto"] == member["id"]
    assert [(i["version"], i["changes"]) for i in (change, birth)] == [
        (2, [{"key": "name", "from": "a", "to": "b"}]), (1, [{"key": "name", "from": None, "to": "a"}]),
    ]  # fmt: skip
    assert len((await api.json("GET", "/v1/contacts/@u1/history", params={"own": "true"}))["items"]) == 2


async def test_a_contact_as_it_was_and_the_history_of_how_it_came_to_be(api: Api) -> None:
    first = await api.json("PUT", "/v1/contacts/@u1", body={"name": "a"})
    second = await api.json("PUT", "/v1/contacts/@u1", body={"name": "b"})
    path = f"/v1/contacts/{first['id']}"
    items = (await api.json("GET", f"{path}/history"))["items"]
    assert [(i["version"], i["by"], i["changes"]) for i in items] == [
        (2, "kim", [{"key": "name", "from": "a", "to": "b"}]), (1, "kim", [{"key": "name", "from": None, "to": "a"}]),
    ]  # fmt: skip
    assert await api.json("GET", path, params={"at": second["updatedAt"]}) == second
    was = await api.ask("GET", path, params={"at": first["updatedAt"]})
    assert was.json() in (first, second)
    assert (await api.ask("GET", path, params={"at": "2001-01-01T00:00:00Z"})).status_code == 404
    assert (await api.ask("GET", path, params={"at": "yesterday"})).status_code == 422
