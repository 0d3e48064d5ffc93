"""Visits through the gateway: counted once each, in whatever order they come, and seen by every reader."""

from datetime import UTC, datetime, timedelta
from typing import Any

from common.clock import to_wire
from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel


def ago(minutes: float) -> str:
    return to_wire(datetime.now(UTC) - timedelta(minutes=minutes))


async def test_visits_late_doubled_and_out_of_order_count_once_each(api: Api) -> None:
    times = {"a": ago(200), "b": ago(175), "c": ago(60), "d": ago(31)}
    rows = [{"id": key, "memberId": "u1", "at": times[key], "url": f"https://shop.example/{key}"} for key in "dacab"]
    answer = await api.ask("POST", "/v1/visits", body={"visits": rows})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 4, "duplicates": 1, "rejected": []})
    assert answer.headers["Dangol-Position"]
    again = await api.json("POST", "/v1/visits", body={"visits": rows[:2]})
    assert again == {"accepted": 0, "duplicates": 2, "rejected": []}
    contact = await api.json("GET", "/v1/contacts/@u1")
    assert (contact["firstSeenAt"], contact["lastSeenAt"], contact["sessionsCount"]) == (times["a"], times["d"], 2)
    listed = await api.json("GET", "/v1/contacts/@u1/visits")
    assert [(v["id"], v["at"], v["url"]) for v in listed["items"]] == [
        (key, times[key], f"https://shop.example/{key}") for key in "dcba"
    ]
    assert listed["next"] is None


