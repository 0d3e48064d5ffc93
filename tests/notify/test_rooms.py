"""A manager's own room on the real PostgreSQL: what is unread, in which language it speaks, and who listens misses nothing."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from common.auth import Caller, Verifier
from common.clock import FixedClock, to_wire
from common.errors import Unprocessable
from common.events.exports import ExportCompleted, ExportMessage
from common.health import Health
from common.http import application
from common.ids import new_id
from common.language import ENGLISH, KOREAN
from common.listening import Listening
from common.postgres import Database
from common.sealing import Seal
from notify.consumer import Item, Notifier
from notify.destinations.store import Destinations
from notify.room import api
from notify.room.handlers import Rooms
from notify.room.queries import Queries
from notify.room.store import Store

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
DESTINATIONS = Destinations(Seal(bytes(32), os.urandom))
KIM = Caller("kim", "c", frozenset())
MESSAGES, READ = "/v1/rooms/me/messages", "/v1/rooms/me/read"
As = Callable[..., httpx.AsyncClient]


@pytest.fixture
def asked_as(database: Database, tmp_path: Path) -> As:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    health, clock, store = Health({}), FixedClock(AT), Store(database)
    app = application(
        "notify", "", Verifier(str(tmp_path / "jwks.json"), "dangol-local"), health, [api.routes],
        parts=[Queries(store), Rooms(store, clock), Listening(health, clock)],
    )  # fmt: skip

    def client(subject: str = "kim", channel: str = "c") -> httpx.AsyncClient:
        claims = {"iss": "dangol-local", "aud": "dangol", "sub": subject, "channel": channel, "exp": int(time.time()) + 60}
        token = jwt.encode({"alg": "ES256", "kid": "one"}, {**claims, "permissions": ["visits.write"]}, key)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notify", headers=headers)

    return client


async def tell(database: Database, count: int = 1, manager: str = "kim", channel: str = "c") -> None:
    notifier = Notifier(database, DESTINATIONS, "https://dangol.example", FixedClock(AT), new_id)
    at, over = to_wire(AT), to_wire(AT + timedelta(days=7))
    for _ in range(count):
        event = ExportCompleted(export_id=uuid4(), requested_by=manager, at=at, rows=3, expires_at=over)
        await notifier.apply([Item(channel, str(uuid4()), ExportMessage(event=event, version=1), AT)])


async def test_what_was_read_is_told_and_counted_no_more(database: Database, asked_as: As) -> None:
    await tell(database, 4)
    await tell(database, 1, "lee")
    kim, lee = asked_as(), asked_as("lee")
    first = (await kim.get(MESSAGES, params={"limit": 2})).json()
    assert (first["unread"], [m["readAt"] for m in first["items"]]) == (4, [None, None])
    [*_, second_newest] = first["items"]
    answer = await kim.post(READ, json={"until": second_newest["id"]})
    assert (answer.status_code, answer.json(), "Dangol-Position" in answer.headers) == (200, {"unread": 1}, True)
    found = (await kim.get(MESSAGES)).json()
    assert found["unread"] == 1
    assert [m["readAt"] for m in found["items"]] == [None, *["2026-11-24T03:00:00.000Z"] * 3]
    # Reading up to an older one takes nothing back.
    assert (await kim.post(READ, json={"until": found["items"][3]["id"]})).json() == {"unread": 1}
    assert (await lee.get(MESSAGES)).json()["unread"] == 1


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"until": "none"}, (422, "invalid", "/until")),
        ({}, (422, "invalid", "/until")),
        ({"until": None}, (422, "invalid", "/until")),
        ({"until": str(UUID(int=7))}, (404, "notFound", None)),
    ],
)
async def test_only_a_message_of_ones_own_room_can_be_read(
    database: Database, asked_as: As, body: object, refusal: tuple[int, str, str | None]
) -> None:
    await tell(database)
    answer = await asked_as().post(READ, json=body)
    told = answer.json()
    assert (answer.status_code, told["code"], told.get("pointer")) == refusal
    of_kim = (await asked_as().get(MESSAGES)).json()["items"][0]["id"]
    for stranger in (asked_as("lee"), asked_as(channel="other")):
        assert (await stranger.post(READ, json={"until": of_kim})).status_code == 404
    assert (await asked_as().get(MESSAGES)).json()["unread"] == 1


async def test_a_room_speaks_the_language_that_is_asked_for(database: Database, asked_as: As) -> None:
    await tell(database)

    async def text(**headers: str) -> str:
        return str((await asked_as().get(MESSAGES, headers=headers)).json()["items"][0]["text"])

    english = await text(**{"Accept-Language": "en-GB,en;q=0.9"})
    assert english == "Your Excel file of 3 contacts is ready. You can download it for 7 days."
    assert await text() == await text(**{"Accept-Language": "fr"}) != english
    assert not (await text()).isascii()


async def listen(
    database: Database, count: int, last: str | None = None, language: Any = KOREAN, heard: asyncio.Event | None = None
) -> list[dict[str, str]]:
    """So many events of kim's room, each by its members."""
    events: list[dict[str, str]] = []
    async for text in await Queries(Store(database)).follow(KIM, last, language, lambda: True):
        if heard is not None:
            heard.set()
        if text.startswith(b"id: "):
            events.append(dict(line.split(": ", 1) for line in text.decode().strip().split("\n")))
        if len(events) == count:
            break
    return events


