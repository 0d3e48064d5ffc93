"""POSTs that carry an `Idempotency-Key`: one effect, the same answer, and nothing in the table that tells of either."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import Depends, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from common import idempotency
from common.auth import Caller, Verifier
from common.clock import SystemClock
from common.errors import Conflict, Unavailable, Unprocessable
from common.health import Health
from common.http import Wire, application, permit, router, where_written
from common.idempotency import Idempotency, ledger
from common.idempotency.ledger import Answer, Name
from common.position import HEADER, Applied, Position
from common.postgres import Database
from localstack.stack import Stack
from tests.support.api import eventually
from tests.support.postgres import fresh_database

SECRET = b"s" * 32
BOB = UUID("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")


class Thing(Wire):
    name: str


routes = router("/v1")
Editor = Annotated[Caller, Depends(permit("contacts.edit"))]


def database_of(request: Request) -> Database:
    found: Database = request.app.state.database
    return found


Stored = Annotated[Database, Depends(database_of)]


@routes.post("/things", status_code=201)
async def make(caller: Editor, body: Thing, database: Stored, request: Request, x: int = 0) -> Response:
    async with database.transaction() as tx:
        await tx.execute("insert into thing (channel, name) values ($1, $2)", caller.channel, body.name)
    async with database.connection() as connection:
        count = await connection.fetchval("select count(*) from thing where channel = $1", caller.channel)
    match body.name:
        case "refused":
            raise Unprocessable("Not this one.", code="notThisOne")
        case "away":
            raise Unavailable("Not now.")
        case "broken":
            raise RuntimeError("broken in the middle")
        case "slow":
            request.app.state.entered.set()
            await request.app.state.gate.wait()
        case _:
            idempotency.concerns(BOB)
    return Response(json.dumps({"count": count}), 201, headers={"ETag": f'"{count}"', "X-Other": "y"} | where_written())


@routes.post("/asked-things", status_code=201)
async def ask_and_make(caller: Editor, body: Thing, database: Stored, request: Request) -> Response:
    """As a command that asks another service before it writes."""
    async with database.connection() as connection:
        await connection.fetchval("select count(*) from thing")
    request.app.state.entered.set()
    request.app.state.asking.append(body.name)
    await request.app.state.gate.wait()
    for name in (body.name, "its shadow"):
        async with database.transaction() as tx:
            await tx.execute("insert into thing (channel, name) values ($1, $2)", caller.channel, name)
    async with database.connection() as connection:
        count = await connection.fetchval("select count(*) from thing where channel = $1", caller.channel)
    if body.name == "refused":
        raise Unprocessable("Not this one.", code="notThisOne")
    return Response(json.dumps({"count": count}), 201)


@routes.post("/things/{thing}/archive")
async def archive(caller: Editor, thing: str, database: Stored) -> dict[str, object]:
    async with database.transaction() as tx:
        await tx.execute("insert into thing (channel, name) values ($1, $2)", caller.channel, thing)
    return {"archived": thing}


@routes.post("/search")
@idempotency.repeatable
async def search(caller: Editor, body: Thing, database: Stored) -> dict[str, object]:
    async with database.connection() as connection:
        return {"total": await connection.fetchval("select count(*) from thing where name = $1", body.name)}


class Later:
    """A clock so far ahead as it is told."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self):  # type: ignore[no-untyped-def]
        return SystemClock().now() + self.ahead


@dataclass
class System:
    """The service and what the test may turn."""

    client: httpx.AsyncClient
    database: Database
    memory: Idempotency
    clock: Later
    entered: asyncio.Event
    gate: asyncio.Event
    bearer: Callable[..., dict[str, str]]
    elsewhere: httpx.AsyncClient
    """Another process of the service."""
    asked: list[str]

    async def asking(self) -> int:
        """How many requests have asked the other service."""
        return len(self.asked)

    async def post(self, path: str, body: object, key: str | None, **headers: str) -> httpx.Response:
        with_key = headers if key is None else {"Idempotency-Key": key, **headers}
        return await self.client.post(path, json=body, headers=with_key)

    async def things(self) -> int:
        async with self.database.connection() as connection:
            count: int = await connection.fetchval("select count(*) from thing")
            return count


