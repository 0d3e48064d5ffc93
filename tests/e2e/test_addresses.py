"""Addresses as they are written: what stands behind the question mark and at the end, on every operation of every service."""

import json

from localstack.demo import Api
from localstack.home import checkout


def _operations() -> list[tuple[str, str]]:
    document = json.loads((checkout() / "docs" / "openapi.json").read_text("utf-8"))
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


async def test_a_mistyped_parameter_is_refused_on_every_operation_and_never_reads_as_none(api: Api) -> None:
    wrong: list[object] = []
    for method, path in _operations():
        answer = await api.ask(method, path.replace("{member_id}", "a").replace("{", "no-").replace("}", "") + "?limt=1")
        told = answer.json() if answer.headers["content-type"] == "application/problem+json" else {}
        asks_alone = method == "GET" and "{" not in path
        refused = {"unknownParameter"} if asks_alone else {"unknownParameter", "invalid", "wrongType", "notFound"}
        if answer.status_code not in {404, 422} or told.get("code") not in refused:
            wrong.append((method, path, answer.status_code, told.get("code")))
    assert wrong == []
    answer = await api.ask("GET", "/v1/audit?limt=1")
    assert (answer.json()["parameter"], "limit" in answer.json()["known"]) == ("limt", True)


async def test_a_slash_at_the_end_is_no_address_and_redirects_nowhere(api: Api) -> None:
    for path in (
        "contacts/@a",
        "contacts/@a/history",
        "segments",
        "exports",
        "audit",
        "term-sets",
        "rooms/me/messages",
        "channel",
    ):
        for method in ("GET", "PUT", "POST"):
            answer = await api.ask(method, f"/v1/{path}/")
            assert (answer.status_code, answer.json()["code"]) == (404, "notFound"), (method, path)
    assert (await api.ask("GET", "/v1/contacts/@a")).status_code == 404


async def test_what_is_to_come_is_not_told_as_if_it_were_known(api: Api) -> None:
    contact = await api.json("PUT", "/v1/contacts/@a", body={"name": "a"})
    segment = await api.json("POST", "/v1/segments", body={"name": "s", "filter": {"and": []}})
    for path in (f"contacts/{contact['id']}", "contacts/@a", f"segments/{segment['id']}/members"):
        answer = await api.ask("GET", f"/v1/{path}?at=2100-01-01T00:00:00Z")
        assert (answer.status_code, answer.json()["code"], answer.json()["parameter"]) == (422, "inFuture", "at"), path
