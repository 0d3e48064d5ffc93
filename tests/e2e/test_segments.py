"""Segments as programs see them through the gateway: definitions, members, the log and its stream, reasons, refusals."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from common.clock import from_wire, to_wire
from common.envelope import message
from common.events.contacts import FieldChanged, FieldDefinition, FieldMessage
from common.kafka import Producer
from common.position import Applied, Position
from common.topics import FIELDS
from localstack.stack import Stack
from tests.support.api import eventually, fresh_channel, replaced

KIM = {"key": "name", "operator": "eq", "values": ["Kim"]}
POSITION = "Dangol-Position"
NOBODY = "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11"


def seen_within(n: int, unit: str = "minutes") -> dict[str, Any]:
    return {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": n, "unit": unit}]}


class Team:
    """A channel's manager, or another of its members, with a token of its own."""

    def __init__(self, client: httpx.AsyncClient, stack: Stack, channel: str, *permissions: str) -> None:
        self.client = client
        self.stack = stack
        self.channel = channel
        token = stack.token(channel=channel, sub="kim", permissions=list(permissions) or ["*"])
        self.headers = {"Authorization": f"Bearer {token}"}

    def with_only(self, *permissions: str) -> "Team":
        """Somebody of the same channel who may do no more than this."""
        return Team(self.client, self.stack, self.channel, *permissions)

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """The answer, whatever it is."""
        return await self.client.request(method, path, json=body, headers=self.headers | headers)

    async def get(self, path: str, position: str | None = None) -> Any:
        """The body of a good answer."""
        answer = await self.ask("GET", path, **({POSITION: position} if position else {}))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def make(self, raw: object, name: str = "s") -> str:
        """A segment that is built."""
        answer = await self.ask("POST", "/v1/segments", {"name": name, "filter": raw})
        assert answer.status_code == 201, answer.text
        await self.built(answer.json()["id"])
        return str(answer.json()["id"])

    async def built(self, segment: str) -> dict[str, Any]:
        """The segment once it is live."""
        shown: dict[str, Any] = await eventually(
            lambda: self.get(f"/v1/segments/{segment}"), lambda found: found["status"] == "live"
        )
        return shown

    async def put(self, member: str, **fields: object) -> tuple[str, str]:
        """An upsert: the contact's id and the position of the write."""
        answer = await self.ask("PUT", f"/v1/contacts/@{member}", fields)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()["id"], answer.headers[POSITION]


@asynccontextmanager
async def connected(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        yield client


@pytest.fixture
async def team(stack: Stack) -> AsyncIterator[Team]:
    async with connected(stack) as client:
        yield Team(client, stack, fresh_channel())


async def test_the_life_of_a_segment(team: Team) -> None:
    await team.put("m-1", name="Kim")
    made = await team.ask("POST", "/v1/segments", {"name": " Kims ", "filter": KIM})
    assert made.status_code == 201
    assert made.headers[POSITION]
    segment = made.json()["id"]
    path = f"/v1/segments/{segment}"
    expected = {"id": segment, "name": "Kims", "filter": KIM, "problem": None, "definitionVersion": 1}
    assert made.json() == expected | {"status": "building", "count": 0}

    await eventually(lambda: team.get(path), lambda found: found == expected | {"status": "live", "count": 1})
    assert (await team.get("/v1/segments"))["items"] == [await team.get(path)]

    renamed = await team.ask("PATCH", path, {"name": "others"})
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["definitionVersion"]) == (200, "others", 1)
    assert renamed.headers[POSITION]
    changed = await team.ask("PATCH", path, {"filter": {"not": KIM}})
    assert (changed.json()["status"], changed.json()["definitionVersion"]) == ("building", 2)
    assert (await team.built(segment))["count"] == 0

    deleted = await team.ask("DELETE", path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert deleted.headers[POSITION]
    assert (await team.ask("GET", path)).status_code == 404
    assert (await team.get("/v1/segments"))["items"] == []


async def test_a_write_is_seen_by_the_very_next_question_that_carries_its_position(team: Team) -> None:
    segment = await team.make(KIM)
    for name, expected in (("Kim", True), ("Lee", False), ("Kim", True)):
        contact, position = await team.put("m-1", name=name)
        standing = await team.get(f"/v1/segments/{segment}/members/{contact}", position)
        assert standing["member"] is expected
        count = (await team.get(f"/v1/segments/{segment}", position))["count"]
        assert count == int(expected)
        inside = (await team.get(f"/v1/segments/memberships?contact={contact}", position))["items"]
        assert [item["id"] for item in inside] == [segment] * int(expected)


async def test_a_contact_enters_by_an_event_and_leaves_by_the_clock_to_the_millisecond(team: Team) -> None:
    segment = await team.make(seen_within(1))
    seen = datetime.now(UTC) - timedelta(seconds=56)
    ends = to_wire(from_wire(to_wire(seen)) + timedelta(minutes=1))
    began = time.monotonic()
    answer = await team.ask("POST", "/v1/visits", {"visits": [{"id": uuid4().hex, "memberId": "m-1", "at": to_wire(seen)}]})
    assert answer.status_code == 202
    path = f"/v1/segments/{segment}"

    async def log() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await team.get(f"{path}/changes"))["items"]
        return items

    (entered,) = await eventually(log, lambda items: len(items) > 0)
    assert (entered["change"], entered["cause"], entered["position"]) == ("entered", "event", 1)
    standing = await team.get(f"{path}/members/{entered['contactId']}")
    if time.monotonic() - began < 3:
        assert standing == {"member": True, "since": entered["at"], "nextChangeAt": ends}
    left = (await eventually(log, lambda items: len(items) > 1))[1]
    assert left == {"position": 2, "at": ends, "contactId": entered["contactId"], "change": "left", "cause": "clock"}
    assert await team.get(f"{path}/members/{entered['contactId']}") == {"member": False, "since": None, "nextChangeAt": None}


