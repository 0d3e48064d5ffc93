"""`Dangol-Position`: every write of contacts answers one, and the search that carries it back has seen that write."""

from typing import Any
from uuid import UUID

import pytest

from common.position import EVERYTHING, HEADER, Applied, Position, decode
from localstack.demo import PASSWORD, Api

NAMED = {"key": "name", "operator": "exists"}

Write = tuple[str, str, Any]

WRITES: list[Write] = [
    ("PUT", "/v1/contacts/@u1", {"name": "b"}),
    ("PUT", "/v1/contacts/@new", {}),
    ("POST", "/v1/contacts", {"name": "lead"}),
    ("PATCH", "/v1/contacts/@u1", {"name": "c"}),
    ("PATCH", "/v1/contacts/@u1", {}),
    ("DELETE", "/v1/contacts/@u1", None),
    ("POST", "/v1/contacts/batch", {"contacts": [{"memberId": "b1"}, {"memberId": "a b"}]}),
    ("POST", "/v1/visits", {"visits": [{"id": "v1", "memberId": "v"}]}),
    ("POST", "/v1/visits", {"visits": []}),
    ("POST", "/v1/bulk-actions", {"action": {"addTags": ["t"]}, "target": {"contactIds": ["u1"]}}),
    ("POST", "/v1/fields", {"key": "profile.grade", "type": "String"}),
    ("PATCH", "/v1/fields/profile.n", {"visible": False}),
    ("PATCH", "/v1/fields/city", {"inboxVisible": False}),
    ("PUT", "/v1/fields/order", {"keys": ["profile.n"]}),
    ("PUT", "/v1/fields/order", {"keys": []}),
    ("POST", "/v1/fields/profile.n/archive", None),
    ("POST", "/v1/fields/profile.n/restore", None),
    ("PATCH", "/v1/channel", {"country": "JP"}),
    ("PATCH", "/v1/channel", {"managedUsers": {"limit": 10}}),
    ("POST", "/v1/segments", {"name": "s", "filter": {"and": []}}),
    ("POST", "/v1/term-sets", {"key": "name", "values": ["a"]}),
    ("POST", "/v1/exports", {"reason": "test", "password": PASSWORD, "scope": {"all": True}}),
    ("POST", "/v1/browser-keys", {"name": "site", "origins": ["https://shop.example"]}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=[f"{m} {p} {n}" for n, (m, p, _) in enumerate(WRITES)])
async def test_every_write_answers_a_position_that_a_search_waits_for(api: Api, method: str, path: str, body: Any) -> None:
    there = await api.json("PUT", "/v1/contacts/@u1", body={"name": "a", "profile": {"n": 1}})
    if body is not None and "target" in body:
        body = body | {"target": {"contactIds": [there["id"]]}}
    written = await api.ask(method, path, body=body)
    assert written.is_success
    answer = await api.ask("POST", "/v1/search", body={}, headers={"Dangol-Position": written.headers["Dangol-Position"]})
    assert answer.status_code == 200
    found = {item["id"]: item["version"] for item in answer.json()["items"]}
    if "/contacts" in path and method != "DELETE" and "version" in written.json():
        assert found[written.json()["id"]] >= written.json()["version"]
    if method == "DELETE":
        assert there["id"] not in found


async def test_the_last_word_of_a_chain_sees_every_write_in_whatever_service(api: Api, channel: str) -> None:
    """Somebody who keeps the last answer's word alone sees all contacts that they wrote, and it stays short."""
    word, made = "", list[str]()

    async def write(method: str, path: str, body: Any) -> Any:
        nonlocal word
        answer = await api.ask(method, path, body=body, headers={HEADER: word} if word else {})
        assert answer.is_success, answer.text
        word = answer.headers[HEADER]
        return answer.json()

    for n in range(40):
        made.append((await write("PUT", f"/v1/contacts/@u{n}", {"name": "a", "profile": {f"f{n // 8}": n}}))["id"])
        if n % 10 == 5:
            segment = (await write("POST", "/v1/segments", {"name": f"s{n}", "filter": NAMED}))["id"]
            await write("PUT", f"/v1/contacts/@u{n}", {"name": "a"})  # changes nothing
            await write("POST", "/v1/term-sets", {"key": "name", "values": ["a"]})
            await write("PATCH", f"/v1/segments/{segment}", {"name": "another"})
            await write("POST", "/v1/visits", {"visits": [{"id": f"v{n}", "memberId": f"u{n}"}]})
    await write("POST", "/v1/exports", {"reason": "test", "password": PASSWORD, "scope": {"contactIds": made[:1]}})
    assert len(decode(word, channel).entries) <= 32 + 4
    found = await api.ask("POST", "/v1/search/count", body={"filter": NAMED}, headers={HEADER: word})
    assert found.json()["total"] == 40
    members = await api.ask("GET", f"/v1/segments/memberships?contact={made[-1]}", headers={HEADER: word})
    assert members.status_code == 200


async def test_several_words_are_carried_together(api: Api) -> None:
    words = [(await api.ask("PUT", f"/v1/contacts/@u{n}", body={"name": "a"})).headers[HEADER] for n in range(6)]
    answer = await api.ask("POST", "/v1/filters/check", body={"filter": NAMED}, headers={HEADER: ", ".join(words)})
    assert answer.status_code == 200
    assert (await api.ask("POST", "/v1/search/count", body={}, headers={HEADER: ",".join(words)})).json()["total"] == 6


async def test_a_word_for_everything_sees_what_was_written_before_it_came(api: Api, channel: str) -> None:
    everything = {HEADER: EVERYTHING.encode(channel)}
    for n in range(3):
        made = await api.json("PUT", f"/v1/contacts/@u{n}", body={"name": "a"})
        answer = await api.ask("POST", "/v1/search/count", body={}, headers=everything)
        assert answer.json()["total"] == n + 1
        answer = await api.ask(
            "GET", f"/v1/segments/memberships?contact={made['id']}", headers={HEADER: EVERYTHING.encode(channel)}
        )
        assert answer.status_code == 200


async def test_a_word_of_another_channel_or_nonsense_is_refused_at_once_and_waits_for_nothing(api: Api, channel: str) -> None:
    there = Position((Applied("contact", str(UUID(int=7)), 1),)).encode("another")
    for word in (there, "x", there[:-2], f"{EVERYTHING.encode(channel)},x"):
        for method, path in (("POST", "/v1/search"), ("GET", "/v1/segments"), ("PUT", "/v1/contacts/@a"), ("GET", "/v1/exports")):
            answer = await api.ask(method, path, body=None if method == "GET" else {}, headers={HEADER: word})
            assert (answer.status_code, answer.json()["code"]) == (400, "unreadable"), (path, word)
    assert (await api.ask("GET", "/v1/contacts/@a")).status_code == 404
