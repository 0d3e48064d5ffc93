"""Contacts through the gateway: statuses, versions, rows, refusals and borders, as a program meets them."""

import asyncio
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel

CONSENTS = ("unsubscribeEmail", "unsubscribeTexting", "unsubscribeAppPush")
NOBODY = "/v1/contacts/01a20e30-0000-7000-8000-000000000001"
MEMBERS = {
    "id", "memberId", "member", "name", "email", "mobileNumber", "landlineNumber", "avatarUrl", "language", "country", "city",
    "tags", "unsubscribeEmail", "unsubscribeEmailUpdatedAt", "unsubscribeTexting", "unsubscribeTextingUpdatedAt",
    "unsubscribeAppPush", "unsubscribeAppPushUpdatedAt", "blocked", "createdAt", "updatedAt", "firstSeenAt", "lastSeenAt",
    "sessionsCount", "profile", "version",
}  # fmt: skip


async def raw(stack: Stack, channel: str, method: str, path: str, **options: Any) -> httpx.Response:
    """A request with a body or headers of the test's own."""
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim')}", **options.pop("headers", {})}
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        return await client.request(method, path, headers=headers, **options)


def refused(answer: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    problem = answer.json()
    assert (problem["status"], problem["code"], problem.get("pointer")) == (status, code, pointer)


async def test_a_member_is_made_read_changed_and_read_again(api: Api) -> None:
    made = await api.ask("PUT", "/v1/contacts/@u1", body={"name": "홍길동", "mobileNumber": "010-1234-5678", "profile": {"n": 1}})
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert made.headers["Dangol-Position"]
    contact = made.json()
    assert contact.keys() >= MEMBERS
    assert (contact["memberId"], contact["member"], contact["mobileNumber"]) == ("u1", True, "+821012345678")
    assert (contact["email"], contact["lastSeenAt"], contact["sessionsCount"]) == (None, None, 0)
    again = await api.ask("PUT", "/v1/contacts/@u1", body={"email": "hong@example.com"})
    assert (again.status_code, again.headers["ETag"], again.json()["name"]) == (200, '"2"', "홍길동")
    changed = await api.ask(
        "PATCH", f"/v1/contacts/{contact['id']}", body={"name": None, "profile": {"n": None}, "addTags": ["a"]}
    )
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"3"')
    assert (changed.json()["name"], changed.json()["profile"], changed.json()["tags"]) == (None, {}, ["a"])
    for path in (f"/v1/contacts/{contact['id']}", "/v1/contacts/@u1"):
        read = await api.ask("GET", path)
        assert (read.status_code, read.headers["ETag"], read.json()) == (200, '"3"', changed.json())


async def test_a_change_that_changes_nothing_makes_no_version_and_still_tells_a_position(api: Api) -> None:
    await api.ask("PUT", "/v1/contacts/@u1", body={"name": "a"})
    same = await api.ask("PUT", "/v1/contacts/@u1", body={"name": "a"})
    assert (same.status_code, same.headers["ETag"]) == (200, '"1"')
    assert same.headers["Dangol-Position"]


async def test_a_lead_is_made_and_answers_by_its_id(api: Api) -> None:
    made = await api.ask("POST", "/v1/contacts", body={"name": "손님"})
    assert (made.status_code, made.headers["ETag"], made.json()["memberId"], made.json()["member"]) == (201, '"1"', None, False)
    assert (await api.json("GET", f"/v1/contacts/{made.json()['id']}"))["name"] == "손님"


@pytest.mark.parametrize(
    "member_id", ["a%20b", "100%", "a/b", "한글", "?q=1", "a#b", "@at", "a%2Fb", "history", "a+b", "a/history", "a/visits"]
)
async def test_a_member_id_of_any_characters_names_its_member_everywhere(api: Api, member_id: str) -> None:
    path = f"/v1/contacts/@{quote(member_id, safe='')}"
    made = await api.ask("PUT", path, body={"name": "a"})
    assert (made.status_code, made.json()["memberId"]) == (201, member_id)
    assert (await api.json("GET", path))["id"] == made.json()["id"]
    assert (await api.json("PATCH", path, body={"name": "b"}))["version"] == 2
    assert len((await api.json("GET", f"{path}/history"))["items"]) == 2
    assert (await api.json("GET", f"{path}/visits"))["items"] == []


@pytest.mark.parametrize("below", ["history", "visits"])
async def test_what_a_member_has_is_no_member_unless_its_slash_is_escaped(api: Api, below: str) -> None:
    await api.json("PUT", "/v1/contacts/@a", body={"name": "a"})
    other = await api.json("PUT", f"/v1/contacts/@a%2F{below}", body={"name": "b"})
    for method in ("PUT", "PATCH", "DELETE"):
        refused(await api.ask(method, f"/v1/contacts/@a/{below}", body={}), 404, "notFound")
    assert (await api.json("GET", f"/v1/contacts/@a%2F{below}"))["id"] == other["id"]
    assert (await api.json("GET", f"/v1/contacts/%40a%2F{below}"))["id"] == other["id"]
    assert len((await api.json("GET", "/v1/contacts/@a/history"))["items"]) == 1


async def test_a_member_id_with_a_control_character_is_refused_and_names_nobody(api: Api) -> None:
    refused(await api.ask("PUT", "/v1/contacts/@a%00b", body={}), 422, "invalidMemberId", "")
    refused(await api.ask("PUT", "/v1/contacts/@a%20b", body={}), 422, "invalidMemberId", "")
    refused(await api.ask("GET", "/v1/contacts/@a%00b"), 404, "notFound")


async def test_a_stale_change_tells_the_version_that_is_there_and_who_made_it(stack: Stack, channel: str, api: Api) -> None:
    contact = await api.json("PUT", "/v1/contacts/@u1", body={"name": "a"})
    path = f"/v1/contacts/{contact['id']}"
    async with caller(stack, channel, "lee") as lee:
        await lee.json("PATCH", path, body={"name": "b"})
    for method, where in (("PATCH", path), ("PUT", "/v1/contacts/@u1")):
        stale = await raw(stack, channel, method, where, json={"name": "c"}, headers={"If-Match": '"1"'})
        refused(stale, 412, "staleVersion")
        assert (stale.json()["version"], stale.json()["changedBy"], stale.headers["ETag"]) == (2, "lee", '"2"')
    assert (await api.json("GET", path))["name"] == "b"
    fresh = await raw(stack, channel, "PATCH", path, json={"name": "c"}, headers={"If-Match": '"2"'})
    assert (fresh.status_code, fresh.headers["ETag"]) == (200, '"3"')
    any_version = await raw(stack, channel, "PATCH", path, json={"name": "d"}, headers={"If-Match": "*"})
    assert any_version.status_code == 200
    nobody = await raw(stack, channel, "PUT", "/v1/contacts/@nobody", json={"name": "d"}, headers={"If-Match": "*"})
    refused(nobody, 412, "staleVersion")
    refused(await api.ask("GET", "/v1/contacts/@nobody"), 404, "notFound")
    refused(await raw(stack, channel, "PATCH", path, json={}, headers={"If-Match": "3"}), 400, "unreadable")


async def test_a_stale_erasure_is_refused_and_a_fresh_one_is_carried_out(stack: Stack, channel: str, api: Api) -> None:
    contact = await api.json("PUT", "/v1/contacts/@u1", body={"name": "a"})
    path = f"/v1/contacts/{contact['id']}"
    await api.json("PATCH", path, body={"name": "b"})
    refused(await raw(stack, channel, "DELETE", path, headers={"If-Match": '"1"'}), 412, "staleVersion")
    assert (await api.json("GET", path))["name"] == "b"
    gone = await raw(stack, channel, "DELETE", path, headers={"If-Match": '"2"'})
    assert (gone.status_code, set(gone.json())) == (202, {"receiptId"})
    refused(await api.ask("GET", path), 410, "erased")
    refused(await api.ask("PATCH", path, body={"name": "c"}), 410, "erased")


async def test_tags_are_removed_and_consents_changed_each_with_its_time(api: Api) -> None:
    made = await api.json("PUT", "/v1/contacts/@u1", body={"tags": ["a", "b", "c"]})
    path = f"/v1/contacts/{made['id']}"
    assert {made[f"{consent}UpdatedAt"] for consent in CONSENTS} == {None}
    first = await api.json("PATCH", path, body={"removeTags": ["b", "z"], "addTags": ["d"], "unsubscribeEmail": True})
    assert (first["tags"], first["unsubscribeEmail"], first["unsubscribeEmailUpdatedAt"]) == (
        ["a", "c", "d"],
        True,
        first["updatedAt"],
    )
    second = await api.json("PATCH", path, body={"removeTags": ["a"], "unsubscribeTexting": True, "unsubscribeEmail": True})
    assert (second["tags"], second["unsubscribeTextingUpdatedAt"]) == (["c", "d"], second["updatedAt"])
    assert second["unsubscribeEmailUpdatedAt"] == first["updatedAt"], "what stays as it is has no new time"
    third = await api.json("PATCH", path, body={"unsubscribeEmail": None, "unsubscribeAppPush": False})
    assert (third["unsubscribeEmail"], third["unsubscribeEmailUpdatedAt"]) == (False, third["updatedAt"])
    assert (third["unsubscribeAppPush"], third["unsubscribeAppPushUpdatedAt"]) == (False, None)
    assert await api.json("GET", path) == third
    changes = (await api.json("GET", f"{path}/history"))["items"][0]["changes"]
    assert changes == [{"key": "unsubscribeEmail", "from": True, "to": False}]


async def test_of_two_managers_editing_at_once_one_is_told(stack: Stack, channel: str, api: Api) -> None:
    contact = await api.json("PUT", "/v1/contacts/@u1", body={"name": "a"})
    path = f"/v1/contacts/{contact['id']}"
    answers = await asyncio.gather(
        *(raw(stack, channel, "PATCH", path, json={"name": name}, headers={"If-Match": '"1"'}) for name in ("b", "c"))
    )
    assert sorted(a.status_code for a in answers) == [200, 412]


async def test_each_row_of_a_batch_has_its_own_result(api: Api) -> None:
    await api.json("PUT", "/v1/contacts/@u1", body={"name": "a"})
    rows = [{"memberId": "u1", "name": "b"}, {"memberId": "u2"}, {"memberId": "u3", "email": "none"}, {"name": "x"}, 5]
    answer = await api.ask("POST", "/v1/contacts/batch", body={"contacts": rows})
    assert answer.status_code == 200
    assert answer.headers["Dangol-Position"]
    results = answer.json()["results"]
    assert [(r["index"], r["status"], r["version"]) for r in results] == [
        (0, 200, 2), (1, 201, 1), (2, 422, None), (3, 422, None), (4, 422, None),
    ]  # fmt: skip
    assert [r["problem"]["pointer"] for r in results[2:]] == ["/contacts/2/email", "/contacts/3/memberId", "/contacts/4"]
    assert results[0]["id"] == (await api.json("GET", "/v1/contacts/@u1"))["id"]
    assert "problem" not in results[0]


async def test_a_batch_of_one_row_answers_as_any_other_whatever_becomes_of_it(api: Api) -> None:
    for row, status, pointer in (
        ({"memberId": "u1", "email": "none"}, 422, "/contacts/0/email"),
        ({"memberId": "u1"}, 201, None),
    ):
        answer = await api.ask("POST", "/v1/contacts/batch", body={"contacts": [row]})
        assert answer.status_code == 200
        (result,) = answer.json()["results"]
        assert (result["index"], result["status"], result.get("problem", {}).get("pointer")) == (0, status, pointer)


async def test_a_batch_holds_a_thousand_rows_and_no_more(api: Api) -> None:
    rows = [{"memberId": f"u{n}"} for n in range(1001)]
    refused(await api.ask("POST", "/v1/contacts/batch", body={"contacts": rows}), 422, "invalid", "/contacts")
    answer = await api.json("POST", "/v1/contacts/batch", body={"contacts": rows[:1000]})
    assert {r["status"] for r in answer["results"]} == {201}
    assert (await api.json("GET", "/v1/channel"))["managedUsers"]["count"] == 1000


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"mobileNumber": "1234"}, "unreadablePhone", "/mobileNumber"),
        ({"email": "none"}, "invalidEmail", "/email"),
        ({"sessionsCount": 3}, "notEditable", "/sessionsCount"),
        ({"lastSeenAt": "2026-01-01T00:00:00Z"}, "notEditable", "/lastSeenAt"),
        ({"nmae": "a"}, "unknownField", "/nmae"),
        ({"profile": {"n": "text"}}, "wrongType", "/profile/n"),
        ({"profile": {"n": {"a": 1}}}, "wrongType", "/profile/n"),
        ({"profile": {"등급": 1}}, "invalidKey", "/profile/등급"),
        ({"name": "a\u0000b"}, "badCharacter", "/name"),
        ({"name": "a\u001bb"}, "badCharacter", "/name"),
        ({"tags": ["ok", "a\u0085"]}, "badCharacter", "/tags/1"),
        ({"profile": {"s": "\ufffe"}}, "badCharacter", "/profile/s"),
    ],
)
async def test_a_wrong_value_is_refused_with_its_place_and_nothing_is_written(
    api: Api, body: dict[str, Any], code: str, pointer: str
) -> None:
    await api.json("PUT", "/v1/contacts/@u1", body={"profile": {"n": 1}})
    for method, path in (("PUT", "/v1/contacts/@u1"), ("PATCH", "/v1/contacts/@u1"), ("POST", "/v1/contacts")):
        refused(await api.ask(method, path, body=body), 422, code, pointer)
    assert (await api.json("GET", "/v1/contacts/@u1"))["version"] == 1
    assert (await api.json("GET", "/v1/channel"))["managedUsers"]["count"] == 1


