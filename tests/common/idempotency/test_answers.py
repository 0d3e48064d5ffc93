"""POSTs that carry an `Idempotency-Key`: one effect, the same answer, and nothing in the table that tells of either."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import idempotency
from common.idempotency import ledger
from common.idempotency.ledger import Answer, Name
from common.position import HEADER, Applied, Position
from tests.common.idempotency.conftest import BOB, SECRET, System


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