@pytest.fixture
async def system(servers: Stack, tmp_path: Path) -> AsyncIterator[System]:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))

    def bearer(sub: str = "kim", channel: str = "demo", permissions: tuple[str, ...] = ("*",)) -> dict[str, str]:
        claims = {"iss": "dangol-local", "aud": "dangol", "exp": int(time.time()) + 60}
        claims |= {"sub": sub, "channel": channel, "permissions": list(permissions)}
        return {"Authorization": "Bearer " + jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)}

    async with fresh_database(servers.postgres_dsn(), ["common.idempotency"]) as database:
        async with database.connection() as connection:
            await connection.execute("create table thing (channel text, name text)")
        clock, entered, gate = Later(), asyncio.Event(), asyncio.Event()
        asked: list[str] = []
        memory = Idempotency(database, SECRET, clock)

        def process(memory: Idempotency) -> httpx.AsyncClient:
            app = application(
                "test", "For the tests.", Verifier(str(tmp_path / "jwks.json"), "dangol-local"), Health({}), [routes],
                state={"database": database, "entered": entered, "gate": gate, "asking": asked}, memory=memory,
            )  # fmt: skip
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            return httpx.AsyncClient(transport=transport, base_url="http://test", headers=bearer())

        async with process(memory) as client, process(Idempotency(database, SECRET, clock)) as elsewhere:
            yield System(client, database, memory, clock, entered, gate, bearer, elsewhere, asked)