async def test_line_ends_become_one_kind_and_tabs_stay(api: Api) -> None:
    made = await api.json("PUT", "/v1/contacts/@u1", body={"name": "a\r\nb\rc\td"})
    assert made["name"] == "a\nb\nc\td"


@pytest.mark.parametrize("body", [b"{", b"", b"{'name': 1}", b'{"name": NaN}', b"\xff\xfe", b'{"name": "\\ud800"}', b"[" * 2000])
async def test_a_body_that_is_no_json_is_unreadable(stack: Stack, channel: str, body: bytes) -> None:
    answer = await raw(stack, channel, "PUT", "/v1/contacts/@u1", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in ({400} if body else {400, 422})
    assert answer.json()["code"] in {"unreadable", "invalid"}


async def test_a_body_that_is_json_but_no_object_is_understood_and_wrong(stack: Stack, channel: str) -> None:
    answer = await raw(stack, channel, "PUT", "/v1/contacts/@u1", content=b"[]", headers={"Content-Type": "application/json"})
    refused(answer, 422, "invalid", "")


async def test_bodies_beyond_their_limit_are_too_large(stack: Stack, channel: str) -> None:
    one_mib = b'{"name": "' + b"x" * 1024 * 1024 + b'"}'
    refused(await raw(stack, channel, "PUT", "/v1/contacts/@u1", content=one_mib), 413, "tooLarge")
    eight = b'{"contacts": ["' + b"x" * 8 * 1024 * 1024 + b'"]}'
    refused(await raw(stack, channel, "POST", "/v1/contacts/batch", content=eight), 413, "tooLarge")
    taken = await raw(stack, channel, "POST", "/v1/contacts/batch", content=b'{"contacts": ["' + b"x" * 7 * 1024 * 1024 + b'"]}')
    assert taken.status_code == 200


async def test_another_channels_contact_is_not_found_by_any_method(stack: Stack, api: Api) -> None:
    contact = await api.json("PUT", "/v1/contacts/@u1", body={"name": "a"})
    path = f"/v1/contacts/{contact['id']}"
    async with caller(stack, fresh_channel()) as stranger:
        for method, where in (
            ("GET", path), ("PATCH", path), ("GET", f"{path}/history"), ("GET", f"{path}/visits"), ("GET", "/v1/contacts/@u1"),
            ("PATCH", "/v1/contacts/@u1"), ("GET", NOBODY), ("GET", "/v1/contacts/no-id"), ("PATCH", NOBODY),
        ):  # fmt: skip
            answer = await stranger.ask(method, where, body={"name": "b"} if method == "PATCH" else None)
            refused(answer, 404, "notFound")
            assert answer.json()["detail"] == "There is no such contact."
    assert (await api.json("GET", path))["name"] == "a"


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("PUT", "/v1/contacts/@u1", "contacts.read"),
        ("POST", "/v1/contacts", "contacts.read"),
        ("POST", "/v1/contacts/batch", "visits.write"),
        ("PATCH", NOBODY, "contacts.read"),
        ("GET", NOBODY, "contacts.edit"),
        ("GET", f"{NOBODY}/history", "contacts.edit"),
        ("GET", f"{NOBODY}/visits", "visits.write"),
        ("POST", "/v1/visits", "contacts.read"),
    ],
)
async def test_without_the_permission_everything_is_forbidden_even_before_it_is_looked_at(
    stack: Stack, channel: str, method: str, path: str, permission: str
) -> None:
    async with caller(stack, channel, "kim", permission) as weak:
        body = {"nonsense": "\u0000"} if method != "GET" else None
        refused(await weak.ask(method, path, body=body), 403, "forbidden")


