"""Segments as programs see them through the gateway: definitions, members, reasons, sizes, and what breaks and mends them."""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson

from common.clock import from_wire, to_wire
from common.envelope import message
from common.events.contacts import FieldChanged, FieldDefinition, FieldMessage
from common.kafka import Producer
from common.position import Applied, Position
from common.topics import FIELDS
from tests.support.api import eventually
from tests.support.team import KIM, NOBODY, POSITION, Team, seen_within


async def test_the_life_of_a_segment(team: Team) -> None:
    await team.put("m-1", name="Kim")
    made = await team.ask("POST", "/v1/segments", {"name": " Kims ", "filter": KIM})
    assert made.status_code == 201
    assert made.headers[POSITION]
    segment = made.json()["id"]
    path = f"/v1/segments/{segment}"
    expected = {
        "id": segment, "name": "Kims", "filter": KIM, "problem": None, "definitionVersion": 1, "version": 1,
        "usedBy": {"segments": [], "destinations": []},
    }  # fmt: skip
    assert made.headers["ETag"] == '"1"'
    assert made.json() == expected | {"status": "building", "count": 0}

    await eventually(lambda: team.get(path), lambda found: found == expected | {"status": "live", "count": 1})
    assert (await team.get("/v1/segments"))["items"] == [await team.get(path)]

    renamed = await team.ask("PATCH", path, {"name": "others"})
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["definitionVersion"]) == (200, "others", 1)
    assert renamed.headers[POSITION]
    stale = await team.ask("PATCH", path, {"name": "again"}, **{"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (412, "staleVersion", 2)
    changed = await team.ask("PATCH", path, {"filter": {"not": KIM}}, **{"If-Match": '"2"'})
    assert (changed.json()["status"], changed.json()["definitionVersion"]) == ("building", 2)
    members = await team.ask("GET", f"{path}/members")
    if members.status_code == 503:  # unless it was built by then: never a part of them
        assert (members.json()["code"], members.json()["progress"].keys()) == ("segmentBuilding", {"done", "total"})
        assert members.headers["Retry-After"]
    else:
        assert members.json()["items"] == []
    assert (await team.built(segment))["count"] == 0
    kept = (await team.get(f"{path}/definitions"))["items"]
    assert [(d["version"], d["definitionVersion"], d["name"], d["filter"]) for d in kept] == [
        (3, 2, "others", {"not": KIM}), (2, 1, "others", KIM), (1, 1, "Kims", KIM),
    ]  # fmt: skip
    assert {d["by"] for d in kept} == {"kim"}
    assert [d["at"] for d in kept] == sorted((d["at"] for d in kept), reverse=True)

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
    later = await team.ask("GET", f"{path}?at=2999-01-01T00:00:00Z")
    assert (later.status_code, later.json()["code"]) == (422, "inFuture")

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
    named, second = tree["and"]
    assert (named["key"], named["truth"], named["value"], named["nextChangeAt"]) == ("segment", True, [inner], None)
    assert [(each["id"], each["name"], each["truth"]) for each in named["segments"]] == [(inner, "s", True)]
    first = named["segments"][0]["tree"]
    assert (first["key"], first["truth"], first["value"], first["nextChangeAt"]) == ("name", True, "Kim", None)
    assert (second["truth"], second["nextChangeAt"]) == (False, ends)
    assert (second["not"]["key"], second["not"]["truth"], second["not"]["value"]) == ("lastSeenAt", True, seen)
    before = to_wire(datetime.now(UTC))
    await team.put("m-1", name="Lee")
    past = await team.ask("POST", f"/v1/segments/{segment}/explain", {"contactId": contact, "at": before})
    assert past.json()["and"][0]["segments"][0]["tree"]["value"] == "Kim"
    for body, status in (({"contactId": NOBODY}, 404), ({}, 422), ({"contactId": 1}, 422), ({"contactId": contact, "x": 1}, 422)):
        assert (await team.ask("POST", f"/v1/segments/{segment}/explain", body)).status_code == status, body


async def test_what_a_filter_would_do_and_what_it_did(team: Team) -> None:
    segment = await team.make(KIM)
    for member in ("m-0", "m-1"):
        _, position = await team.put(member, name="Kim")
    lee, position = await team.put("m-2", name="Lee")
    # A position is that of one write: the two before it may be told a moment later.
    log = await eventually(lambda: team.get(f"/v1/segments/{segment}/changes"), lambda page: len(page["items"]) == 2)
    before = max(item["at"] for item in log["items"])
    raw = {"key": "name", "operator": "eq", "values": ["Lee"]}
    tried = await team.ask("POST", "/v1/segments/preview", {"id": segment, "filter": raw}, **{POSITION: position})
    assert tried.json() == {"count": 1, "entering": 1, "leaving": 2}
    tried = await team.ask("POST", "/v1/segments/preview", {"filter": raw})
    assert tried.json() == {"count": 1, "entering": 1, "leaving": 0}
    assert (await team.ask("PATCH", f"/v1/segments/{segment}", {"filter": raw})).status_code == 200
    await team.built(segment)
    told = await team.get(f"/v1/segments/{segment}/compare?from={before}&which=onlyNow")
    assert (told["onlyThen"], told["both"], told["onlyNow"], told["next"]) == (2, 0, 1, None)
    assert [item["contactId"] for item in told["items"]] == [lee]


async def test_entered_left_and_size_over_time_add_up(team: Team) -> None:
    segment = await team.make(KIM)
    position = ""
    for member, name in (("a", "Kim"), ("b", "Kim"), ("a", "Lee")):
        _, position = await team.put(member, name=name)
    path = f"/v1/segments/{segment}/counts"
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    begin, end = (to_wire(minute + timedelta(minutes=m)) for m in (-5, 5))
    steps = (await team.get(f"{path}?from={begin}&to={end}&step=minute", position))["items"]
    assert len(steps) == 10
    assert steps[0] == {"at": begin, "entered": 0, "left": 0, "size": 0}
    assert (sum(s["entered"] for s in steps), sum(s["left"] for s in steps), steps[-1]["size"]) == (2, 1, 1)
    usual = (await team.get(path))["items"]
    assert (len(usual), usual[-1]["size"]) == (30, 1)
    days, weeks = [(await team.get(f"{path}?step={step}"))["items"] for step in ("day", "week")]
    seoul = ZoneInfo("Asia/Seoul")
    assert {from_wire(step["at"]).astimezone(seoul).time() for step in days + weeks} == {time_of_day()}
    assert {from_wire(step["at"]).astimezone(seoul).weekday() for step in weeks} == {0}
    for wrong in (f"from={end}&to={begin}", "from=x", "step=year", "from=2020-01-01T00:00:00Z&step=minute"):
        assert (await team.ask("GET", f"{path}?{wrong}")).status_code == 422, wrong


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
        sys.executable, "-m", "segments", "verify", env=team.stack.service_env("segments-worker"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(sweep.communicate(), 120)
    told = [orjson.loads(line) for line in out.splitlines()]
    (swept,) = [line for line in told if line["event"] == "swept"]
    assert swept["segments"] > 0
    assert segment not in {line.get("segment") for line in told}
    assert b"Kim" not in out


async def test_a_position_that_has_not_arrived_and_one_that_is_none(team: Team) -> None:
    segment = await team.make(KIM)
    never = Position((Applied("contact", NOBODY, 1),)).encode(team.channel)
    answer = await team.ask("GET", f"/v1/segments/{segment}/members", **{POSITION: never})
    assert (answer.status_code, answer.json()["code"]) == (503, "notCaughtUp")
    assert answer.headers["Retry-After"]
    impossible = Position((Applied("contact", "no-id", 1),)).encode(team.channel)
    for word in ("!", impossible, Position((Applied("contact", NOBODY, 1),)).encode("another")):
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
    assert (await team.ask("GET", "/v1/segments?cursor=zzz")).json()["code"] == "badCursor"