async def test_members_now_and_as_of_an_instant_page_by_page(team: Team) -> None:
    segment = await team.make(KIM)
    position = ""
    ids = []
    for n in range(5):
        contact, position = await team.put(f"m-{n}", name="Kim")
        ids.append(contact)
    path = f"/v1/segments/{segment}/members"
    items = (await team.get(path, position))["items"]
    assert [item["contactId"] for item in items] == sorted(ids)
    since = {item["contactId"]: item["since"] for item in items}

    first = await team.get(f"{path}?limit=2")
    second = await team.get(f"{path}?limit=2&cursor={first['next']}")
    third = await team.get(f"{path}?limit=2&cursor={second['next']}")
    assert [*first["items"], *second["items"], *third["items"]] == items
    assert third["next"] is None

    _, position = await team.put("m-0", name="Lee")
    assert ids[0] not in [item["contactId"] for item in (await team.get(path, position))["items"]]
    then = max(since.values())
    assert (await team.get(f"{path}?at={then}"))["items"] == items
    assert [i["contactId"] for i in (await team.get(f"{path}?at={since[ids[1]]}"))["items"]] == sorted(ids[:2])
    assert (await team.get(f"{path}?at=2020-01-01T00:00:00Z"))["items"] == []

    other_request = f"{path}?at={then}&cursor={first['next']}"
    for asked in (other_request, f"{path}?cursor=x", f"{path}?limit=101", f"{path}?limit=0", f"{path}?at=yesterday"):
        assert (await team.ask("GET", asked)).status_code == 422, asked


async def test_the_segments_that_a_contact_is_in(team: Team) -> None:
    kims, lees = await team.make(KIM, "Kims"), await team.make({"not": KIM}, "others")
    everyone = await team.make({"and": []}, "everyone")
    contact, position = await team.put("m-1", name="Kim")
    items = (await team.get(f"/v1/segments/memberships?contact={contact}", position))["items"]
    assert [(i["id"], i["name"], i["status"]) for i in items] == [(kims, "Kims", "live"), (everyone, "everyone", "live")]
    assert all(i["since"] for i in items)
    assert lees not in {i["id"] for i in items}
    page = await team.get(f"/v1/segments/memberships?contact={contact}&limit=1")
    assert page["items"] == items[:1]
    assert (await team.get(f"/v1/segments/memberships?contact={contact}&cursor={page['next']}"))["items"] == items[1:]
    assert (await team.ask("GET", "/v1/segments/memberships")).status_code == 422
    for unknown in (NOBODY, "x"):
        assert (await team.ask("GET", f"/v1/segments/memberships?contact={unknown}")).status_code == 404