async def test_without_a_token_nothing_is_answered(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url) as client:
        for token in (None, "Bearer nonsense", "Basic a2ltOmtpbQ=="):
            answer = await client.get("/v1/contacts/@u1", headers={"Authorization": token} if token else {})
            refused(answer, 401, "unauthorized")


async def test_a_write_is_in_the_writers_very_next_search(stack: Stack, channel: str, api: Api) -> None:
    written = await api.ask("PUT", "/v1/contacts/@u1", body={"name": "홍길동", "profile": {"grade": "VIP"}})
    condition = {"key": "profile.grade", "operator": "eq", "values": ["VIP"]}
    found = await raw(
        stack, channel, "POST", "/v1/search", json={"filter": condition},
        headers={"Dangol-Position": written.headers["Dangol-Position"]},
    )  # fmt: skip
    assert [c["name"] for c in found.json()["items"]] == ["홍길동"]


async def test_what_was_written_at_once_is_all_there(api: Api) -> None:
    async with asyncio.timeout(60):
        await asyncio.gather(*(api.json("PUT", "/v1/contacts/@u1", body={"addTags": [f"t{n}"]}) for n in range(15)))
    contact = await api.json("GET", "/v1/contacts/@u1")
    assert (contact["version"], len(contact["tags"])) == (15, 15)

    async def found() -> Any:
        return (await api.json("POST", "/v1/search", body={}))["items"]

    await eventually(found, lambda items: items == [contact])


