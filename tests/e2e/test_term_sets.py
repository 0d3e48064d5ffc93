"""One pasted list all the way: a search over it, a live segment, a bulk action and an export, each of the same people."""

from typing import Any

from localstack.demo import PASSWORD, Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel


async def at(api: Api, path: str) -> dict[str, Any]:
    found: dict[str, Any] = await api.json("GET", path)
    return found


async def members(api: Api, segment: str) -> set[str]:
    return {item["contactId"] for item in (await at(api, f"/v1/segments/{segment}/members"))["items"]}


async def test_a_term_set_is_used_in_a_segment_a_bulk_action_and_an_export(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
        rows = [{"memberId": f"m-{n}", "mobileNumber": f"010-2000-000{n}"} for n in range(4)]
        ids = [r["id"] for r in (await api.json("POST", "/v1/contacts/batch", body={"contacts": rows}))["results"]]
        text = "010-2000-0000, +82-10-2000-0001\n010-2000-0002"
        pasted = (await api.json("POST", "/v1/term-sets", body={"key": "mobileNumber", "text": text}))["id"]
        among = {"key": "mobileNumber", "operator": "in", "termSet": pasted}
        listed = set(ids[:3])

        segment = (await api.json("POST", "/v1/segments", body={"name": "pasted", "filter": among}))["id"]
        shown = await eventually(lambda: at(api, f"/v1/segments/{segment}"), lambda s: s["status"] == "live" and s["count"] == 3)
        assert shown["filter"] == among
        assert await members(api, segment) == listed
        await api.json("PATCH", "/v1/contacts/@m-3", body={"mobileNumber": "010-2000-0000"})
        await api.json("PATCH", "/v1/contacts/@m-1", body={"mobileNumber": None})
        now = {ids[0], ids[2], ids[3]}
        assert await eventually(lambda: members(api, segment), lambda found: found == now) == now
        why = await api.json("POST", f"/v1/segments/{segment}/explain", body={"contactId": ids[3]})
        assert why["truth"] is True

        async def counted() -> dict[str, Any]:
            found: dict[str, Any] = await api.json("POST", "/v1/search/count", body={"segment": segment})
            found["both"] = (await api.json("POST", "/v1/search/count", body={"filter": among}))["total"]
            return found

        seen = await eventually(counted, lambda c: c["total"] == c["both"] == 3)
        target = {"segment": segment, "fingerprint": seen["fingerprint"]}
        job = await api.json("POST", "/v1/bulk-actions", body={"action": {"addTags": ["pasted"]}, "target": target})
        done = await eventually(lambda: at(api, f"/v1/bulk-actions/{job['id']}"), lambda j: j["status"] == "done")
        assert (done["total"], done["changed"]) == (3, 3)

        fingerprint = (await api.json("POST", "/v1/search/count", body={"filter": among}))["fingerprint"]
        scope = {"filter": among, "fingerprint": fingerprint}
        export = await api.json("POST", "/v1/exports", body={"reason": "test", "password": PASSWORD, "scope": scope})
        ready = await eventually(lambda: at(api, f"/v1/exports/{export['id']}"), lambda e: e["status"] == "ready")
        assert ready["manifest"]["rows"] == 3


async def test_a_segment_over_an_unknown_term_set_is_refused_and_not_made(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        for term_set in ("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c99", "none", 7):
            among = {"key": "mobileNumber", "operator": "in", "termSet": term_set}
            answer = await api.ask("POST", "/v1/segments", body={"name": "s", "filter": among})
            assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (
                422,
                "unknownTermSet",
                "/filter/termSet",
            )
        assert (await at(api, "/v1/segments"))["items"] == []


async def test_the_report_of_a_term_set_is_downloaded_as_a_file(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api, caller(stack, fresh_channel()) as stranger:
        written = await api.ask("PUT", "/v1/contacts/@m-1", body={"mobileNumber": "010-2000-0001"})
        seen = {"Dangol-Position": written.headers["Dangol-Position"]}
        given = {"key": "mobileNumber", "values": ["010-2000-0001", "+82 10-2000-0002", "=cmd", "01020000001"]}
        made = (await api.ask("POST", "/v1/term-sets", body=given, headers=seen)).json()
        address = f"/v1/term-sets/{made['id']}/terms"
        by_header = await api.ask("GET", address, headers={"Accept": "text/csv"})
        by_link = await api.ask("GET", f"{address}?format=csv")
        for answer in (by_header, by_link):
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
            assert answer.headers["content-disposition"] == f'attachment; filename="dangol-terms-{made["id"]}.csv"'
            assert answer.content.decode("utf-8-sig").splitlines() == [
                "term,normalised,status",
                "010-2000-0001,'+821020000001,found",
                "'+82 10-2000-0002,'+821020000002,notFound",
                "'=cmd,,unreadable",
                "01020000001,'+821020000001,duplicate",
            ]
        unread = await api.ask("GET", f"{address}?format=csv&status=unreadable")
        assert unread.content.decode("utf-8-sig").splitlines() == ["term,normalised,status", "'=cmd,,unreadable"]
        for accept in ("application/json", "*/*", "application/json, text/csv;q=0.5"):
            assert len((await api.ask("GET", address, headers={"Accept": accept})).json()["items"]) == 4
        assert (await stranger.ask("GET", f"{address}?format=csv")).status_code == 404
        assert (await api.ask("GET", f"{address}?format=xml")).status_code == 422


async def test_the_report_is_read_page_by_page_to_its_end(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        values = [f"m-{n}" for n in range(7)]
        made = await api.json("POST", "/v1/term-sets", body={"key": "memberId", "values": values})
        address = f"/v1/term-sets/{made['id']}/terms?limit=3"
        pages: list[list[str]] = []
        cursors: list[str] = []
        following = ""
        while True:
            page = await at(api, address + following)
            pages.append([item["term"] for item in page["items"]])
            if page["next"] is None:
                break
            cursors.append(page["next"])
            following = f"&cursor={page['next']}"
        assert pages == [values[:3], values[3:6], values[6:]]
        again = await at(api, f"{address}&cursor={cursors[0]}")
        assert ([item["term"] for item in again["items"]], again["next"] is None) == (pages[1], False)
        for wrong in (f"{address}&status=found&cursor={cursors[0]}", f"{address}&cursor=none"):
            answer = await api.ask("GET", wrong)
            assert (answer.status_code, answer.json()["code"]) == (422, "badCursor")
