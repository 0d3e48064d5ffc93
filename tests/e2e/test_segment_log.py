"""A segment's log through the gateway: from the beginning, after a position, and as a stream that stays open and resumes."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from tests.support.api import eventually, replaced
from tests.support.team import KIM, Team


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
    assert (whole["next"], whole["previous"]) == (4, None)
    assert await team.get(f"{path}?after=2") == {"items": whole["items"][2:], "next": 4, "previous": 3}
    assert await team.get(f"{path}?after=1&limit=1") == {"items": whole["items"][1:2], "next": 2, "previous": 2}
    assert await team.get(f"{path}?after=4") == {"items": [], "next": 4, "previous": 5}
    assert await team.get(f"{path}?before=latest&limit=3") == {"items": whole["items"][1:], "next": 4, "previous": 2}
    assert await team.get(f"{path}?before=2") == {"items": whole["items"][:1], "next": 1, "previous": None}
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


async def test_a_stream_whose_segment_is_deleted_ends_with_an_event_that_says_so(team: Team) -> None:
    segment = await team.make(KIM)
    await team.put("m-0", name="Kim")
    async with listening(team, segment) as listener:
        assert (await listener.next())["event"] == "entered"
        assert (await team.ask("DELETE", f"/v1/segments/{segment}")).status_code == 204
        assert await listener.next() == {"event": "deleted", "data": {"segmentId": segment}}
        with pytest.raises(AssertionError, match="has ended"):
            await listener.next()
    answer = await team.ask("GET", f"/v1/segments/{segment}/changes", Accept="text/event-stream", **{"Last-Event-ID": "1"})
    assert answer.status_code == 404


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
