"""Exports through the gateway: who may, what is refused and how, the link, its end, and the log of it all."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, fresh_channel
from tests.support.exporting import (
    CONTACTS,
    SCORED,
    UNKNOWN,
    asked,
    channel_with_contacts,
    ended,
    files_of,
    fingerprint,
    plain,
    request,
)
from tests.support.pages import read_page


@pytest.fixture(scope="module")
def channel(stack: Stack) -> str:
    """A channel with contacts that nobody changes."""
    return channel_with_contacts(stack)


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        *(
            ({"password": weak}, "weakPassword", "/password")
            for weak in ["", "a1!", "abcdef1", "abc!!!", "123!!!", "가나다라12!"]
        ),
        ({"password": "a1!" + "x" * 253}, "weakPassword", "/password"),
        ({"password": "abc12!\n"}, "weakPassword", "/password"),
        ({"password": 123456}, "invalid", "/password"),
        ({"password": None}, "invalid", "/password"),
        ({"reason": ""}, "reasonRequired", "/reason"),
        ({"reason": " \t\n\u3000"}, "reasonRequired", "/reason"),
        ({"reason": "\u200b \u3164"}, "reasonRequired", "/reason"),
        ({"reason": None}, "invalid", "/reason"),
        ({"reason": "x" * 1001}, "invalid", "/reason"),
        ({"reason": "a\u0000b"}, "badCharacter", "/reason"),
        ({"scope": {}}, "invalid", "/scope/fingerprint"),
        ({"scope": {"all": False}}, "invalid", "/scope/all"),
        ({"scope": {"all": None}}, "invalid", "/scope"),
        ({"scope": {"all": True, "contactIds": [UNKNOWN]}}, "invalid", "/scope"),
        ({"scope": {"all": True, "except": [UNKNOWN]}}, "invalid", "/scope"),
        ({"scope": {"contactIds": []}}, "invalid", "/scope/contactIds"),
        ({"scope": {"contactIds": None}}, "invalid", "/scope"),
        ({"scope": {"contactIds": ["x"]}}, "invalid", "/scope/contactIds/0"),
        ({"scope": {"contactIds": [UNKNOWN]}}, "unknownContact", "/scope/contactIds/0"),
        ({"scope": {"filter": SCORED}}, "invalid", "/scope/fingerprint"),
        *(
            ({"scope": {name: None, "fingerprint": "x"}}, "wrongType", f"/scope/{name}")
            for name in ("segment", "query", "except")
        ),
        ({"scope": {"everyone": True}}, "invalid", "/scope/everyone"),
        ({"columns": []}, "invalid", "/columns"),
        ({"columns": ["name", "nothing"]}, "unknownField", "/columns/1"),
        ({"columns": "name"}, "invalid", "/columns"),
        ({"headings": "both"}, "invalid", "/headings"),
        ({"extra": 1}, "invalid", "/extra"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_place_and_nothing_is_written(
    stack: Stack, channel: str, changes: dict[str, Any], code: str, pointer: str
) -> None:
    async with caller(stack, channel, "wrong") as api:
        answer = await api.ask("POST", "/v1/exports", body=request({"all": True}) | changes)
        assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (422, code, pointer)
        newest = (await api.json("GET", "/v1/audit", params={"limit": "1"}))["items"][0]
        assert (newest["by"], newest["action"], newest["outcome"], newest["detail"]) == ("wrong", "export.asked", "refused", code)
    async with caller(stack, channel, "wrong", "exports.create") as api:
        assert (await api.json("GET", "/v1/exports"))["items"] == []


async def test_a_filter_that_cannot_be_understood_is_refused_with_its_place_in_the_scope(stack: Stack, channel: str) -> None:
    async with caller(stack, channel) as api:
        for filter_, pointer in (
            ({"key": "nothing", "operator": "exists"}, "/scope/filter"),
            ({"and": [SCORED, {"key": "profile.score", "operator": "gte", "values": ["x"]}]}, "/scope/filter/and/1"),
            (None, "/scope/filter"),
        ):
            scope = {"filter": filter_, "fingerprint": await fingerprint(api)}
            answer = await api.ask("POST", "/v1/exports", body=request(scope))
            assert answer.status_code == 422
            assert answer.json()["pointer"].startswith(pointer)


async def test_only_those_with_the_permission_and_only_the_asker_get_at_a_file(stack: Stack, channel: str) -> None:
    async with (
        caller(stack, channel, "kim", "exports.create") as kim,
        caller(stack, channel, "lee", "exports.create") as lee,
        caller(stack, channel, "kim", "contacts.read", "contacts.edit", "segments.manage", "channel.manage") as without,
        caller(stack, channel, "eye", "audit.read") as auditor,
        caller(stack, channel, "boss") as boss,
        caller(stack, fresh_channel()) as stranger,
    ):
        export_id = await asked(kim, {"all": True})
        path = f"/v1/exports/{export_id}"
        assert (await ended(kim, export_id))["status"] == "ready"
        answers: list[tuple[Api, list[tuple[str, str, int]]]] = [
            (kim, [("GET", path, 200), ("POST", f"{path}/download", 200), ("GET", "/v1/audit", 403)]),
            (lee, [("GET", path, 403), ("GET", f"{path}/progress", 403), ("POST", f"{path}/download", 403),
                   ("POST", f"{path}/cancel", 403), ("POST", f"{path}/revoke", 403)]),
            (without, [("GET", path, 403), ("GET", "/v1/exports", 403), ("POST", "/v1/exports", 403),
                       ("POST", f"{path}/download", 403), ("POST", f"/v1/exports/{UNKNOWN}/download", 403),
                       ("POST", f"{path}/revoke", 403), ("GET", "/v1/audit", 403)]),
            (auditor, [("GET", path, 200), ("POST", f"{path}/download", 403), ("POST", "/v1/exports", 403),
                       ("POST", f"/v1/exports/{UNKNOWN}/download", 403), ("POST", f"/v1/exports/{UNKNOWN}/revoke", 404)]),
            (boss, [("GET", path, 200), ("POST", f"{path}/download", 403)]),
            (stranger, [("GET", path, 404), ("GET", f"{path}/progress", 404), ("POST", f"{path}/download", 404),
                        ("POST", f"{path}/cancel", 404), ("POST", f"{path}/revoke", 404)]),
        ]  # fmt: skip
        for number, (api, expected) in enumerate(answers):
            body = request({"all": True})
            found = [(m, p, (await api.ask(m, p, body=body if m == "POST" else None)).status_code) for m, p, _ in expected]
            assert (number, found) == (number, expected)
        assert (await kim.json("GET", path))["status"] == "ready"
        ids = {api: {e["id"] for e in (await api.json("GET", "/v1/exports"))["items"]} for api in (kim, lee, auditor, stranger)}
        assert export_id in ids[kim] & ids[auditor]
        assert ids[lee] == ids[stranger] == set()
    async with plain(stack) as nobody:
        for method, address in (("POST", "/v1/exports"), ("GET", path), ("POST", f"{path}/download"), ("GET", "/v1/audit")):
            assert (await nobody.request(method, address)).status_code == 401


async def test_within_the_window_the_next_is_refused_and_the_refusal_says_how_long(stack: Stack) -> None:
    channel = fresh_channel()
    async with caller(stack, channel, "kim") as kim, caller(stack, channel, "lee") as lee:
        await kim.json("PUT", "/v1/contacts/@m", body={"name": "a"})
        await asked(kim, {"all": True})
        answer = await kim.ask("POST", "/v1/exports", body=request({"all": True}))
        assert (answer.status_code, answer.json()["code"]) == (429, "exportWindow")
        assert 1700 < int(answer.headers["retry-after"]) <= 1800
        assert answer.json()["retryAfter"] == int(answer.headers["retry-after"])
        assert re.search(r"possible in (29|30) minutes", answer.json()["detail"])
        await asked(lee, {"all": True})  # each manager's own, unless the channel says otherwise
        await kim.json("PATCH", "/v1/channel", body={"exportScope": "channel"})
        async with caller(stack, channel, "choi") as choi:
            assert (await choi.ask("POST", "/v1/exports", body=request({"all": True}))).status_code == 429
            await kim.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
            await asked(choi, {"all": True})


async def test_a_cancelled_export_has_no_file_and_does_not_count(stack: Stack, channel: str) -> None:
    window = fresh_channel()
    async with caller(stack, window) as api:
        await api.json("PUT", "/v1/contacts/@m", body={"name": "a"})

    async def cancelled_in_time(number: int) -> str | None:
        # A worker may be faster than the cancelling: then the next manager tries.
        async with caller(stack, window, f"manager-{number}") as api:
            export_id = await asked(api, {"all": True})
            early = await api.ask("POST", f"/v1/exports/{export_id}/download")
            answer = await api.ask("POST", f"/v1/exports/{export_id}/cancel")
            if answer.status_code != 200:
                assert (answer.status_code, answer.json()["code"]) == (409, "notCancellable")
                return None
            assert (early.status_code, early.json()["code"]) == (409, "notReady")
            assert answer.json()["status"] == "cancelled"
            assert answer.headers["dangol-position"]
            for action, code in (("download", "notReady"), ("cancel", "notCancellable"), ("revoke", "notRevocable")):
                again = await api.ask("POST", f"/v1/exports/{export_id}/{action}")
                assert (again.status_code, again.json()["code"]) == (409, code)
            await asked(api, {"all": True})
            return export_id

    found = [export_id for number in range(20) if (export_id := await cancelled_in_time(number))]
    assert found


async def test_a_revoked_file_is_gone_from_the_disk_and_its_link_answers_so(stack: Stack, channel: str) -> None:
    async with caller(stack, channel, "kim", "exports.create") as kim, caller(stack, channel, "eye", "audit.read") as auditor:
        for revoker in (kim, auditor):
            export_id = await asked(kim, {"all": True})
            assert (await ended(kim, export_id))["status"] == "ready"
            assert len(files_of(stack, export_id)) == 1
            early = await kim.ask("POST", f"/v1/exports/{export_id}/cancel")
            assert (early.status_code, early.json()["code"]) == (409, "notCancellable")
            revoked = await revoker.json("POST", f"/v1/exports/{export_id}/revoke")
            assert revoked["status"] == "revoked"
            assert files_of(stack, export_id) == []
            answer = await kim.ask("POST", f"/v1/exports/{export_id}/download")
            assert (answer.status_code, answer.json()["code"]) == (410, "gone")
            again = await revoker.ask("POST", f"/v1/exports/{export_id}/revoke")
            assert (again.status_code, again.json()["code"]) == (409, "notRevocable")


async def test_the_links_page_tells_anybody_what_the_file_is_and_what_became_of_it(stack: Stack, channel: str) -> None:
    async with (
        caller(stack, channel) as api,
        plain(stack, Accept="text/html") as nobody,
        plain(stack, Accept="text/html", Authorization=f"Bearer {stack.token(channel=channel, sub='lee')}") as lee,
    ):
        export_id = await asked(api, {"all": True}, columns=["name", "mobileNumber"], reason="for <b>김철수</b>")
        assert (await ended(api, export_id))["status"] == "ready"
        link = f"/exports/{export_id}"
        told = await nobody.get(link)
        assert (told.status_code, told.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (told.headers["cache-control"], told.headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert told.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        page = read_page(told.text)
        assert {k: v for k, v in page.facts().items() if k in {"요청한 매니저", "고객 수", "항목"}} == {
            "요청한 매니저": "kim", "고객 수": str(len(CONTACTS)), "항목": "이름 , 휴대폰 번호",
        }  # fmt: skip
        assert not [word for word in ("김철수", *(c["name"] for c in CONTACTS)) if word in told.text]
        form = page.one("form").attributes
        assert f"{stack.url}{form['action']}" in page.one("code").text
        # Pressed without a session of the console: a page in words. With somebody else's: another one.
        pressed = await nobody.post(str(form["action"]), headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert (pressed.status_code, "로그인 필요" in read_page(pressed.text).text) == (401, True)
        other = await lee.post(str(form["action"]), headers={"Accept-Language": "en"})
        assert (other.status_code, "Not for you" in read_page(other.text).text) == (403, True)
        token = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim')}"}
        file = await nobody.post(str(form["action"]), headers=token)
        assert (file.status_code, file.headers["content-disposition"][:10]) == (200, "attachment")
        await api.json("POST", f"/v1/exports/{export_id}/revoke")
        revoked = read_page((await nobody.get(link, headers={"Accept-Language": "en"})).text)
        assert (revoked.facts()["Revoked by"], revoked.all("form")) == ("kim", [])
        nothing = [await nobody.get(f"/exports/{each}") for each in (UNKNOWN, "x", "%3Cscript%3E")]
        assert {answer.status_code for answer in nothing} == {404}
        assert len({answer.content for answer in nothing}) == 1
        for path in (link, "/exports/x"):
            head, got = await nobody.head(path), await nobody.get(path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            assert {**head.headers, "date": ""} == {**got.headers, "date": ""}
        assert (await nobody.get("/exports/..%2f..%2fetc%2fpasswd")).status_code == 404
        assert (await nobody.get(f"/v1/exports/{export_id}")).status_code == 401


async def test_every_request_download_and_refusal_is_in_the_audit_log(stack: Stack) -> None:
    channel = fresh_channel()
    async with (
        caller(stack, channel, "kim", "exports.create") as kim,
        caller(stack, channel, "lee", "contacts.read") as lee,
        caller(stack, channel, "eye", "audit.read") as auditor,
    ):
        refused = await kim.ask(
            "POST", "/v1/exports", body=request({"all": True}, password="weak"), headers={"Idempotency-Key": "k"}
        )
        assert refused.status_code == 422
        assert await kim.json("GET", "/v1/exports/allowance") == {
            "minutes": 30, "scope": "manager", "openAt": None, "limit": 1_000_000, "approvalRows": None,
        }  # fmt: skip
        export_id = await asked(kim, {"all": True}, columns=["id", "name"])
        accepted = await ended(kim, export_id)
        assert accepted["status"] == "ready"
        opens = datetime.fromisoformat((await kim.json("GET", "/v1/exports/allowance"))["openAt"])
        assert opens - datetime.fromisoformat(accepted["requestedAt"]) == timedelta(minutes=30)
        path = f"/v1/exports/{export_id}"
        for method, address in (("POST", f"{path}/download"), ("GET", path), ("GET", "/v1/audit")):
            assert (await lee.ask(method, address)).status_code == 403
        assert (await kim.ask("POST", "/v1/exports", body=request({"all": True}))).status_code == 429
        assert (await kim.ask("POST", f"{path}/download")).status_code == 200
        assert (await kim.ask("POST", f"{path}/download", headers={"Range": "bytes=0-9"})).status_code == 206
        assert (await auditor.ask("POST", f"{path}/revoke")).status_code == 200
        assert (await kim.ask("POST", f"{path}/download")).status_code == 410

        items: list[dict[str, Any]] = []
        params = {"limit": "3"}
        while True:
            page = await auditor.json("GET", "/v1/audit", params=params)
            items += page["items"]
            if page["next"] is None:
                break
            params = {"limit": "3", "cursor": page["next"]}
        found = [(i["by"], i["action"], i["outcome"], i["target"], i["detail"]) for i in reversed(items)]
        assert found == [
            ("kim", "export.asked", "refused", None, "weakPassword"),
            ("kim", "export.asked", "accepted", export_id, "a greeting (scope all, 0 contacts, columns id, name)"),
            ("service:exports", "export.ready", "done", export_id, "0 rows"),
            ("lee", "export.downloaded", "refused", export_id, "forbidden"),
            ("lee", "export.read", "refused", export_id, "forbidden"),
            ("lee", "audit.read", "refused", None, "forbidden"),
            ("kim", "export.asked", "refused", None, "exportWindow"),
            ("kim", "export.downloaded", "done", export_id, None),
            ("kim", "export.downloaded", "done", export_id, "bytes 0-9"),
            ("eye", "export.revoked", "done", export_id, None),
            ("kim", "export.downloaded", "refused", export_id, "gone"),
        ]
        assert {i["address"] for i in items} == {"127.0.0.1", None}
        assert [i["at"] for i in items] == sorted((i["at"] for i in items), reverse=True)
        assert (await auditor.ask("GET", "/v1/audit", params={"cursor": "x"})).status_code == 422
        wanted = {"action": "export.downloaded", "by": "kim", "target": export_id.upper(), "from": accepted["requestedAt"]}
        details = [i["detail"] for i in (await auditor.json("GET", "/v1/audit", params=wanted))["items"]]
        assert details == ["gone", "bytes 0-9", None]
        assert (await auditor.json("GET", "/v1/audit", params={"to": accepted["requestedAt"], "by": "lee"}))["items"] == []
        for wrong in ({"action": "export.eaten"}, {"from": "yesterday"}, {"actions": "export.asked"}):
            assert (await auditor.ask("GET", "/v1/audit", params=wrong)).status_code == 422


async def test_exports_are_listed_newest_first_by_pages(stack: Stack, channel: str) -> None:
    async with caller(stack, channel, "lister", "exports.create") as api:
        made = [await asked(api, {"all": True}) for _ in range(3)]
        first = await api.json("GET", "/v1/exports", params={"limit": "2"})
        second = await api.json("GET", "/v1/exports", params={"limit": "2", "cursor": first["next"]})
        assert [e["id"] for e in first["items"] + second["items"]] == made[::-1]
        assert second["next"] is None
        for params in ({"cursor": "x"}, {"limit": "101"}, {"limit": "0"}):
            assert (await api.ask("GET", "/v1/exports", params=params)).status_code == 422