async def test_a_page_of_visits_leads_to_the_next(api: Api) -> None:
    rows = [{"id": f"v{n}", "memberId": "u1", "at": ago(n)} for n in range(5)]
    await api.json("POST", "/v1/visits", body={"visits": rows})
    found: list[str] = []
    params = {"limit": "2"}
    while True:
        page = await api.json("GET", "/v1/contacts/@u1/visits", params=params)
        found += [v["id"] for v in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert found == [f"v{n}" for n in range(5)]
    assert (await api.ask("GET", "/v1/contacts/@u1/visits", params={"limit": "101"})).status_code == 422
    assert (await api.ask("GET", "/v1/contacts/@u1/visits", params={"cursor": "nonsense"})).json()["code"] == "badCursor"


async def test_a_bad_row_is_rejected_with_its_place_and_the_others_are_taken(api: Api) -> None:
    rows: list[Any] = [
        {"id": "a", "memberId": "u1", "at": ago(-6)},
        {"id": "b", "memberId": "u1", "at": ago(-4.5)},
        {"id": "c", "contactId": "01a20e30-0000-7000-8000-000000000001"},
        {"id": "d"},
        "visit",
        {"id": "e", "memberId": "u1", "at": "0001-01-01T00:00:00Z"},
    ]
    answer = await api.json("POST", "/v1/visits", body={"visits": rows})
    assert (answer["accepted"], answer["duplicates"]) == (2, 0)
    assert [(r["index"], r["problem"]["code"], r["problem"]["pointer"]) for r in answer["rejected"]] == [
        (0, "inTheFuture", "/visits/0/at"),
        (2, "unknownContact", "/visits/2/contactId"),
        (3, "invalid", "/visits/3"),
        (4, "invalid", "/visits/4"),
    ]
    assert (await api.json("GET", "/v1/contacts/@u1"))["firstSeenAt"] == "0001-01-01T00:00:00.000Z"


async def test_a_custom_event_is_kept_and_moves_no_session(api: Api) -> None:
    lead = await api.json("POST", "/v1/contacts", body={})
    event = {"id": "p1", "contactId": lead["id"], "name": "purchase", "properties": {"amount": 12000, "items": ["a"]}}
    assert (await api.json("POST", "/v1/visits", body={"visits": [event]}))["accepted"] == 1
    after = await api.json("GET", f"/v1/contacts/{lead['id']}")
    assert (after["version"], after["lastSeenAt"], after["sessionsCount"]) == (1, None, 0)
    (kept,) = (await api.json("GET", f"/v1/contacts/{lead['id']}/visits"))["items"]
    assert (kept["name"], kept["properties"]) == ("purchase", {"amount": 12000, "items": ["a"]})


async def test_a_visit_without_an_instant_is_now_and_is_found_at_once(api: Api) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    await api.json("POST", "/v1/visits", body={"visits": [{"id": "a", "memberId": "u1"}]})
    contact = await api.json("GET", "/v1/contacts/@u1")
    assert before <= datetime.fromisoformat(contact["lastSeenAt"]) <= datetime.now(UTC)
    seen = {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": 1, "unit": "hours"}]}

    async def found() -> int:
        return int((await api.json("POST", "/v1/search/count", body={"filter": seen}))["total"])

    await eventually(found, lambda total: total == 1)


async def test_the_length_of_a_session_follows_the_channels_setting_and_not_that_of_exports(api: Api) -> None:
    await api.json("PATCH", "/v1/channel", body={"exportMinutes": 1})
    rows = [{"id": key, "memberId": "u1", "at": ago(minutes)} for key, minutes in (("a", 60), ("b", 40))]
    await api.json("POST", "/v1/visits", body={"visits": rows})
    assert (await api.json("GET", "/v1/contacts/@u1"))["sessionsCount"] == 1
    await api.json("PATCH", "/v1/channel", body={"sessionMinutes": 5})
    rows = [{"id": key, "memberId": "u2", "at": ago(minutes)} for key, minutes in (("c", 60), ("d", 40))]
    await api.json("POST", "/v1/visits", body={"visits": rows})
    assert (await api.json("GET", "/v1/contacts/@u2"))["sessionsCount"] == 2


async def test_a_token_that_may_write_visits_may_do_nothing_else(stack: Stack) -> None:
    async with caller(stack, fresh_channel(), "site", "visits.write") as site:
        assert (await site.ask("POST", "/v1/visits", body={"visits": [{"id": "a", "memberId": "u1"}]})).status_code == 202
        for method, path in (
            ("GET", "/v1/contacts/@u1"),
            ("PUT", "/v1/contacts/@u1"),
            ("GET", "/v1/fields"),
            ("GET", "/v1/channel"),
        ):
            assert (await site.ask(method, path, body={} if method == "PUT" else None)).status_code == 403


async def test_a_thousand_visits_are_taken_at_once_and_no_more(api: Api) -> None:
    rows = [{"id": f"v{n}", "memberId": f"u{n % 50}", "at": ago(n)} for n in range(1001)]
    assert (await api.ask("POST", "/v1/visits", body={"visits": rows})).status_code == 422
    assert (await api.json("POST", "/v1/visits", body={"visits": rows[:1000]}))["accepted"] == 1000


async def test_a_visit_is_read_back_with_its_address_its_device_and_its_properties(api: Api) -> None:
    web = {"kind": "web", "os": "Windows", "browser": "Chrome"}
    rows: list[Any] = [
        {"id": "a", "memberId": "u1", "at": ago(9), "url": "https://shop.example/?q=%ED%99%8D#top", "device": web},
        {
            "id": "b",
            "memberId": "u1",
            "at": ago(8),
            "name": "purchase",
            "properties": {"amount": 3, "sizes": ["M"], "gift": True},
        },
        {"id": "c", "memberId": "u1", "at": ago(7), "device": {"kind": "mobile", "appName": "Shop", "appVersion": "1.2"}},
    ]
    assert (await api.json("POST", "/v1/visits", body={"visits": rows}))["accepted"] == 3
    contact = await api.json("GET", "/v1/contacts/@u1")
    listed = (await api.json("GET", f"/v1/contacts/{contact['id']}/visits"))["items"]
    shown = [(v["id"], v["name"], v["at"], v["url"], v["device"], v["properties"]) for v in listed]
    assert shown == [
        ("c", "visit", rows[2]["at"], None, rows[2]["device"], {}),
        ("b", "purchase", rows[1]["at"], None, None, rows[1]["properties"]),
        ("a", "visit", rows[0]["at"], rows[0]["url"], web, {}),
    ]
    assert (contact["web"]["browser"], contact["mobile"]["appName"]) == ("Chrome", "Shop")
    assert (contact["web"]["sessionsCount"], contact["mobile"]["lastSeenAt"]) == (1, rows[2]["at"])
    conditions: list[Any] = [
        {"key": "web.browser", "operator": "eq", "values": ["chrome"]},
        {"key": "mobile.sessionsCount", "operator": "eq", "values": [1]},
        {"key": "mobile.lastSeenAt", "operator": "withinLast", "values": [{"n": 1, "unit": "hours"}]},
    ]
    search = {"filter": {"and": conditions}, "sort": [{"key": "web.lastSeenAt", "order": "desc"}]}
    await eventually(lambda: found(api, search), lambda items: items == [contact])
    refused = {"filter": {"key": "web.browser", "operator": "gt", "values": [1]}}
    assert (await api.ask("POST", "/v1/search", body=refused)).status_code == 422


async def found(api: Api, search: dict[str, Any]) -> list[Any]:
    items: list[Any] = (await api.json("POST", "/v1/search", body=search))["items"]
    return items
