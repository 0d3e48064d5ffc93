"""Destinations through the gateway: a notice arrives at each kind of chat as it takes it, and a worker's death loses none."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

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


async def test_a_killed_worker_loses_no_notice_and_what_is_refused_is_tried_again(stack: Stack, api: Api) -> None:
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