async def test_why_a_contact_is_in_or_not(team: Team) -> None:
    inner = await team.make(KIM)
    raw = {"and": [{"key": "segment", "operator": "in", "values": [inner]}, {"not": seen_within(2, "days")}]}
    segment = await team.make(raw)
    contact, _ = await team.put("m-1", name="Kim")
    seen = to_wire(datetime.now(UTC) - timedelta(hours=1))
    answer = await team.ask("POST", "/v1/visits", {"visits": [{"id": uuid4().hex, "contactId": contact, "at": seen}]})
    explained = await team.ask(
        "POST", f"/v1/segments/{segment}/explain", {"contactId": contact}, **{POSITION: answer.headers[POSITION]}
    )
    assert explained.status_code == 200
    ends = to_wire(from_wire(seen) + timedelta(days=2))
    tree = explained.json()
    assert (tree["truth"], tree["nextChangeAt"]) == (False, ends)
    first, second = tree["and"]
    assert (first["key"], first["truth"], first["value"], first["nextChangeAt"]) == ("name", True, "Kim", None)
    assert (second["truth"], second["nextChangeAt"]) == (False, ends)
    assert (second["not"]["key"], second["not"]["truth"], second["not"]["value"]) == ("lastSeenAt", True, seen)
    for body, status in (({"contactId": NOBODY}, 404), ({}, 422), ({"contactId": 1}, 422), ({"contactId": contact, "x": 1}, 422)):
        assert (await team.ask("POST", f"/v1/segments/{segment}/explain", body)).status_code == status, body


async def test_the_log_from_the_beginning_and_after_a_position(team: Team) -> None:
    await team.put("m-0", name="Kim")
    segment = await team.make(KIM)
    position = ""
    for name in ("Lee", "Kim", "Lee"):
        _, position = await team.put("m-0", name=name)
    path = f"/v1/segments/{segment}/changes"
    whole = await team.get(path, position)
    assert [(i["position"], i["change"], i["cause"]) for i in whole["items"]] == [
        (1, "entered", "definition"), (2, "left", "event"), (3, "entered", "event"), (4, "left", "event"),
    ]  # fmt: skip
    assert whole["next"] == 4
    assert await team.get(f"{path}?after=2") == {"items": whole["items"][2:], "next": 4}
    assert await team.get(f"{path}?after=1&limit=1") == {"items": whole["items"][1:2], "next": 2}
    assert await team.get(f"{path}?after=4") == {"items": [], "next": 4}
    for after in ("-1", "x", "1.5", str(2**63)):
        assert (await team.ask("GET", f"{path}?after={after}")).status_code == 422


class Listener:
    """Server-sent events as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> dict[str, Any]:
        """The next event's fields; `data` is read."""
        told: dict[str, Any] = {}
        async with asyncio.timeout(30):
            async for line in self._lines:
                if line == "" and told:
                    return told | {"data": orjson.loads(told["data"])}
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    told[name] = value
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def listening(team: Team, segment: str, **headers: str) -> AsyncIterator[Listener]:
    asked = team.headers | {"Accept": "text/event-stream"} | headers
    async with team.client.stream("GET", f"/v1/segments/{segment}/changes", headers=asked) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Listener(answer)


async def test_the_log_as_server_sent_events_that_stay_open_and_resume(team: Team) -> None:
    segment = await team.make(KIM)
    await team.put("m-0", name="Kim")
    async with listening(team, segment) as listener:
        first = await listener.next()
        assert (first["id"], first["event"], first["data"]["position"]) == ("1", "entered", 1)
        _, position = await team.put("m-0", name="Lee")
        second = await listener.next()
        assert (second["id"], second["data"]["change"]) == ("2", "left")
    items = (await team.get(f"/v1/segments/{segment}/changes", position))["items"]
    assert items == [first["data"], second["data"]]
    await team.put("m-0", name="Kim")
    async with listening(team, segment, **{"Last-Event-ID": "2"}) as listener:
        assert (await listener.next())["id"] == "3"
    for wrong in ("x", "-1", "1" * 30):
        answer = await team.ask("GET", f"/v1/segments/{segment}/changes", Accept="text/event-stream", **{"Last-Event-ID": wrong})
        assert answer.status_code == 422


async def test_a_stream_ends_soon_when_its_process_is_told_to_stop(team: Team) -> None:
    segment = await team.make(KIM)
    pid = team.stack.pid("segments-api")
    assert pid is not None
    await team.put("m-0", name="Kim")
    async with listening(team, segment) as listener:
        await listener.next()
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        with pytest.raises((AssertionError, httpx.RemoteProtocolError, httpx.ReadError)):
            await listener.next()
        assert time.monotonic() - began < 10
    await replaced(team.stack, "segments-api", pid, 30)

    async def back() -> int:
        return (await team.ask("GET", f"/v1/segments/{segment}")).status_code

    await eventually(back, lambda status: status == 200)