async def test_the_same_request_twice_has_one_effect_and_the_same_answer(system: System) -> None:
    first = await system.post("/v1/things", {"name": "a"}, "k1")
    again = await system.post("/v1/things", {"name": "a"}, "k1")
    assert (first.status_code, first.json(), first.headers["etag"]) == (201, {"count": 1}, '"1"')
    assert (again.status_code, again.content, again.headers["etag"]) == (201, first.content, '"1"')
    assert again.headers["dangol-position"] == first.headers["dangol-position"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await system.things() == 1


async def test_the_position_of_a_repeated_answer_covers_what_the_repetition_carries(system: System) -> None:
    carried = Position((Applied("field", "name", 3),)).encode("demo")
    await system.post("/v1/things", {"name": "a"}, "k1")
    again = await system.client.post("/v1/things", json={"name": "a"}, headers={"Idempotency-Key": "k1", HEADER: carried})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers[HEADER] == carried


async def test_an_answer_without_a_response_of_its_own_and_without_a_body_is_kept_too(system: System) -> None:
    answers = [await system.client.post("/v1/things/x/archive", headers={"Idempotency-Key": "k"}) for _ in range(3)]
    assert [a.json() for a in answers] == [{"archived": "x"}] * 3
    assert {a.headers["content-type"] for a in answers} == {"application/json"}
    assert await system.things() == 1


async def test_the_same_values_in_another_writing_are_the_same_request(system: System) -> None:
    await system.client.post("/v1/things", content=b'{"name": "a"}', headers={"Idempotency-Key": "k"})
    again = await system.client.post("/v1/things", content=b'{ "name":"\\u0061" }', headers={"Idempotency-Key": "k"})
    assert (again.status_code, await system.things()) == (201, 1)


@pytest.mark.parametrize("other", [{"path": "/v1/things?x=1"}, {"body": {"name": "b"}}])
async def test_the_same_key_with_another_request_is_a_conflict(system: System, other: dict[str, object]) -> None:
    await system.post("/v1/things", {"name": "a"}, "k")
    answer = await system.post(str(other.get("path", "/v1/things")), other.get("body", {"name": "a"}), "k")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotencyConflict")
    assert await system.things() == 1


async def test_a_key_is_its_callers_own_and_its_paths_own(system: System) -> None:
    for bearer in (system.bearer(), system.bearer(sub="lee"), system.bearer(channel="other")):
        answer = await system.post("/v1/things", {"name": "a"}, "k", **bearer)
        assert "idempotency-replayed" not in answer.headers
    await system.client.post("/v1/things/a/archive", headers={"Idempotency-Key": "k"})
    assert await system.things() == 4


async def test_without_a_key_every_request_counts(system: System) -> None:
    for _ in range(2):
        await system.post("/v1/things", {"name": "a"}, None)
    assert await system.things() == 2


@pytest.mark.parametrize("key", ["", "   ", "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_refused(system: System, key: str) -> None:
    answer = await system.post("/v1/things", {"name": "a"}, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
    assert await system.things() == 0


@pytest.mark.parametrize(("name", "status"), [("refused", 422), ("away", 503), ("broken", 500)])
async def test_a_refused_or_failed_request_has_no_effect_and_leaves_its_key_free(system: System, name: str, status: int) -> None:
    for _ in range(2):
        answer = await system.post("/v1/things", {"name": name}, "k")
        assert (answer.status_code, await system.things()) == (status, 0)
    assert (await system.post("/v1/things", {"name": "a"}, "k")).status_code == 201


async def test_a_body_that_is_too_deep_is_refused_as_without_a_key(system: System) -> None:
    deep = b'{"name": "a", "more": ' + b"[" * 300 + b"]" * 300 + b"}"
    answers = [await system.client.post("/v1/things", content=deep, headers=h) for h in ({}, {"Idempotency-Key": "deep"})]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    assert await system.things() == 0


async def test_who_lost_the_permission_gets_no_kept_answer(system: System) -> None:
    await system.post("/v1/things", {"name": "a"}, "k")
    answer = await system.post("/v1/things", {"name": "a"}, "k", **system.bearer(permissions=("contacts.read",)))
    assert answer.status_code == 403


async def test_a_request_that_changes_nothing_is_answered_anew_and_nothing_of_its_answer_is_kept(system: System) -> None:
    await system.post("/v1/things", {"name": "a"}, None)
    first = await system.post("/v1/search", {"name": "a"}, "k")
    await system.post("/v1/things", {"name": "a"}, None)
    second = await system.post("/v1/search", {"name": "a"}, "k")
    assert (first.json(), second.json()) == ({"total": 1}, {"total": 2})
    assert (await system.post("/v1/search", {"name": "b"}, "k")).json()["code"] == "idempotencyConflict"
    async with system.database.connection() as connection:
        assert await connection.fetchval("select count(*) from idempotent_request where answer is not null") == 0


async def test_of_two_at_once_the_second_waits_and_gets_the_firsts_answer(system: System) -> None:
    first = asyncio.create_task(system.post("/v1/things", {"name": "slow"}, "k"))
    await system.entered.wait()
    second = asyncio.create_task(system.post("/v1/things", {"name": "slow"}, "k"))
    await asyncio.wait([second], timeout=0.2)
    assert not second.done()
    system.gate.set()
    answers = await asyncio.gather(first, second)
    assert [a.json() for a in answers] == [{"count": 1}] * 2
    assert await system.things() == 1


async def test_a_second_that_waits_too_long_is_told_to_come_back(system: System) -> None:
    first = asyncio.create_task(system.post("/v1/things", {"name": "slow"}, "k"))
    await system.entered.wait()
    second = await system.post("/v1/things", {"name": "slow"}, "k")
    assert (second.status_code, second.json()["code"], second.headers["retry-after"]) == (409, "idempotencyInProgress", "1")
    system.gate.set()
    assert (await first).status_code == 201


async def test_no_connection_is_held_before_the_first_write(system: System) -> None:
    asking = [asyncio.create_task(system.post("/v1/asked-things", {"name": "a"}, f"k{n}")) for n in range(12)]
    await eventually(system.asking, lambda asking: asking == 12)
    async with asyncio.timeout(2):
        assert [(await system.post("/v1/things", {"name": "b"}, f"b{n}")).status_code for n in range(3)] == [201] * 3
    assert await system.asking() == 12
    system.gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*asking)} == {201}
    assert await system.things() == 3 + 2 * 12


async def test_what_a_request_wrote_before_its_refusal_is_undone_all_of_it(system: System) -> None:
    system.gate.set()
    assert (await system.post("/v1/asked-things", {"name": "refused"}, "k")).status_code == 422
    assert await system.things() == 0


async def test_a_second_that_waits_while_the_first_asks_is_told_to_come_back(system: System) -> None:
    first = asyncio.create_task(system.post("/v1/asked-things", {"name": "a"}, "k"))
    await system.entered.wait()
    second = await system.post("/v1/asked-things", {"name": "a"}, "k")
    assert (second.status_code, second.json()["code"]) == (409, "idempotencyInProgress")
    system.gate.set()
    assert (await first).json() == {"count": 2}


@pytest.mark.parametrize(("other", "status"), [({"name": "a"}, 201), ({"name": "b"}, 409)])
async def test_two_processes_that_ask_at_once_write_once(system: System, other: dict[str, str], status: int) -> None:
    asking = [
        asyncio.create_task(client.post("/v1/asked-things", json=body, headers={"Idempotency-Key": "k"}))
        for client, body in ((system.client, {"name": "a"}), (system.elsewhere, other))
    ]
    await eventually(system.asking, lambda asking: asking == 2)
    system.gate.set()
    answers = await asyncio.gather(*asking)
    assert sorted(answer.status_code for answer in answers) == sorted([201, status])
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == (status == 201)
    assert await system.things() == 2
    if status == 201:
        assert [answer.json() for answer in answers] == [{"count": 2}] * 2


async def test_many_at_once_have_one_effect(system: System) -> None:
    answers = await asyncio.gather(*(system.post("/v1/things", {"name": "a"}, "k") for _ in range(12)))
    assert {(a.status_code, a.content) for a in answers} == {(201, b'{"count": 1}')}
    assert await system.things() == 1


async def test_a_request_broken_off_in_the_middle_has_no_effect(system: System) -> None:
    first = asyncio.create_task(system.post("/v1/things", {"name": "slow"}, "k"))
    await system.entered.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await system.things() == 0
    system.gate.set()
    assert (await system.post("/v1/things", {"name": "slow"}, "k")).json() == {"count": 1}


async def test_after_24_hours_a_key_is_as_new_and_what_is_old_is_deleted(system: System) -> None:
    await system.post("/v1/things", {"name": "a"}, "k")
    await system.post("/v1/things", {"name": "a"}, "old")
    system.clock.ahead = timedelta(hours=24, seconds=1)
    answer = await system.post("/v1/things", {"name": "b"}, "k")
    assert (answer.status_code, answer.json()) == (201, {"count": 3})
    assert (await system.post("/v1/things", {"name": "b"}, "k")).headers["idempotency-replayed"] == "true"
    stop = asyncio.Event()
    purging = asyncio.create_task(system.memory.purge(stop))
    async with asyncio.timeout(10), system.database.connection() as connection:
        while await connection.fetchval("select count(*) from idempotent_request") != 1:
            await asyncio.sleep(0)
    stop.set()
    await purging


async def test_the_answer_about_an_erased_contact_is_gone_and_its_request_is_not_done_again(system: System) -> None:
    await system.post("/v1/things", {"name": "a"}, "k")
    async with system.database.transaction() as tx:
        await idempotency.forget(tx, "demo", [BOB])
        assert await tx.fetchval("select answer from idempotent_request") is None
    answer = await system.post("/v1/things", {"name": "a"}, "k")
    assert (answer.status_code, answer.json()["code"]) == (410, "erased")
    assert await system.things() == 1


async def test_the_table_tells_neither_key_nor_body_nor_answer(system: System) -> None:
    await system.post("/v1/things", {"name": "hong-gildong"}, "signup-hong-gildong")
    async with system.database.connection() as connection:
        row = await connection.fetchrow("select * from idempotent_request")
        assert row is not None
    assert not any(secret in repr(row.values()) for secret in ("hong", "things", "count", "kim"))
    assert b"count" not in row["answer"]


def test_a_hash_is_another_with_another_secret() -> None:
    one, two = (Name.of(secret, "demo", "kim", "POST", "/v1/exports", "k") for secret in (SECRET, b"t" * 32))
    assert one.digest != two.digest
    assert one.seal != two.seal
    assert ledger.keyed(SECRET, b"asked", b"x") != ledger.keyed(SECRET, b"name", b"x")


@given(st.lists(st.text(), min_size=5, max_size=5), st.lists(st.text(), min_size=5, max_size=5))
def test_two_requests_have_one_name_only_where_all_parts_are_equal(one: list[str], two: list[str]) -> None:
    first, second = (Name.of(SECRET, *parts) for parts in (one, two))
    assert (first.digest == second.digest) == (one == two)


@given(st.integers(200, 399), st.dictionaries(st.text(), st.text()), st.binary())
def test_a_sealed_answer_opens_as_it_was(status: int, headers: dict[str, str], body: bytes) -> None:
    name = Name.of(SECRET, "demo", "kim", "POST", "/v1/things", str(uuid4()))
    answer = Answer(status, headers, body)
    assert ledger._opened(name, ledger._sealed(name, answer)) == answer


async def test_what_joins_a_whole_transaction_is_undone_with_it(system: System) -> None:
    with pytest.raises(Conflict):
        async with system.database.whole():
            async with system.database.transaction() as tx:
                await tx.execute("insert into thing values ('demo', 'x')")
            assert await system.things() == 1
            raise Conflict("no")
    assert await system.things() == 0