async def test_a_change_expects_single_values_and_tells_what_it_did_not_take(api: Api) -> None:
    made = await api.json("PUT", "/v1/contacts/@u1", body={"profile": {"firstReferrer": "ad", "memo": "a"}})
    path = f"/v1/contacts/{made['id']}"
    assert (await api.ask("POST", "/v1/visits", body={"visits": [{"id": "v1", "memberId": "u1"}]})).status_code == 202
    written = await api.ask(
        "PATCH", path, body={"expected": {"profile.memo": "a"}, "profile": {"memo": "b", "firstReferrer": "x"}}
    )
    assert (written.status_code, written.json()["profile"]) == (200, {"firstReferrer": "ad", "memo": "b"})
    assert written.json()["notWritten"] == [{"key": "profile.firstReferrer", "reason": "once"}]
    stale = await api.ask("PATCH", path, body={"expected": {"profile.memo": "a"}, "profile": {"memo": "c"}})
    assert (stale.status_code, stale.headers["ETag"]) == (412, written.headers["ETag"])
    told = stale.json()
    assert {key: told[key] for key in ("code", "pointer", "current", "changedBy", "changedAt")} == {
        "code": "staleValue", "pointer": "/expected/profile.memo", "current": "b", "changedBy": "kim",
        "changedAt": written.json()["updatedAt"],
    }  # fmt: skip
    rows = {"contacts": [{"memberId": "u1", "profile": {"firstReferrer": "y"}}, {"memberId": "u2", "profile": {"memo": "n"}}]}
    results = (await api.json("POST", "/v1/contacts/batch", body=rows))["results"]
    assert [r.get("notWritten") for r in results] == [written.json()["notWritten"], None]


