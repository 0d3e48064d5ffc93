"""Destinations over HTTP, on the real PostgreSQL: who may make which, what is refused, and that no secret is ever told."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common.auth import Signer, Verifier
from common.clock import FixedClock, SystemClock
from common.health import Health
from common.http import application
from common.ids import new_id
from common.peers import Peer
from common.postgres import Database
from common.sealing import Seal
from notify.deliveries import api as deliveries_api
from notify.deliveries.courier import Courier
from notify.deliveries.handlers import Deliveries
from notify.deliveries.queries import Queries as DeliveryQueries
from notify.destinations import api
from notify.destinations.destination import UNOPENED
from notify.destinations.handlers import Destinations
from notify.destinations.neighbours import Segments
from notify.destinations.queries import Queries
from notify.destinations.store import Destinations as Store
from notify.room import store as rooms
from notify.sending.address import Address, read_allowed
from notify.sending.sender import Outside as Reached
from notify.sending.sender import believed
from tests.support.chats import CHATS, PATHS, SECRET, SECRETS, TOKEN
from tests.support.outside import Outside, Reply

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
PATH = "/v1/destinations"
HOOK: dict[str, Any] = {"kind": "webhook", "url": "https://hooks.example/x", "secret": SECRET, "events": ["export.ready"]}
SEGMENT = "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11"
NAMES = {
    "hooks.example": "8.8.8.8", "chat.internal": "10.1.2.3", "localhost": "127.0.0.1", "inside.example": "10.1.2.3",
    "mapped.example": "::ffff:10.1.2.3",
}  # fmt: skip
As = Callable[..., httpx.AsyncClient]


def known_segments() -> httpx.AsyncClient:
    """The way to a stand-in of the service of segments, which knows one."""

    async def read(request: Request) -> Response:
        assert (request.url.path, request.headers["authorization"][:7]) == ("/internal/segments/read", "Bearer ")
        return JSONResponse({"items": [{"id": id_, "name": "VIP"} for id_ in (await request.json())["ids"] if id_ == SEGMENT]})

    app = Starlette(routes=[Route("/internal/segments/read", read, methods=["POST"])])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app))


async def lookup(host: str, port: int) -> Sequence[Address]:
    if host not in NAMES:
        raise OSError(host, port)
    return [ip_address(NAMES[host])]


@pytest.fixture
def asked_as(database: Database, tmp_path: Path) -> As:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    key_file = tmp_path / "key.json"
    key_file.write_text(json.dumps(key.as_dict(private=True)))
    clock, store = FixedClock(AT), Store(Seal(bytes(32), os.urandom))
    reached = Reached(read_allowed("127.0.0.1/32,chat.internal"), lookup, believed())
    courier = Courier(database, reached, SystemClock(), new_id)  # a signature is of now
    segments = Segments(
        Peer(known_segments(), Signer(key_file, "dangol-local", "service:notify"), "http://segments", "contacts.read")
    )
    commands = Destinations(database, store, segments, courier, reached.allowed, lookup, clock, new_id)
    app = application(
        "notify", "", Verifier(str(tmp_path / "jwks.json"), "dangol-local"), Health({}),
        [api.routes, deliveries_api.routes, api.internal],
        parts=[commands, Queries(database, store), Deliveries(database, store, clock), DeliveryQueries(database)],
    )  # fmt: skip

    def client(subject: str = "kim", channel: str = "c", permissions: Sequence[str] = ("notices.manage",)) -> httpx.AsyncClient:
        claims = {"iss": "dangol-local", "aud": "dangol", "sub": subject, "channel": channel, "exp": int(time.time()) + 60}
        token = jwt.encode({"alg": "ES256", "kid": "one"}, {**claims, "permissions": list(permissions)}, key)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notify", headers=headers)

    return client


async def make(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json={**HOOK, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_destination_is_made_read_changed_and_deleted_by_its_version(asked_as: As) -> None:
    kim = asked_as()
    answer = await kim.post(PATH, json={**HOOK, "events": ["export.ready", "import.done", "export.ready"]})
    made = answer.json()
    assert (answer.status_code, answer.headers["ETag"], "Dangol-Position" in answer.headers) == (201, '"1"', True)
    assert made == {
        "id": made["id"], "kind": "webhook", "url": HOOK["url"], "events": ["export.ready", "import.done"], "segmentId": None,
        "language": "ko", "state": "active", "disabledAt": None, "disabledBy": None, "problem": None, "failures": 0,
        "lastAnswer": None, "createdAt": "2026-11-24T03:00:00.000Z", "createdBy": "kim", "version": 1,
    }  # fmt: skip
    place = f"{PATH}/{made['id']}"
    assert (await kim.get(place)).json() == made == (await kim.get(PATH)).json()["items"][0]
    stale = await kim.patch(place, json={"language": "en"}, headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (412, "staleVersion", 1)
    changed = await kim.patch(place, json={"language": "en", "events": ["export.failed"]}, headers={"If-Match": '"1"'})
    assert (changed.json()["language"], changed.json()["events"], changed.headers["ETag"]) == ("en", ["export.failed"], '"2"')
    assert (await kim.patch(place, json={"language": "en"})).headers["ETag"] == '"2"'  # changes nothing
    assert (await kim.delete(place, headers={"If-Match": '"1"'})).status_code == 412
    assert (await kim.delete(place)).status_code == 204
    assert (await kim.get(place)).status_code == (await kim.delete(place)).status_code == 404


async def test_a_secret_and_an_address_are_sealed_where_they_are_kept_and_a_secret_is_never_told(
    asked_as: As, database: Database
) -> None:
    kim = asked_as()
    made = await make(kim)
    other = SECRET[:-4] + "AAAA"
    place = f"{PATH}/{made['id']}"
    answers = [await kim.get(PATH), await kim.get(place), await kim.patch(place, json={"secret": other})]
    assert answers[-1].json()["version"] == 2
    assert all(SECRET not in answer.text and other not in answer.text and '"secret"' not in answer.text for answer in answers)
    async with database.connection() as connection:
        kept = str([dict(row) for row in await connection.fetch("select * from destination")])
    assert all(word not in kept for word in (SECRET, other, "hooks.example"))


async def test_who_may_not_manage_notices_sees_and_changes_nothing(asked_as: As) -> None:
    made = await make(asked_as())
    place = f"{PATH}/{made['id']}"
    asked = [
        ("GET", PATH, None), ("POST", PATH, {}), ("GET", place, None), ("PATCH", place, {"url": 1}), ("DELETE", place, None),
        ("POST", f"{place}/test", None), ("GET", "/v1/deliveries", None), ("POST", "/v1/deliveries/resend", {}),
        ("POST", f"/v1/deliveries/{uuid4()}/resend", None),
    ]  # fmt: skip
    for method, path, body in asked:
        without = await asked_as(permissions=["contacts.read"]).request(method, path, json=body)
        assert (without.status_code, without.json()["code"]) == (403, "forbidden"), (method, path)
        if made["id"] in path:
            stranger = await asked_as(channel="other").request(method, path, json=body)
            assert stranger.status_code == 404, (method, path)
    assert (await asked_as(channel="other").get(PATH)).json()["items"] == []
    assert (await asked_as().get(place)).json() == made


REFUSED: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({}, ("invalid", "/kind")),
    ({**HOOK, "kind": "pager"}, ("invalid", "/kind")),
    ({**HOOK, "colour": 1}, ("invalid", "/colour")),
    ({**HOOK, "events": []}, ("eventsMissing", "/events")),
    ({**HOOK, "events": ["export.ready", "export.sold"]}, ("unknownEvent", "/events/1")),
    ({**HOOK, "events": ["test"]}, ("unknownEvent", "/events/0")),
    ({**HOOK, "url": None}, ("urlMissing", "/url")),
    ({**HOOK, "url": "hooks.example"}, ("invalidUrl", "/url")),
    ({**HOOK, "url": "https://2130706433/"}, ("invalidUrl", "/url")),
    ({**HOOK, "url": "http://hooks.example/"}, ("notHttps", "/url")),
    ({**HOOK, "url": "https://localhost2/", "secret": None}, ("secretMissing", "/secret")),
    ({**HOOK, "url": "https://10.1.2.3/"}, ("addressNotPublic", "/url")),
    ({**HOOK, "url": "https://[::1]/"}, ("addressNotPublic", "/url")),
    ({**HOOK, "url": "https://[::ffff:10.0.0.1]/"}, ("addressNotPublic", "/url")),
    ({**HOOK, "url": "https://169.254.169.254/latest"}, ("addressNotPublic", "/url")),
    ({**HOOK, "url": "https://inside.example/"}, ("addressNotPublic", "/url")),
    ({**HOOK, "url": "https://mapped.example/"}, ("addressNotPublic", "/url")),
    ({**HOOK, "secret": "short"}, ("invalidSecret", "/secret")),
    ({**HOOK, "kind": "slack"}, ("secretNotUsed", "/secret")),
    ({**HOOK, "kind": "matrix"}, ("invalidUrl", "/url")),
    ({**HOOK, "kind": "matrix", "url": f"https://a.example{PATHS['matrix']}", "secret": "a b"}, ("invalidSecret", "/secret")),
    ({**HOOK, "kind": "room"}, ("urlNotUsed", "/url")),
    ({**HOOK, "events": ["segment.left"]}, ("segmentMissing", "/segmentId")),
    ({**HOOK, "segmentId": SEGMENT}, ("segmentNotUsed", "/segmentId")),
    ({**HOOK, "events": ["segment.left"], "segmentId": str(uuid4())}, ("unknownSegment", "/segmentId")),
    ({**HOOK, "events": ["segment.left"], "segmentId": "x"}, ("invalid", "/segmentId")),
]  # fmt: skip


async def test_what_makes_no_sense_is_refused_with_its_place_and_nothing_is_made(asked_as: As) -> None:
    for body, refusal in REFUSED:
        answer = await asked_as().post(PATH, json=body)
        told = answer.json()
        assert (answer.status_code, told["code"], told["pointer"]) == (422, *refusal), body
        assert SECRET not in answer.text
    assert (await asked_as().get(PATH)).json()["items"] == []


async def test_every_kind_can_be_made(asked_as: As) -> None:
    kim = asked_as()
    for kind, path in PATHS.items():
        body = {"kind": kind, "url": f"https://hooks.example{path}", "events": ["export.ready"]}
        made = await kim.post(PATH, json=body | ({"secret": SECRETS[kind]} if kind in SECRETS else {}))
        assert (made.status_code, made.json()["kind"]) == (201, kind), made.text
    room = await kim.post(PATH, json={"kind": "room", "events": ["segment.entered"], "segmentId": SEGMENT})
    assert (room.status_code, room.json()["url"], room.json()["segmentId"]) == (201, None, SEGMENT)
    for url in ("http://chat.internal:8065/hooks/x", "https://chat.internal/hooks/x", "https://not.yet.example/x"):
        assert (await kim.post(PATH, json={"kind": "mattermost", "url": url, "events": ["export.ready"]})).status_code == 201


async def test_a_change_that_makes_no_sense_changes_nothing(asked_as: As) -> None:
    kim = asked_as()
    made = await make(kim)
    place = f"{PATH}/{made['id']}"
    for body, code, pointer in [
        ({"url": "https://10.1.2.3/"}, "addressNotPublic", "/url"), ({"url": None}, "wrongType", "/url"),
        ({"secret": None}, "wrongType", "/secret"), ({"kind": "slack"}, "invalid", "/kind"),
        ({"state": "off"}, "invalid", "/state"), ({"events": ["segment.left"]}, "segmentMissing", "/segmentId"),
    ]:  # fmt: skip
        answer = await kim.patch(place, json=body)
        assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (422, code, pointer)
    assert (await kim.get(place)).json() == made
    segment = await kim.patch(place, json={"events": ["segment.left"], "segmentId": SEGMENT})
    assert segment.json()["segmentId"] == SEGMENT
    back = await kim.patch(place, json={"events": ["export.ready"], "segmentId": None})
    assert (back.json()["segmentId"], back.json()["version"]) == (None, 3)


async def test_one_is_switched_off_and_on_by_hand(asked_as: As) -> None:
    kim = asked_as()
    place = f"{PATH}/{(await make(kim))['id']}"
    off = (await asked_as("lee").patch(place, json={"state": "disabled"})).json()
    assert (off["state"], off["disabledBy"], off["disabledAt"], off["version"]) == (
        "disabled",
        "lee",
        "2026-11-24T03:00:00.000Z",
        2,
    )
    on = (await kim.patch(place, json={"state": "active"})).json()
    assert (on["state"], on["disabledBy"], on["disabledAt"], on["version"]) == ("active", None, None, 3)


async def test_a_test_says_what_came_back(asked_as: As) -> None:
    kim = asked_as()
    for kind, path in PATHS.items():
        async with Outside.open(CHATS[kind]) as outside:
            body = {"kind": kind, "url": outside.url(path), "events": ["export.ready"]}
            made = (await kim.post(PATH, json=body | ({"secret": SECRETS[kind]} if kind in SECRETS else {}))).json()
            answer = await kim.post(f"{PATH}/{made['id']}/test")
            assert answer.json()["delivered"], answer.text
            outside.decide = lambda _: Reply(403, b"no_service")
            refused = await kim.post(f"{PATH}/{made['id']}/test")
            told = refused.json()["answer"]
            assert (refused.json()["delivered"], told["status"], told["text"]) == (False, 403, "no_service")
            assert (await kim.get(f"{PATH}/{made['id']}")).json()["lastAnswer"] == told
            assert len(outside.taken) == 2
            assert TOKEN not in answer.text


async def test_a_test_of_a_room_is_told_in_the_room_of_whoever_made_it(asked_as: As, database: Database) -> None:
    made = (await asked_as("lee").post(PATH, json={"kind": "room", "events": ["export.ready"]})).json()
    assert (await asked_as("kim").post(f"{PATH}/{made['id']}/test")).json()["delivered"]
    [message], _ = await rooms.Store(database).messages("c", "lee", None, 10)
    assert (message["kind"], message["text_en"]) == ("test", "This is a test message from Dangol. Notices will arrive here.")


async def test_an_access_token_goes_to_no_other_host_than_it_was_given_for(asked_as: As) -> None:
    kim = asked_as()
    room = "/_matrix/client/v3/rooms/!a:hooks.example"
    body = {"kind": "matrix", "url": f"https://hooks.example{room}", "secret": TOKEN, "events": ["export.ready"]}
    place = f"{PATH}/{(await kim.post(PATH, json=body)).json()['id']}"
    async with Outside.open() as thief:
        for url in (thief.url(room), f"https://other.example{room}", f"https://hooks.example:8443{room}"):
            answer = await kim.patch(place, json={"url": url})
            assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (422, "secretMissing", "/secret")
        assert (await kim.get(place)).json()["version"] == 1
        assert (await kim.patch(place, json={"url": f"https://hooks.example{room}b"})).status_code == 200
        assert (await kim.patch(place, json={"url": thief.url(room), "secret": "another"})).status_code == 200
        await kim.post(f"{place}/test")
    assert [taken.headers["authorization"] for taken in thief.taken] == ["Bearer another"]


async def test_a_secret_that_the_other_side_repeats_is_told_to_nobody(asked_as: As) -> None:
    kim, path = asked_as(), PATHS["matrix"]
    async with Outside.open(lambda taken: Reply(401, f"no such token: {taken.headers['authorization']}".encode())) as outside:
        body = {"kind": "matrix", "url": outside.url(path), "secret": TOKEN, "events": ["export.ready"]}
        place = f"{PATH}/{(await kim.post(PATH, json=body)).json()['id']}"
        answers = [await kim.post(f"{place}/test"), await kim.get(place), await kim.get(PATH)]
    assert all("no such token: Bearer ***" in answer.text and TOKEN not in answer.text for answer in answers)


async def test_one_whose_seal_does_not_open_is_told_beside_the_others_and_mended_or_deleted(
    asked_as: As, database: Database
) -> None:
    """As after another key: it must not make the whole list an error."""
    kim, other = asked_as(), Store(Seal(b"k" * 32, os.urandom))
    well, *lost = [(await make(kim))["id"] for _ in range(3)]
    async with database.transaction() as tx:
        for id_ in lost:
            made = await Store(Seal(bytes(32), os.urandom)).load(tx, "c", UUID(id_))
            assert made is not None
            await other.keep(tx, made)
    listed = {item["id"]: (item["url"], item["problem"]) for item in (await kim.get(PATH)).json()["items"]}
    assert listed == {well: (HOOK["url"], None), **dict.fromkeys(lost, (None, UNOPENED))}
    place, gone = (f"{PATH}/{id_}" for id_ in lost)
    tried = (await kim.post(f"{place}/test")).json()
    assert (tried["delivered"], tried["answer"]["text"]) == (False, UNOPENED)
    for change, code in [({"secret": SECRET}, "urlMissing"), ({"url": HOOK["url"]}, "secretMissing")]:
        assert (await kim.patch(place, json=change)).json()["code"] == code
    off = await kim.patch(place, json={"state": "disabled"})
    assert (off.status_code, off.json()["state"], off.json()["problem"]) == (200, "disabled", UNOPENED)
    async with database.transaction() as tx:
        kept = await other.load(tx, "c", UUID(lost[0]))
        assert (kept and kept.url) == HOOK["url"], "with the old key it is there again"
    mended = await kim.patch(place, json={"url": HOOK["url"], "secret": SECRET, "state": "active"})
    assert (mended.json()["url"], mended.json()["problem"], mended.json()["state"]) == (HOOK["url"], None, "active")
    assert (await kim.delete(gone)).status_code == 204
    assert len((await kim.get(PATH)).json()["items"]) == 2


async def test_destinations_are_read_by_pages_and_no_channel_has_too_many(asked_as: As, database: Database) -> None:
    kim = asked_as()
    store, first = Store(Seal(bytes(32), os.urandom)), await make(kim)
    async with database.transaction() as tx:
        made = await store.load(tx, "c", UUID(first["id"]))
        assert made is not None
        for _ in range(99):
            await store.keep(tx, replace(made, id=new_id()))
    ids = [item["id"] for item in (await kim.get(PATH)).json()["items"]]
    assert len(set(ids)) == 100
    full = await kim.post(PATH, json=HOOK)
    assert (full.status_code, full.json()["code"], full.json()["most"]) == (422, "tooManyDestinations", 100)
    page = (await kim.get(PATH, params={"limit": 60})).json()
    rest = (await kim.get(PATH, params={"cursor": page["next"]})).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == sorted(ids)
    assert rest["next"] is None
    assert (await kim.get(PATH, params={"cursor": "x"})).json()["code"] == "badCursor"


async def test_whoever_shows_segments_is_told_which_destinations_are_told_of_them_without_their_addresses(asked_as: As) -> None:
    async with asked_as() as me, asked_as(channel="other") as stranger, asked_as(permissions=["contacts.read"]) as reader:
        made = await make(me, kind="room", url=None, secret=None, events=["segment.left"], segmentId=SEGMENT)
        hook = await make(me, events=["export.ready", "segment.left"], segmentId=SEGMENT)
        await me.patch(f"{PATH}/{hook['id']}", json={"state": "disabled"})
        await make(me)
        asking = "/internal/destinations/of-segments", {"ids": [SEGMENT, str(uuid4())]}
        found = (await me.post(asking[0], json=asking[1])).json()["items"]
        assert found == [
            {"segmentId": SEGMENT, "id": made["id"], "kind": "room", "state": "active"},
            {"segmentId": SEGMENT, "id": hook["id"], "kind": "webhook", "state": "disabled"},
        ]
        assert (await stranger.post(asking[0], json=asking[1])).json() == {"items": []}
        assert (await reader.post(asking[0], json=asking[1])).status_code == 403
