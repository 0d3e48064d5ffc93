"""`Dangol-Position`: every write of contacts answers one, and the search that carries it back has seen that write."""

from typing import Any

import pytest

from localstack.demo import Api

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
    if method != "DELETE" and "version" in written.json():
        assert found[written.json()["id"]] >= written.json()["version"]
    if method == "DELETE":
        assert there["id"] not in found