async def test_entered_left_and_size_over_time_add_up(team: Team) -> None:
    segment = await team.make(KIM)
    position = ""
    for member, name in (("a", "Kim"), ("b", "Kim"), ("a", "Lee")):
        _, position = await team.put(member, name=name)
    path = f"/v1/segments/{segment}/counts"
    begin, end = (to_wire(datetime.now(UTC) + timedelta(minutes=m)) for m in (-5, 5))
    steps = (await team.get(f"{path}?from={begin}&to={end}&step=minute", position))["items"]
    assert len(steps) == 10
    assert steps[0] == {"at": begin, "entered": 0, "left": 0, "size": 0}
    assert (sum(s["entered"] for s in steps), sum(s["left"] for s in steps), steps[-1]["size"]) == (2, 1, 1)
    usual = (await team.get(path))["items"]
    assert (len(usual), usual[-1]["size"]) == (30, 1)
    for wrong in (f"from={end}&to={begin}", "from=x", "step=year", "from=2020-01-01T00:00:00Z&step=minute"):
        assert (await team.ask("GET", f"{path}?{wrong}")).status_code == 422, wrong


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"name": "s", "filter": None}, "invalidFilter", "/filter"),
        ({"name": "s"}, "invalid", "/filter"),
        ({"filter": KIM}, "invalid", "/name"),
        ({"name": " ", "filter": KIM}, "invalid", "/name"),
        ({"name": 1, "filter": KIM}, "invalid", "/name"),
        ({"name": "x" * 201, "filter": KIM}, "invalid", "/name"),
        ({"name": "a\u0007", "filter": KIM}, None, None),
        ({"name": "s", "filter": KIM, "count": 1}, "invalid", "/count"),
        ({"name": "s", "filter": "everyone"}, "invalidFilter", "/filter"),
        ({"name": "s", "filter": {}}, "invalidFilter", "/filter"),
        ({"name": "s", "filter": {"or": [{"key": "profile.x", "operator": "exists"}]}}, "unknownField", "/filter/or/0/key"),
        ({"name": "s", "filter": {"key": "segment", "operator": "in", "values": [NOBODY]}}, "unknownSegment", "/filter/values/0"),
        ({"name": "s", "filter": {"key": "name", "operator": "in", "termSet": NOBODY}}, "notSupported", "/filter/termSet"),
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
    for wrong in ({"filter": None}, {"name": None}, {"status": "live"}, {"definitionVersion": 7}):
        assert (await team.ask("PATCH", f"/v1/segments/{inner}", wrong)).status_code == 422, wrong
    assert (await team.get(f"/v1/segments/{inner}"))["filter"] == KIM
    answer = await team.ask("DELETE", f"/v1/segments/{inner}")
    assert (answer.status_code, answer.json()["code"], answer.json()["usedBy"]) == (409, "segmentInUse", [outer])
    assert (await team.ask("DELETE", f"/v1/segments/{outer}")).status_code == 204
    assert (await team.ask("DELETE", f"/v1/segments/{inner}")).status_code == 204


