"""What a frontend asks beside a search: values to choose from, counts of conditions, a place in a list, why somebody is found."""

from typing import Any

import pytest

from common.clock import SystemClock, to_wire
from localstack.stack import Stack
from tests.e2e.test_finding import VIP, Manager, manager, members
from tests.support.api import eventually, fresh_channel


@pytest.fixture
async def kim(stack: Stack) -> Any:
    async with manager(stack, fresh_channel()) as made:
        yield made


async def test_what_a_frontend_asks_sees_ones_own_write_and_nobody_who_is_hidden_or_erased(kim: Manager) -> None:
    ids = await members(kim, 6)
    await kim.done("PATCH", "/v1/channel", {"managedUsers": {"limit": 5}})
    before = to_wire(SystemClock().now())
    await kim.done("PATCH", f"/v1/contacts/{ids[0]}", {"profile": {"grade": "vip"}, "tags": ["VIP/골드"]})
    await kim.done("DELETE", f"/v1/contacts/{ids[1]}")
    await kim.done("PUT", "/v1/contacts/@hidden", {"profile": {"grade": "VIP"}})
    await kim.done("PUT", "/v1/contacts/@hidden-too", {"profile": {"grade": "VIP"}})

    async def found() -> int:
        total: int = (await kim.done("POST", "/v1/search/count", {}))["total"]
        return total

    managed = (await kim.done("GET", "/v1/channel"))["managedUsers"]
    shown = managed["count"] - managed["hidden"]
    await eventually(found, lambda total: total == shown)
    counted = await kim.done("POST", "/v1/search/values", {"key": "profile.grade"})
    vip = (await kim.done("POST", "/v1/search/count", {"filter": VIP}))["total"]
    assert {item["value"].lower(): item["count"] for item in counted["items"]} == {"vip": vip, "new": shown - vip}
    assert (counted["more"], counted["without"]) == (False, 0)
    assert await kim.done("POST", "/v1/search/values", {"key": "tags", "prefix": "vip/ㄱ"}) == {
        "items": [{"value": "VIP/골드", "count": 1}], "more": False, "without": shown - 1,
    }  # fmt: skip
    nodes = await kim.done("POST", "/v1/search/count", {"filter": {"and": [VIP, {"not": VIP}]}, "nodes": True})
    assert (nodes["total"], [(n["pointer"], n["alone"], n["upTo"]) for n in nodes["nodes"]]) == (
        0,
        [("/filter", 0, 0), ("/filter/and/0", vip, vip), ("/filter/and/1", shown - vip, 0), ("/filter/and/1/not", vip, vip)],
    )
    row = {"sort": [{"key": "profile.n"}], "seek": {"values": [3]}, "limit": 1}
    page = await kim.done("POST", "/v1/search", row)
    assert (page["items"][0]["id"], page["total"]) == (ids[3], shown)
    back = await kim.done("POST", "/v1/search", {**row, "cursor": page["previous"]})
    assert [item["id"] for item in back["items"]] == [ids[2]]
    trees = (await kim.done("POST", "/v1/filters/explain", {"filter": VIP, "contactIds": ids[:2]}))["items"]
    assert [(each["contactId"], each["tree"] and each["tree"]["value"]) for each in trees] == [(ids[0], "vip"), (ids[1], None)]
    past = await kim.done("POST", "/v1/filters/explain", {"filter": VIP, "contactIds": ids[:1], "at": before})
    assert past["items"][0]["tree"] == {
        **VIP,
        "values": ["vip"],
        "type": "string",
        "truth": False,
        "nextChangeAt": None,
        "value": "new",
    }
    early = {"filter": VIP, "contactIds": ids[:1], "at": "2020-01-01T00:00:00.000Z"}
    assert (await kim.done("POST", "/v1/filters/explain", early))["items"] == [{"contactId": ids[0], "tree": None}]


async def test_what_is_not_understood_is_refused_with_its_place_and_counting_is_all_an_exporter_may(
    kim: Manager, stack: Stack
) -> None:
    (one,) = await members(kim, 1)
    for path, body, code, pointer in (
        ("/v1/search/values", {"key": "memberId"}, "notListable", "/key"),
        ("/v1/search/values", {"key": "profile.grade", "limit": 51}, None, "/limit"),
        ("/v1/search/values", {"key": "profile.grade", "prefix": None}, "wrongType", "/prefix"),
        ("/v1/search/values", {}, None, "/key"),
        ("/v1/search/values", {"key": "tags", "filter": {"key": "x", "operator": "exists"}}, "unknownField", "/filter/key"),
        ("/v1/search/count", {"nodes": None}, "wrongType", "/nodes"),
        ("/v1/search/count", {"nodes": True, "filter": None}, None, "/filter"),
        ("/v1/search", {"seek": {"values": [1], "row": 1}}, None, "/seek/row"),
        ("/v1/search", {"seek": {"values": [1]}, "sort": [{"key": "name"}]}, "wrongType", "/seek/values/0"),
        ("/v1/search", {"seek": {"values": ["a"]}, "query": "a"}, None, "/seek"),
        ("/v1/filters/explain", {"filter": VIP, "contactIds": [one] * 21}, None, "/contactIds"),
        ("/v1/filters/explain", {"filter": VIP, "contactIds": ["x"]}, None, "/contactIds/0"),
        ("/v1/filters/explain", {"filter": VIP, "contactIds": [one], "at": "2999-01-01T00:00:00.000Z"}, "inFuture", "/at"),
        ("/v1/filters/explain", {"filter": VIP, "contactIds": [one], "at": None}, "wrongType", "/at"),
        ("/v1/filters/explain", {"contactIds": [one]}, None, "/filter"),
    ):  # fmt: skip
        problem = await kim.refused("POST", path, body)
        assert (problem["status"], problem.get("pointer")) == (422, pointer), (path, body, problem)
        assert code is None or problem["code"] == code, (path, body, problem)
    async with manager(stack, fresh_channel(), "exports.create") as exporter:
        assert (await exporter.done("POST", "/v1/search/count", {"nodes": True}))["total"] == 0
        for path, body in (("/v1/search", {}), ("/v1/search/values", {"key": "tags"})):
            assert (await exporter.refused("POST", path, body))["status"] == 403