async def test_many_are_read_at_once_and_the_inbox_sees_what_it_may(api: Api) -> None:
    made = await api.json(
        "PUT", "/v1/contacts/@u1", body={"name": "Kim", "city": "서울", "profile": {"memo": "x", "grade": "VIP"}}
    )
    read = await api.json("POST", "/v1/contacts/read", body={"ids": [str(uuid4()), made["id"]]})
    assert read == {"items": [None, made]}
    for body, pointer in (
        ({"ids": [made["id"]] * 101}, "/ids"), ({"ids": ["x"]}, "/ids/0"), ({"ids": [], "at": "2999-01-01T00:00:00Z"}, "/at"),
        ({"ids": [], "at": None}, "/at"), ({}, "/ids"),
    ):  # fmt: skip
        wrong = await api.ask("POST", "/v1/contacts/read", body=body)
        assert (wrong.status_code, wrong.json()["pointer"]) == (422, pointer)
    before = {"ids": [made["id"]], "at": "2020-01-01T00:00:00Z"}
    assert await api.json("POST", "/v1/contacts/read", body=before) == {"items": [None]}
    for key in ("city", "profile.memo"):
        await api.json("PATCH", f"/v1/fields/{key}", body={"inboxVisible": False})
    for path in (f"/v1/contacts/{made['id']}", "/v1/contacts/@u1"):
        panel = await api.ask("GET", path, params={"view": "inbox"})
        assert (panel.json()["profile"], "city" in panel.json(), panel.json()["name"]) == ({"grade": "VIP"}, False, "Kim")
        assert panel.headers["ETag"] == '"1"'
        assert await api.json("GET", path) == made
    assert (await api.ask("GET", path, params={"view": "other"})).status_code == 422