async def test_a_listener_hears_what_comes_and_comes_back_without_missing_any(database: Database) -> None:
    await tell(database)
    heard = asyncio.Event()
    listening = asyncio.create_task(listen(database, 1, language=ENGLISH, heard=heard))
    await asyncio.wait_for(heard.wait(), 30)
    await tell(database)
    [event] = await asyncio.wait_for(listening, 30)
    told = json.loads(event["data"])
    assert (event["event"], event["id"], told["from"], told["readAt"]) == ("message", told["id"], "notice-bot", None)
    assert told["text"].startswith("Your Excel file")
    await tell(database, 3)
    missed = await asyncio.wait_for(listen(database, 3, last=event["id"]), 30)
    room = await Queries(Store(database)).own_room(KIM, 100, None)
    assert [e["id"] for e in missed] == [m["id"] for m in reversed(room.items[:3])]


async def test_no_listener_misses_what_several_write_at_once(database: Database) -> None:
    await tell(database)
    [first] = (await Queries(Store(database)).own_room(KIM, 1, None)).items
    listening = asyncio.create_task(listen(database, 60, last=first["id"]))
    await asyncio.gather(*(tell(database, 10, manager) for manager in ["kim", "lee"] * 6))
    events = await asyncio.wait_for(listening, 60)
    room = await Queries(Store(database)).own_room(KIM, 100, None)
    assert [e["id"] for e in events] == [m["id"] for m in reversed(room.items[:-1])]


@pytest.mark.parametrize("last", ["x", str(UUID(int=7))])
async def test_a_listener_cannot_come_back_to_what_is_not_in_the_room(database: Database, asked_as: As, last: str) -> None:
    answer = await asked_as().get(MESSAGES, headers={"Accept": "text/event-stream", "Last-Event-ID": last})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_messages_from_before_stand_in_their_order(database: Database) -> None:
    up, down = (files("notify") / "migrations" / "0002_read.sql").read_text("utf-8").split("-- migrate:down")
    ids: Sequence[UUID] = sorted(uuid4() for _ in range(5))
    async with database.transaction() as tx:
        await tx.execute(down)
        for id_ in reversed(ids):
            await tx.execute(
                "insert into message (channel, manager, id, event_id, at, kind, text)"
                " values ('c', 'kim', $1, $2, $3, 'k', 'both')",
                id_, str(id_), AT,
            )  # fmt: skip
        await tx.execute(up)
    await tell(database)
    room = await Queries(Store(database)).own_room(KIM, 100, None, ENGLISH)
    assert [m["id"] for m in room.items[1:]] == [str(id_) for id_ in reversed(ids)]
    assert {m["text"] for m in room.items[1:]} == {"both"}
    with pytest.raises(Unprocessable):
        await Queries(Store(database)).own_room(KIM, 100, room.items[0]["id"])
