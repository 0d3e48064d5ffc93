"""The manager's own room through the gateway: told once, with the link, and to nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

from common.clock import SystemClock, to_wire
from common.envelope import message
from common.events.exports import ExportFailed, ExportMessage
from common.kafka import Producer
from common.topics import EXPORTS
from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel, kill, replaced
from tests.support.exporting import asked, ended, plain


async def room(api: Api, **params: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.json("GET", "/v1/rooms/me/messages", params=params))["items"]
    return items


async def filled(api: Api, count: int) -> list[dict[str, Any]]:
    """The room's messages, once there are so many."""
    return await eventually(lambda: room(api), lambda items: len(items) >= count, 60)


async def test_a_finished_export_is_told_in_its_askers_room_alone_with_the_link_to_its_page(stack: Stack) -> None:
    channel = fresh_channel()
    async with (
        caller(stack, channel) as api,
        caller(stack, channel, "kim", "visits.write") as same,
        caller(stack, channel, "lee") as other,
        caller(stack, fresh_channel(), "kim") as stranger,
        plain(stack) as nobody,
    ):
        await api.json("PUT", "/v1/contacts/@m", body={"name": "홍길동", "mobileNumber": "010-1234-5678"})
        export_id = await asked(api, {"all": True})
        assert (await ended(api, export_id))["status"] == "ready"
        [told] = await filled(api, 1)
        assert told | {"id": "", "at": "", "text": ""} == {
            "id": "", "at": "", "from": "notice-bot", "text": "", "link": f"{stack.url}/exports/{export_id}",
            "kind": "export.ready", "readAt": None,
        }  # fmt: skip
        assert not any(secret in told["text"] for secret in ("홍길동", "1234"))
        assert (await nobody.get(told["link"])).status_code == 200
        assert await room(same) == [told]  # any valid token
        assert await room(other) == await room(stranger) == []
        assert (await nobody.get("/v1/rooms/me/messages")).status_code == 401


async def test_a_killed_consumer_tells_every_export_once(stack: Stack) -> None:
    channel = fresh_channel()
    async with caller(stack, channel) as api:
        await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
        made = []
        for _ in range(3):
            made.append(await asked(api, {"all": True}))
            await replaced(stack, "notify-consumer", kill(stack, "notify-consumer"))
        for export_id in made:
            assert (await ended(api, export_id))["status"] == "ready"
        last = await asked(api, {"all": True})
        wanted = {f"{stack.url}/exports/{export_id}" for export_id in [*made, last]}
        found = await eventually(lambda: room(api), lambda items: wanted <= {m["link"] for m in items}, 60)
        assert len(found) == len(wanted)


async def test_an_event_that_is_delivered_again_is_told_once_and_a_room_is_read_and_followed(stack: Stack) -> None:
    channel = fresh_channel()
    now = SystemClock().now()
    made = [ExportFailed(export_id=uuid4(), requested_by="kim", at=to_wire(now), problem=f"reason {n}") for n in range(5)]
    messages = [
        message(
            EXPORTS,
            channel=channel,
            subject="same",
            source="exports",
            type=event.type,
            id=event.export_id,
            version=1,
            at=now,
            value=ExportMessage(event=event, version=1).encode(),
            trace={},
        )
        for event in made
    ]
    async with Producer.open(stack.kafka, client_id="test") as producer, caller(stack, channel) as api:
        await producer.send([*messages, *messages])
        await producer.send(messages)
        found = await filled(api, 5)
        assert [m["text"][-9:] for m in found] == [f"reason {n})" for n in reversed(range(5))]
        pages, params = [], {"limit": "2"}
        while True:
            page = await api.json("GET", "/v1/rooms/me/messages", params=params)
            pages.append(page["items"])
            if page["next"] is None:
                break
            params = {"limit": "2", "cursor": page["next"]}
        assert [len(items) for items in pages] == [2, 2, 1]
        assert [m for items in pages for m in items] == await room(api)
        await _read_and_followed(stack, channel, api, [m["id"] for m in found], partial(producer.send, messages[:1]))
        for wrong in ({"cursor": "x"}, {"limit": "0"}, {"limit": "101"}):
            assert (await api.ask("GET", "/v1/rooms/me/messages", params=wrong)).status_code == 422


async def _read_and_followed(
    stack: Stack, channel: str, api: Api, ids: list[str], doubled: Callable[[], Awaitable[object]]
) -> None:
    """What is unread is counted and read up to a message; whoever follows hears each one after the last that was seen, once."""
    english = await api.ask("GET", "/v1/rooms/me/messages", headers={"Accept-Language": "en"})
    assert (english.json()["unread"], english.json()["items"][0]["text"]) == (5, "Your file could not be made. reason 4")
    assert await api.json("POST", "/v1/rooms/me/read", body={"until": ids[2]}) == {"unread": 2}
    assert [m["readAt"] is None for m in await room(api)] == [True, True, False, False, False]
    assert (await api.ask("POST", "/v1/rooms/me/read", body={"until": str(uuid4())})).status_code == 404
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim')}", "Accept": "text/event-stream"}
    async with plain(stack, **headers) as client, asyncio.timeout(60):
        path = "/v1/rooms/me/messages"
        async with client.stream("GET", path, headers={"Last-Event-ID": ids[2], "Accept-Language": "en"}) as answer:
            assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
            lines = (line async for line in answer.aiter_lines() if line.startswith("id: "))
            assert [await anext(lines), await anext(lines)] == [f"id: {ids[1]}", f"id: {ids[0]}"]
            await doubled()
            export_id = await asked(api, {"all": True})
            assert (await anext(lines)).removeprefix("id: ") == (await room(api))[0]["id"]
            assert (await room(api))[0]["link"] == f"{stack.url}/exports/{export_id}"
        assert (await client.get(path, headers={"Last-Event-ID": str(uuid4())})).status_code == 422
