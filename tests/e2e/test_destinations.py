"""Destinations through the gateway: a notice arrives at each kind of chat as it takes it, and a worker's death loses none."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from common.postgres import Database
from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, kill, replaced
from tests.support.chats import CHATS, PATHS, SECRETS
from tests.support.exporting import asked, ended
from tests.support.outside import Outside, Reply, Reset, Taken

REFUSED = ["https://127.0.0.2/x", "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "http://hooks.example/x",
           "https://169.254.169.254/latest/meta-data", "https://2130706434/"]  # fmt: skip


@pytest.fixture
async def api(stack: Stack, channel: str) -> AsyncIterator[Api]:
    async with caller(stack, channel) as made:
        await made.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
        await made.json("PUT", "/v1/contacts/@m", body={"name": "홍길동", "mobileNumber": "010-1234-5678"})
        yield made


async def make(api: Api, outside: Outside, kind: str = "webhook", **more: Any) -> dict[str, Any]:
    body = {"kind": kind, "url": outside.url(PATHS[kind]), "events": ["export.ready"], **more}
    made: dict[str, Any] = await api.json("POST", "/v1/destinations", body=body | _secret(kind))
    return made


def _secret(kind: str) -> dict[str, str]:
    return {"secret": SECRETS[kind]} if kind in SECRETS else {}


async def deliveries(api: Api, **params: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.json("GET", "/v1/deliveries", params=params))["items"]
    return items


async def test_a_finished_export_arrives_at_every_kind_of_chat_and_a_test_says_what_came_back(stack: Stack, api: Api) -> None:
    for url in REFUSED:
        answer = await api.ask("POST", "/v1/destinations", body={"kind": "slack", "url": url, "events": ["export.ready"]})
        assert (answer.status_code, answer.json()["pointer"]) == (422, "/url"), url
    assert (await api.json("GET", "/v1/destinations"))["items"] == []
    judges = {path: CHATS[kind] for kind, path in PATHS.items()}

    def judged(taken: Taken) -> Reply:
        return next((judge(taken) for path, judge in judges.items() if taken.path.startswith(path.split("!")[0])), Reply(404))

    async with Outside.open(judged) as outside:
        made = {kind: await make(api, outside, kind) for kind in CHATS}
        for each in made.values():
            tested = await api.json("POST", f"/v1/destinations/{each['id']}/test")
            assert tested["delivered"], (each["kind"], tested)
        export_id = await asked(api, {"all": True})
        assert (await ended(api, export_id))["status"] == "ready"
        told = await eventually(
            lambda: deliveries(api), lambda items: [i["status"] for i in items] == ["delivered"] * len(made), 30
        )
    assert {item["destinationId"] for item in told} == {each["id"] for each in made.values()}
    assert {item["event"] for item in told} == {"export.ready"}
    links = [taken.body.decode() for taken in outside.taken if export_id in taken.body.decode()]
    assert len(links) == len(made)
    assert all(word not in body for body in links for word in ("홍길동", "1234-5678"))
    for each in made.values():
        seen = await api.json("GET", f"/v1/destinations/{each['id']}")
        assert (seen["state"], seen["failures"], 200 <= seen["lastAnswer"]["status"] < 300) == ("active", 0, True)


async def test_a_killed_worker_loses_no_notice_what_is_refused_is_tried_again_and_what_is_parked_sent_again(
    stack: Stack, api: Api
) -> None:
    behaviours: list[Any] = [Reset(), Reply(503)]
    async with Outside.open(lambda _: behaviours.pop(0) if behaviours else Reply()) as outside:
        made = await make(api, outside)
        await replaced(stack, "notify-worker", kill(stack, "notify-worker"))
        export_id = await asked(api, {"all": True})
        await eventually(lambda: deliveries(api, destination=made["id"]), lambda items: len(items) == 1, 60)
        [told] = await eventually(lambda: deliveries(api, status="delivered"), bool, 60)
        assert (told["attempts"], told["lastAnswer"]["status"]) == (3, 200)
        assert len({taken.headers["webhook-id"] for taken in outside.taken}) == 1
        assert all(export_id in taken.body.decode() for taken in outside.taken)
        refused = await api.ask("POST", f"/v1/deliveries/{told['id']}/resend")
        assert (refused.status_code, refused.json()["code"]) == (409, "notParked")
        assert await api.json("POST", "/v1/deliveries/resend", body={"destinationId": made["id"]}) == {"count": 0}
        assert (await api.ask("POST", f"/v1/deliveries/{uuid4()}/resend")).status_code == 404
        await _parked_and_sent_again(api, outside, made["id"])


async def _parked_and_sent_again(api: Api, outside: Outside, made: str) -> None:
    """One that wants no more is off, its maker is told, and what was parked goes out once it is on again, one and all."""
    path, counted = f"/v1/destinations/{made}", outside.count
    outside.decide = lambda _: Reply(410)
    await ended(api, await asked(api, {"all": True}))
    off = await eventually(lambda: api.json("GET", path), lambda seen: seen["state"] == "disabled", 30)
    assert (off["disabledBy"], off["problem"], off["failures"], off["lastAnswer"]["status"]) == (None, "410 ok", 1, 410)
    room = (await api.json("GET", "/v1/rooms/me/messages"))["items"]
    assert [message["kind"] for message in room].count("destination.disabled") == 1
    await ended(api, await asked(api, {"all": True}))
    parked = await eventually(lambda: deliveries(api, status="parked"), lambda items: len(items) == 2, 30)
    assert (outside.count - counted, {each["nextAt"] for each in parked}) == (1, {None})
    tried = await api.json("POST", f"{path}/test")
    assert (tried["delivered"], tried["answer"]["status"]) == (False, 410)
    for way, body in ((f"/v1/deliveries/{parked[0]['id']}/resend", None), ("/v1/deliveries/resend", {"destinationId": made})):
        early = await api.ask("POST", way, body=body)
        assert (early.status_code, early.json()["code"]) == (409, "destinationDisabled")
    outside.decide = lambda _: Reply()
    stale = await api.ask("PATCH", path, body={"state": "active"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "staleVersion")
    on = await api.ask("PATCH", path, body={"state": "active"}, headers={"If-Match": f'"{off["version"]}"'})
    assert (on.status_code, on.json()["state"], on.json()["failures"], on.headers["dangol-position"] != "") == (
        200,
        "active",
        0,
        True,
    )
    assert (await api.ask("POST", f"/v1/deliveries/{parked[0]['id']}/resend")).status_code == 202
    await eventually(lambda: deliveries(api, status="parked"), lambda items: len(items) == 1, 30)
    assert await api.json("POST", "/v1/deliveries/resend", body={"destinationId": made}) == {"count": 1}
    await eventually(lambda: deliveries(api, status="delivered"), lambda items: len(items) == 3, 30)
    assert (await api.ask("DELETE", path, headers={"If-Match": on.headers["etag"]})).status_code == 204
    assert [(await api.ask("GET", path)).status_code, await deliveries(api)] == [404, []]


async def test_a_destination_hears_of_a_segment_until_it_goes_and_another_of_the_limit_and_of_a_withdrawn_file(
    stack: Stack, channel: str, api: Api
) -> None:
    async with Outside.open(CHATS["webhook"]) as outside:
        filter_ = {"key": "name", "operator": "eq", "values": ["김단골"]}
        segment = (await api.json("POST", "/v1/segments", body={"name": "VIP <!channel>", "filter": filter_}))["id"]
        path = f"/v1/segments/{segment}"
        await eventually(lambda: api.json("GET", path), lambda shown: shown["status"] == "live")
        moves = await make(api, outside, events=["segment.entered", "segment.left"], segmentId=segment)
        await make(api, outside, events=["export.withdrawn", "managedUsers.warning"])
        used_by = {"segments": [], "destinations": [{"id": moves["id"], "kind": "webhook", "state": "active"}]}
        assert (await api.json("GET", path))["usedBy"] == used_by
        assert [each["usedBy"] for each in (await api.json("GET", "/v1/segments"))["items"]] == [used_by]
        for name in ("김단골", "다른 이름", "김단골"):
            contact = await api.json("PUT", "/v1/contacts/@m", body={"name": name})
        await ended(api, await asked(api, {"all": True}))
        await api.json("PATCH", "/v1/channel", body={"managedUsers": {"limit": 1}})
        await api.json("DELETE", f"/v1/contacts/{contact['id']}")
        await eventually(lambda: counted(stack, channel, outside), lambda sums: sum(sums) == 4, 30)
        assert (await api.ask("DELETE", path)).status_code == 204

        async def come() -> list[str]:
            return [taken.json["type"] for taken in outside.taken]

        await eventually(come, lambda types: {"export.withdrawn", "managedUsers.warning", "segment.deleted"} <= set(types), 60)
        assert await counted(stack, channel, outside) == (2, 2)
        last, end = [taken.json["data"]["text"] for taken in outside.taken if "segment" in taken.json["type"]][-2:]
        assert last.startswith("세그먼트 “VIP <!channel>”: ") and "나갔습니다." in last  # noqa: PT018 - one sentence
        assert end == "세그먼트 “VIP <!channel>”: 삭제되었습니다. 이 세그먼트의 알림은 여기서 끝납니다."
        assert not [taken for taken in outside.taken if "김단골" in taken.body.decode()]
        seen = f"/v1/destinations/{moves['id']}"
        off = await eventually(lambda: api.json("GET", seen), lambda shown: shown["state"] == "disabled", 30)
        assert off["problem"] == "The segment that it tells of was deleted."
        again = await api.ask("PATCH", seen, body={"state": "active"})
        assert (again.status_code, again.json()["code"], again.json()["pointer"]) == (422, "unknownSegment", "/segmentId")


async def counted(stack: Stack, channel: str, outside: Outside) -> tuple[int, int]:
    """How many entered and left as notify counts: in minutes that are told, and in the one that is not over."""
    async with Database.open(stack.postgres_dsn(None), size=1) as database, database.connection() as connection:
        sums = 'select coalesce(sum(entered), 0)::int, coalesce(sum("left"), 0)::int from notify.gathering where channel = $1'
        [(entered, left)] = await connection.fetch(sums, channel)
    told = [taken.json["data"] for taken in outside.taken if taken.json["type"] in {"segment.entered", "segment.left"}]
    return entered + sum(each["entered"] for each in told), left + sum(each["left"] for each in told)


async def test_the_end_of_an_import_and_of_a_bulk_action_is_told_in_its_askers_room_and_to_destinations(
    stack: Stack, channel: str, api: Api
) -> None:
    async with Outside.open(CHATS["webhook"]) as outside:
        await make(api, outside, events=["import.done", "bulkAction.done"])
        files = {"file": ("members.csv", "memberId,name\nm-1,김\nm-2,이\n", "text/csv")}
        token = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim')}"}
        async with httpx.AsyncClient(base_url=stack.url, timeout=60, headers=token) as client:
            job = (await client.post("/v1/imports", files=files, data={"kind": "members"})).json()
        ids = [(await api.json("GET", "/v1/contacts/@m"))["id"]]
        action = {"action": {"addTags": ["VIP"]}, "target": {"contactIds": ids}}
        bulk = await api.json("POST", "/v1/bulk-actions", body=action)

        async def come() -> dict[str, Any]:
            return {taken.json["type"]: taken.json["data"] for taken in outside.taken}

        told = await eventually(come, lambda found: len(found) == 2, 60)
        assert (told["import.done"]["jobId"], told["bulkAction.done"]["jobId"]) == (job["id"], bulk["id"])
        assert told["import.done"]["text"].startswith("가져오기가 끝났습니다. 만듦 2건, 바뀜 0건, 그대로 0건, 거절 0건.")
        assert (told["bulkAction.done"]["status"], told["bulkAction.done"]["counts"]["changed"]) == ("done", 1)
    headers = {"Accept-Language": "en"}
    room = (await api.ask("GET", "/v1/rooms/me/messages", headers=headers)).json()["items"]
    assert {message["kind"]: message["text"] for message in room} == {
        "import.done": "The import has ended: 2 made, 0 changed, 0 unchanged, 0 refused.",
        "bulkAction.done": "The bulk action has ended: 1 changed, 0 unchanged, 0 failed.",
    }
