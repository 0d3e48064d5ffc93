"""What is refused about segments through the gateway, with its status, code and place; and who may do what."""

import pytest

from tests.support.api import fresh_channel
from tests.support.team import KIM, NOBODY, Team


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"name": "s", "filter": None}, "invalidFilter", "/filter"),
        ({"name": "s"}, "invalid", "/filter"),
        ({"filter": KIM}, "invalid", "/name"),
        ({"name": " ", "filter": KIM}, "invalid", "/name"),
        ({"name": "\u200b\u3164", "filter": KIM}, "invalid", "/name"),
        ({"name": 1, "filter": KIM}, "invalid", "/name"),
        ({"name": "x" * 201, "filter": KIM}, "invalid", "/name"),
        ({"name": "a\u0007", "filter": KIM}, None, None),
        ({"name": "s", "filter": KIM, "count": 1}, "invalid", "/count"),
        ({"name": "s", "filter": "everyone"}, "invalidFilter", "/filter"),
        ({"name": "s", "filter": {}}, "invalidFilter", "/filter"),
        ({"name": "s", "filter": {"or": [{"key": "profile.x", "operator": "exists"}]}}, "unknownField", "/filter/or/0/key"),
        ({"name": "s", "filter": {"key": "segment", "operator": "in", "values": [NOBODY]}}, "unknownSegment", "/filter/values/0"),
        ({"name": "s", "filter": {"key": "name", "operator": "in", "termSet": NOBODY}}, "unknownTermSet", "/filter/termSet"),
        ({"name": "s", "filter": {"key": "event", "operator": "performed"}}, "notSupported", "/filter/key"),
        ([], "invalid", ""),
    ],
)  # fmt: skip
async def test_a_segment_that_makes_no_sense_is_refused_with_its_place(
    team: Team, body: object, code: str | None, pointer: str | None
) -> None:
    answer = await team.ask("POST", "/v1/segments", body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if code is not None:
        assert (answer.json()["code"], answer.json().get("pointer")) == (code, pointer)
    assert (await team.get("/v1/segments"))["items"] == []


@pytest.mark.parametrize("body", [b"{", b"", b'{"name": "s", "filter": NaN}', b'{"name": "\\ud800", "filter": {"and": []}}'])
async def test_a_body_that_can_not_be_read_is_refused(team: Team, body: bytes) -> None:
    answer = await team.client.post("/v1/segments", content=body, headers=team.headers)
    assert answer.status_code == (422 if body == b"" else 400)
    assert (await team.get("/v1/segments"))["items"] == []


async def test_a_circle_is_refused_and_a_segment_in_use_stays(team: Team) -> None:
    inner = await team.make(KIM)
    outer = await team.make({"not": {"key": "segment", "operator": "in", "values": [inner]}})
    circle = {"or": [KIM, {"key": "segment", "operator": "notIn", "values": [outer]}]}
    answer = await team.ask("PATCH", f"/v1/segments/{inner}", {"filter": circle})
    assert (answer.status_code, answer.json()["code"]) == (422, "segmentCircle")
    assert answer.json()["pointer"] == "/filter/or/1/values/0"
    assert answer.json()["path"] == [inner, outer, inner]
    used_by = {"segments": [{"id": outer, "name": "s"}]}
    assert (await team.get(f"/v1/segments/{inner}"))["usedBy"] == used_by | {"destinations": []}
    tried = await team.ask("POST", "/v1/segments/preview", {"id": inner, "filter": circle})
    assert (tried.status_code, tried.json()) == (422, answer.json())
    for wrong in ({"filter": None}, {"name": None}, {"status": "live"}, {"definitionVersion": 7}):
        assert (await team.ask("PATCH", f"/v1/segments/{inner}", wrong)).status_code == 422, wrong
    assert (await team.get(f"/v1/segments/{inner}"))["filter"] == KIM
    answer = await team.ask("DELETE", f"/v1/segments/{inner}")
    assert (answer.status_code, answer.json()["code"], answer.json()["usedBy"]) == (409, "segmentInUse", used_by)
    assert (await team.ask("DELETE", f"/v1/segments/{outer}")).status_code == 204
    assert (await team.ask("DELETE", f"/v1/segments/{inner}")).status_code == 204


PATHS = [
    ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/members"), ("GET", f"/members/{NOBODY}"), ("GET", "/changes"),
    ("GET", "/counts"), ("GET", "/definitions"), ("POST", "/explain"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "below"), PATHS)
async def test_another_channels_segment_is_as_one_that_does_not_exist(team: Team, method: str, below: str) -> None:
    segment = await team.make(KIM)
    stranger = Team(team.client, team.stack, fresh_channel())
    body = {"contactId": NOBODY} if method == "POST" else ({} if method == "PATCH" else None)
    answers = [
        await asked.ask(method, f"/v1/segments/{name}{below}", body)
        for asked, name in ((stranger, segment), (team, NOBODY), (team, "not-an-id"))
    ]
    assert [a.status_code for a in answers] == [404, 404, 404]
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert (await stranger.get("/v1/segments"))["items"] == []


async def test_permissions(team: Team) -> None:
    segment = await team.make(KIM)
    contact, position = await team.put("m-1", name="Kim")
    reader, manager, other = team.with_only("contacts.read"), team.with_only("segments.manage"), team.with_only("exports.create")
    definitions, contacts = ["", f"/{segment}", f"/{segment}/counts"], [
        f"/{segment}/members", f"/{segment}/members/{contact}", f"/{segment}/changes", f"/memberships?contact={contact}",
    ]  # fmt: skip
    await team.get(f"/v1/segments/{segment}", position)
    for below in [*definitions, *contacts]:
        assert (await reader.ask("GET", f"/v1/segments{below}")).status_code == 200, below
        assert (await manager.ask("GET", f"/v1/segments{below}")).status_code == (200 if below in definitions else 403), below
        assert (await other.ask("GET", f"/v1/segments{below}")).status_code == 403, below
        assert (await team.client.get(f"/v1/segments{below}")).status_code == 401, below
    explain = f"/v1/segments/{segment}/explain"
    assert (await reader.ask("POST", explain, {"contactId": contact})).status_code == 200
    for asked in (manager, other):
        assert (await asked.ask("POST", explain, {"contactId": contact})).status_code == 403
    for asked, expected in ((reader, 403), (other, 403)):
        assert (await asked.ask("POST", "/v1/segments", {"name": 1})).status_code == expected
        assert (await asked.ask("PATCH", f"/v1/segments/{segment}", {"name": 1})).status_code == expected
        assert (await asked.ask("DELETE", f"/v1/segments/{segment}")).status_code == expected
    assert (await manager.ask("DELETE", f"/v1/segments/{segment}")).status_code == 204
