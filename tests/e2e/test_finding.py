"""Every row of "Finding", through the gateway: search, count, ids, filters checked, term sets, one's own writes, fingerprints."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from common.clock import SystemClock, to_wire
from localstack.stack import Stack
from tests.support.api import eventually, fresh_channel

VIP = {"key": "profile.grade", "operator": "eq", "values": ["VIP"]}


class Manager:
    """The gateway as one manager sees it, carrying the position of the last write of contacts' to every later request."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.position: str | None = None

    async def ask(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        """The answer, whatever it is."""
        headers = {"Dangol-Position": self.position} if self.position is not None else {}
        answer = await self.client.request(method, path, json=body, headers=headers, **options)
        if not path.startswith("/v1/segments"):
            self.position = answer.headers.get("Dangol-Position", self.position)
        return answer

    async def done(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """The body of an answer that is no refusal."""
        answer = await self.ask(method, path, body, **options)
        assert answer.is_success, (path, answer.status_code, answer.text[:500])
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The problem of an answer that is one, its members checked."""
        answer = await self.ask(method, path, body)
        assert answer.is_error, (path, answer.text[:200])
        problem: dict[str, Any] = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["detail"]
        return problem


@asynccontextmanager
async def manager(stack: Stack, channel: str, *permissions: str) -> AsyncIterator[Manager]:
    token = stack.token(channel=channel, sub="kim", permissions=list(permissions) or ["*"])
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, headers={"Authorization": f"Bearer {token}"}) as client:
        yield Manager(client)


@pytest.fixture
async def kim(stack: Stack) -> AsyncIterator[Manager]:
    async with manager(stack, fresh_channel()) as made:
        yield made


async def members(kim: Manager, count: int, **values: Any) -> list[str]:
    """Make members m-0, m-1 …; their ids."""
    rows = [{"memberId": f"m-{n}", "profile": {"grade": "VIP" if n % 2 else "new", "n": n}, **values} for n in range(count)]
    results = (await kim.done("POST", "/v1/contacts/batch", {"contacts": rows}))["results"]
    assert all(r.get("problem") is None for r in results)
    return [r["id"] for r in results]


async def test_a_search_pages_counts_and_sorts(kim: Manager) -> None:
    ids = await members(kim, 25)
    body: dict[str, Any] = {"filter": VIP, "sort": [{"key": "profile.n", "order": "desc"}], "limit": 5}
    first = await kim.done("POST", "/v1/search", body)
    assert first["total"] == 12
    shown = list(first["items"])
    page = first
    while page["next"] is not None:
        page = await kim.done("POST", "/v1/search", body | {"cursor": page["next"]})
        assert page["total"] == 12
        shown += page["items"]
    assert [c["id"] for c in shown] == [ids[n] for n in range(23, 0, -2)]
    assert all(set(c) >= {"id", "memberId", "profile", "version", "lastSeenAt"} for c in shown)
    assert (await kim.done("POST", "/v1/search", {}))["total"] == 25
    assert (await kim.done("POST", "/v1/search/count", {"filter": VIP}))["total"] == 12
    assert (await kim.refused("POST", "/v1/search", body | {"limit": 101}))["pointer"] == "/limit"
    assert (await kim.refused("POST", "/v1/search", body | {"limit": 5, "cursor": "x"}))["pointer"] == "/cursor"
    other = {"filter": {**VIP, "values": ["new"]}, "limit": 5, "cursor": first["next"]}
    assert (await kim.refused("POST", "/v1/search", other))["status"] == 422


async def test_quick_search_looks_within_the_filters_result(kim: Manager) -> None:
    await kim.done("PUT", "/v1/contacts/@a", {"name": "홍길동", "mobileNumber": "010-1234-5678", "profile": {"grade": "VIP"}})
    await kim.done("PUT", "/v1/contacts/@b", {"name": "홍길순", "profile": {"grade": "new"}})
    for typed in ("길", "ㅎㄱ", "홍ㄱ", "ghdrlf"):
        assert (await kim.done("POST", "/v1/search", {"query": typed}))["total"] == 2, typed
        within = await kim.done("POST", "/v1/search", {"query": typed, "filter": VIP})
        assert [c["name"] for c in within["items"]] == ["홍길동"], typed
    assert (await kim.done("POST", "/v1/search", {"query": "1234-56"}))["total"] == 1
    assert (await kim.done("POST", "/v1/search", {"query": "  "}))["total"] == 2
    assert (await kim.refused("POST", "/v1/search", {"query": "x" * 1001}))["pointer"] == "/query"


async def test_a_segment_and_a_filter_both_hold_and_the_segment_is_read_as_it_stands_now(kim: Manager) -> None:
    await members(kim, 10)
    segment = (await kim.done("POST", "/v1/segments", {"name": "vip", "filter": VIP}))["id"]
    few = {"key": "profile.n", "operator": "lt", "values": [4]}
    assert (await kim.done("POST", "/v1/search/count", {"segment": segment}))["total"] == 5
    assert (await kim.done("POST", "/v1/search/count", {"segment": segment, "filter": few}))["total"] == 2
    inside = {"and": [few, {"key": "segment", "operator": "notIn", "values": [segment]}]}
    assert (await kim.done("POST", "/v1/search/count", {"filter": inside}))["total"] == 2
    cursor = (await kim.done("POST", "/v1/search", {"segment": segment, "limit": 1}))["next"]
    await kim.done("PATCH", f"/v1/segments/{segment}", {"filter": {**VIP, "values": ["VIP", "new"]}})
    assert (await kim.done("POST", "/v1/search/count", {"segment": segment}))["total"] == 10
    gone = await kim.refused("POST", "/v1/search", {"segment": segment, "limit": 1, "cursor": cursor})
    assert (gone["status"], gone["code"]) == (410, "cursorExpired")
    missing = await kim.refused("POST", "/v1/search", {"segment": "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c99"})
    assert (missing["code"], missing["pointer"]) == ("unknownSegment", "/segment")


async def test_ids_come_as_lines_of_one_instant(kim: Manager) -> None:
    ids = await members(kim, 30)
    answer = await kim.ask("POST", "/v1/search/ids", {"filter": VIP})
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    assert lines == [{"id": each, "version": 1} for each in sorted(ids[1::2])]


async def test_a_filter_is_shown_as_it_is_understood(kim: Manager) -> None:
    await members(kim, 1)
    written = {"and": [{"or": [{"key": "user.profile.grade", "type": "String", "operator": "$in", "values": [" VIP ", "ﬁn"]}]}]}
    understood = (await kim.done("POST", "/v1/filters/check", {"filter": written}))["filter"]
    assert understood == {
        "and": [{"or": [{"key": "profile.grade", "operator": "eq", "type": "string", "values": ["vip", "fin"]}]}]
    }
    assert (await kim.done("POST", "/v1/filters/check", {"filter": understood}))["filter"] == understood


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"filters": VIP}, "/filters"),
        ({"filter": {"and": []}, "extra": 1}, "/extra"),
        ({"segment": "vip"}, "/segment"),
        ({"query": 7}, "/query"),
        ({"sort": "name"}, "/sort"),
        ({"sort": [{"key": "name", "order": "down"}]}, "/sort/0/order"),
        ({"sort": [{"key": "tags"}]}, "/sort/0/key"),
        ({"sort": [{"key": "nickname"}]}, "/sort/0/key"),
        ({"limit": 0}, "/limit"),
        ({"limit": "10"}, "/limit"),
        ({"cursor": 7}, "/cursor"),
        ([], ""),
    ],
)
async def test_a_request_with_anything_unknown_or_wrong_is_refused(kim: Manager, body: object, pointer: str) -> None:
    await kim.done("PUT", "/v1/contacts/@a", {"name": "a"})
    problem = await kim.refused("POST", "/v1/search", body)
    assert (problem["status"], problem["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    ("name", "code"),
    [("filter", "invalidFilter"), *((name, "wrongType") for name in ("segment", "query", "sort", "limit"))],
)
async def test_null_is_not_read_as_absence_and_never_means_everyone(kim: Manager, name: str, code: str) -> None:
    await kim.done("PUT", "/v1/contacts/@a", {"name": "a"})
    paths = ["/v1/search"] if name in {"sort", "limit"} else ["/v1/search", "/v1/search/count", "/v1/search/ids"]
    for path in paths:
        problem = await kim.refused("POST", path, {name: None})
        assert (problem["status"], problem["pointer"], problem["code"]) == (422, f"/{name}", code)


async def test_a_body_that_is_no_json_is_unreadable(kim: Manager) -> None:
    for content in (b"", b"{", b'{"limit": NaN}', b'{"query": "\\ud800"}', b"\xff"):
        for path in ("/v1/search", "/v1/term-sets"):
            answer = await kim.client.post(path, content=content)
            assert answer.status_code in {400, 422}, (path, content)


async def test_terms_pasted_or_sent_as_a_file_are_reported_and_stand_in_filters(kim: Manager) -> None:
    numbers = {"kim": "010-1234-5678", "lee": "010-1111-2222", "lee2": "010-1111-2222", "park": "010-3333-3333"}
    for name, number in numbers.items():
        await kim.done("PUT", f"/v1/contacts/@{name}", {"mobileNumber": number})
    text = "01012345678,+8210-1111-2222\n010-9999-9999 nobody\t010-1234-5678"
    made = await kim.done("POST", "/v1/term-sets", {"key": "mobileNumber", "text": text})
    counts = {"terms": 5, "found": 1, "notFound": 1, "ambiguous": 1, "duplicate": 1, "unreadable": 1}
    assert {key: made[key] for key in counts} == counts
    values = ["010 1234 5678", "+82 10-1111-2222", "", "010-9999-9999", "nobody", "01012345678"]
    one_by_one = await kim.done("POST", "/v1/term-sets", {"key": "mobileNumber", "values": values})
    assert {key: one_by_one[key] for key in counts} == counts
    file = {"file": ("numbers.csv", "번호\r\n010-1234-5678\r\n010-1111-2222\r\n".encode("cp949"), "text/csv")}
    answer = await kim.client.post("/v1/term-sets", data={"key": "mobileNumber"}, files=file)
    assert answer.status_code == 201
    assert {key: answer.json()[key] for key in ("terms", "found", "ambiguous", "unreadable")} == {
        "terms": 3, "found": 1, "ambiguous": 1, "unreadable": 1,
    }  # fmt: skip

    report = await kim.done("GET", f"/v1/term-sets/{made['id']}/terms")
    assert [(i["term"], i["status"], len(i["contactIds"])) for i in report["items"]] == [
        ("01012345678", "found", 1),
        ("+8210-1111-2222", "ambiguous", 2),
        ("010-9999-9999", "notFound", 0),
        ("nobody", "unreadable", 0),
        ("010-1234-5678", "duplicate", 0),
    ]
    unread = await kim.done("GET", f"/v1/term-sets/{made['id']}/terms", params={"status": "unreadable"})
    assert [i["term"] for i in unread["items"]] == ["nobody"]

    among: dict[str, Any] = {"key": "mobileNumber", "operator": "in", "termSet": made["id"]}
    found = await kim.done("POST", "/v1/search", {"filter": among, "sort": [{"key": "memberId"}]})
    assert [c["memberId"] for c in found["items"]] == ["kim", "lee", "lee2"]
    others = {"filter": {**among, "operator": "notIn"}}
    assert [c["memberId"] for c in (await kim.done("POST", "/v1/search", others))["items"]] == ["park"]
    assert len((await kim.ask("POST", "/v1/search/ids", {"filter": among})).content.splitlines()) == 3
    # Who has a number now is found, whenever the terms were pasted.
    await kim.done("PATCH", "/v1/contacts/@park", {"mobileNumber": "010-9999-9999"})
    assert (await kim.done("POST", "/v1/search/count", {"filter": among}))["total"] == 4
    for wrong, code in (
        ({**among, "key": "landlineNumber"}, "unknownTermSet"),
        ({**among, "termSet": "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c99"}, "unknownTermSet"),
        ({**among, "operator": "contains"}, "invalidFilter"),
    ):
        problem = await kim.refused("POST", "/v1/search", {"filter": wrong})
        assert (problem["code"], problem["pointer"]) == (code, "/filter/termSet")


async def test_a_term_set_is_its_channels_own(kim: Manager, stack: Stack) -> None:
    made = await kim.done("POST", "/v1/term-sets", {"key": "name", "values": ["kim"]})
    async with manager(stack, fresh_channel()) as stranger:
        assert (await stranger.refused("GET", f"/v1/term-sets/{made['id']}/terms"))["status"] == 404
        filter_ = {"key": "name", "operator": "in", "termSet": made["id"]}
        assert (await stranger.refused("POST", "/v1/search", {"filter": filter_}))["code"] == "unknownTermSet"
    for body, pointer in (
        ({"key": "name"}, ""),
        ({"key": "name", "text": "a", "values": ["a"]}, ""),
        ({"key": "name", "values": ["a", 7]}, "/values/1"),
        ({"text": "a"}, "/key"),
        ({"key": "sessionsCount", "text": "1"}, "/key"),
        ({"key": "name", "text": "a\u0000b"}, "/text"),
    ):
        problem = await kim.refused("POST", "/v1/term-sets", body)
        assert (problem["status"], problem["pointer"]) == (422, pointer), body
    assert (await kim.refused("GET", f"/v1/term-sets/{made['id']}/terms?status=lost"))["status"] == 422


async def test_only_readers_may_find(stack: Stack) -> None:
    async with manager(stack, fresh_channel(), "contacts.edit", "segments.manage") as writer:
        for path in ("/v1/search", "/v1/search/count", "/v1/search/ids", "/v1/filters/check", "/v1/term-sets"):
            assert (await writer.refused("POST", path, {"filter": {"wrong": 1}}))["status"] == 403


async def test_a_managers_edit_is_in_that_managers_very_next_search(kim: Manager) -> None:
    await kim.done("PUT", "/v1/contacts/@a", {"name": "a"})
    for n in range(20):
        await kim.done("PATCH", "/v1/contacts/@a", {"profile": {"n": n}})
        found = await kim.done("POST", "/v1/search", {"filter": {"key": "profile.n", "operator": "eq", "values": [n]}})
        assert [c["profile"]["n"] for c in found["items"]] == [n]
    await members(kim, 300)
    assert (await kim.done("POST", "/v1/search/count", {}))["total"] == 301
    answer = await kim.client.post("/v1/search", json={}, headers={"Dangol-Position": "no position"})
    assert answer.status_code == 400


async def test_whoever_was_merged_is_found_no_more(kim: Manager) -> None:
    member = await kim.done("PUT", "/v1/contacts/@a", {"name": "a"})
    lead = await kim.done("POST", "/v1/contacts", {"name": "lead"})

    async def total() -> int:
        found: int = (await kim.done("POST", "/v1/search/count", {}))["total"]
        return found

    await eventually(total, lambda found: found == 2)  # a position stands for the last write alone
    await kim.done("PUT", "/v1/contacts/@a", {"leadId": lead["id"]})
    assert [c["id"] for c in (await kim.done("POST", "/v1/search", {}))["items"]] == [member["id"]]


async def test_a_fingerprint_stands_for_one_request_and_what_it_showed(kim: Manager, stack: Stack) -> None:
    await members(kim, 20)
    segment = (await kim.done("POST", "/v1/segments", {"name": "vip", "filter": VIP}))["id"]
    address = stack.health("search-api") + "/internal/audience"
    asked: dict[str, Any] = {"segment": segment, "query": "m-"}
    seen = await kim.done("POST", "/v1/search", asked)
    assert await kim.done("POST", address, asked | {"fingerprint": seen["fingerprint"]}) == {"total": 10}
    # The same filter in other words is the same filter.
    worded = {"filter": {**VIP, "operator": "$in"}}
    alike = {"filter": {**VIP, "key": "user.profile.grade"}}
    shown = (await kim.done("POST", "/v1/search/count", worded))["fingerprint"]
    assert await kim.done("POST", address, alike | {"fingerprint": shown}) == {"total": 10}
    for other in ({"segment": segment}, {"segment": segment, "query": "m-1"}, {"query": "m-"}, {}):
        problem = await kim.refused("POST", address, other | {"fingerprint": seen["fingerprint"]})
        assert (problem["status"], problem["code"]) == (409, "fingerprintMismatch")
    for word in ("", "no fingerprint", seen["fingerprint"][:-4] + "AAAA"):
        assert (await kim.refused("POST", address, asked | {"fingerprint": word}))["code"] == "fingerprintMismatch"
    rows = [{"memberId": f"m-{n}", "profile": {"grade": "VIP"}} for n in range(100, 111)]
    await kim.done("POST", "/v1/contacts/batch", {"contacts": rows})
    changed = await kim.refused("POST", address, asked | {"fingerprint": seen["fingerprint"]})
    assert (changed["status"], changed["code"], changed["total"]) == (409, "audienceChanged", 21)
    assert await kim.done("POST", address, asked | {"fingerprint": changed["fingerprint"]}) == {"total": 21}
    await kim.done("PATCH", f"/v1/segments/{segment}", {"filter": {"and": []}})
    problem = await kim.refused("POST", address, asked | {"fingerprint": changed["fingerprint"]})
    assert problem["code"] == "fingerprintMismatch"


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posixrules", "right/UTC", "../UTC", "/etc/localtime", "KST", ""])
async def test_a_zone_that_each_machine_reads_in_its_own_way_is_refused(kim: Manager, zone: str) -> None:
    problem = await kim.refused("PATCH", "/v1/channel", {"timeZone": zone})
    assert (problem["status"], problem["pointer"]) == (422, "/timeZone")


@pytest.mark.parametrize("zone", ["EST", "HST", "MST", "ROC", "US/Pacific", "Etc/GMT+12"])
async def test_anniversaries_are_found_in_whatever_zone_a_channel_may_have(kim: Manager, zone: str) -> None:
    assert (await kim.done("PATCH", "/v1/channel", {"timeZone": zone}))["timeZone"] == zone
    await kim.done("POST", "/v1/fields", {"key": "profile.born", "type": "Date"})
    soon = (SystemClock().now() + timedelta(days=2)).replace(year=1964)
    await kim.done("PUT", "/v1/contacts/@a", {"profile": {"born": to_wire(soon)}})
    for within, total in ((0, 0), (4, 1), (364, 1)):
        raw = {"key": "profile.born", "operator": "anniversary", "values": [{"n": within, "unit": "days"}]}
        assert (await kim.done("POST", "/v1/search/count", {"filter": raw}))["total"] == total