PATHS = [
    ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/members"), ("GET", f"/members/{NOBODY}"), ("GET", "/changes"),
    ("GET", "/counts"), ("POST", "/explain"),
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
    reads = [
        "",
        f"/{segment}",
        f"/{segment}/members",
        f"/{segment}/members/{contact}",
        f"/{segment}/changes",
        f"/{segment}/counts",
    ]
    await team.get(f"/v1/segments/{segment}", position)
    for below in [*reads, f"/memberships?contact={contact}"]:
        assert (await reader.ask("GET", f"/v1/segments{below}")).status_code == 200, below
        assert (await other.ask("GET", f"/v1/segments{below}")).status_code == 403, below
        assert (await team.client.get(f"/v1/segments{below}")).status_code == 401, below
    explain = f"/v1/segments/{segment}/explain"
    assert (await reader.ask("POST", explain, {"contactId": contact})).status_code == 200
    assert (await other.ask("POST", explain, {"contactId": contact})).status_code == 403
    for asked, expected in ((reader, 403), (other, 403)):
        assert (await asked.ask("POST", "/v1/segments", {"name": 1})).status_code == expected
        assert (await asked.ask("PATCH", f"/v1/segments/{segment}", {"name": 1})).status_code == expected
        assert (await asked.ask("DELETE", f"/v1/segments/{segment}")).status_code == expected
    assert (await manager.ask("DELETE", f"/v1/segments/{segment}")).status_code == 204


async def test_an_archived_field_breaks_a_segment_freezes_it_and_restoring_mends_it(team: Team) -> None:
    stays, _ = await team.put("m-1", profile={"grade": "VIP"})
    vip = {"key": "profile.grade", "operator": "eq", "values": ["VIP"]}
    await eventually(
        lambda: team.ask("POST", "/v1/segments", {"name": "probe", "filter": vip}), lambda answer: answer.status_code == 201
    )
    segment = await team.make(vip)
    await tell_of_grade(team, 2, archived=True)
    broken = await eventually(lambda: team.get(f"/v1/segments/{segment}"), lambda found: found["status"] == "broken")
    assert broken["count"] == 1
    assert "archived" in broken["problem"]
    refused = await team.ask("POST", "/v1/segments", {"name": "s", "filter": vip})
    assert (refused.status_code, refused.json()["code"], refused.json()["pointer"]) == (422, "archivedField", "/filter/key")
    explained = await team.ask("POST", f"/v1/segments/{segment}/explain", {"contactId": stays})
    assert (explained.status_code, explained.json()["code"]) == (409, "segmentBroken")
    assert (await team.get(f"/v1/segments/{segment}/members/{stays}"))["member"] is True

    await tell_of_grade(team, 3, archived=False)
    mended = await team.built(segment)
    assert (mended["problem"], mended["count"]) == (None, 1)
    assert len((await team.get(f"/v1/segments/{segment}/changes"))["items"]) == 1


async def tell_of_grade(team: Team, version: int, *, archived: bool) -> None:
    """The field's definition as contacts tells it."""
    told = FieldMessage(
        event=FieldChanged(), version=version, field=FieldDefinition(key="profile.grade", type="String", archived=archived)
    )
    async with Producer.open(team.stack.kafka, client_id="test") as producer:
        await producer.send([
            message(
                FIELDS, channel=team.channel, subject="profile.grade", source="contacts", type="field.changed", id=uuid4(),
                version=version, at=datetime.now(UTC), value=told.encode(), trace={},
            )
        ])  # fmt: skip


async def test_a_sweep_finds_that_membership_and_search_agree(team: Team) -> None:
    segment = await team.make(KIM)
    position = None
    for n in range(20):
        _, position = await team.put(f"m-{n}", name="Kim" if n % 2 else "Lee")
    await team.get(f"/v1/segments/{segment}", position)
    sweep = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "segments", "sweep", env=team.stack.service_env("segments-worker"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(sweep.communicate(), 120)
    told = [orjson.loads(line) for line in out.splitlines()]
    (swept,) = [line for line in told if line["event"] == "swept"]
    assert swept["segments"] > 0
    assert segment not in {line.get("segment") for line in told}
    assert b"Kim" not in out


async def test_a_position_that_has_not_arrived_and_one_that_is_none(team: Team) -> None:
    segment = await team.make(KIM)
    never = Position((Applied("contact", NOBODY, 1),)).encode()
    answer = await team.ask("GET", f"/v1/segments/{segment}/members", **{POSITION: never})
    assert (answer.status_code, answer.json()["code"]) == (503, "notCaughtUp")
    assert answer.headers["Retry-After"]
    for word in ("!", Position((Applied("contact", "no-id", 1),)).encode()):
        assert (await team.ask("GET", f"/v1/segments/{segment}/members", **{POSITION: word})).status_code == 400


async def test_many_segments_page_by_page_in_the_order_of_making(team: Team) -> None:
    names = [f"s-{n}" for n in range(5)]
    for name in names:
        await team.ask("POST", "/v1/segments", {"name": name, "filter": KIM})
    first = await team.get("/v1/segments?limit=3")
    rest = await team.get(f"/v1/segments?limit=3&cursor={first['next']}")
    assert [s["name"] for s in first["items"] + rest["items"]] == names
    assert rest["next"] is None
    assert (await team.ask("GET", f"/v1/segments/memberships?contact={NOBODY}&cursor={first['next']}")).status_code in {404, 422}
    assert (await team.ask("GET", "/v1/segments?cursor=zzz")).json()["code"] == "invalidCursor"
