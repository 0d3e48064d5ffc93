"""POSTs with one key at one time, or broken off: one has its effect, the others wait or come back, and no connection is held."""

import asyncio

import pytest

from common.errors import Conflict
from tests.common.idempotency.conftest import System
from tests.support.api import eventually


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


async def test_what_joins_a_whole_transaction_is_undone_with_it(system: System) -> None:
    with pytest.raises(Conflict):
        async with system.database.whole():
            async with system.database.transaction() as tx:
                await tx.execute("insert into thing values ('demo', 'x')")
            assert await system.things() == 1
            raise Conflict("no")
    assert await system.things() == 0
