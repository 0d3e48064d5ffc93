"""A number has the same form in the answer, the state, the event and the message, whatever happens to its contact."""

import json
import random
import struct
from typing import Any

import orjson

from common.clock import to_wire
from common.events.contacts import Contact
from common.number import one_form
from tests.contacts.conftest import NOW, World

ODD: list[float] = [
    0, -0.0, 1.0, 0.1, 0.1 + 0.2, 1234567890123456, 12345678901234567, 2**53, 2**53 + 1, -(2**53) - 1, 1e15, 1e16, 1e17,
    1e17 + 16, 2**63, 2**64, -(2**63), 1e19, 1e21, 1e22, 1e23, 123456789012345678901234567890, 1e100, 1.7e308, 5e-324,
    1e-7, 1.5e-10, -2.5, 100.0, 1e2,
]  # fmt: skip


def doubles(count: int) -> list[float]:
    """Doubles of every size, the same in each run."""
    chance = random.Random(7)
    found = [struct.unpack(">d", chance.randbytes(8))[0] for _ in range(count * 2)]
    return [number for number in found if abs(number) < 1.7e308][:count]


def written(contact: Contact) -> dict[str, bytes]:
    """The numbers as the API writes them."""
    return {key: orjson.dumps(value) for key, value in contact.profile.items()}


async def test_a_number_has_one_form_before_and_after_a_visit_and_in_every_message(world: World) -> None:
    numbers = [orjson.loads(json.dumps(number)) for number in ODD + doubles(60)]  # as a body's are read
    profile: dict[str, Any] = {f"n{at}": number for at, number in enumerate(numbers)}
    forms = {key: orjson.dumps(one_form(number)) for key, number in profile.items()}
    made = await world.put("u1", profile=profile)
    assert written(made) == forms
    assert written(await world.queries.contact(world.channel, made.id)) == forms
    visit = {"id": "v1", "memberId": "u1", "at": to_wire(NOW), "name": "paid", "properties": profile}
    await world.visits.record(world.caller("site"), [visit, {"id": "v2", "memberId": "u1", "at": to_wire(NOW)}])
    assert written(await world.queries.contact(world.channel, made.id)) == forms
    assert await world.put("u1", profile=profile) == await world.queries.contact(world.channel, made.id)
    async with world.database.connection() as connection:
        rows = await connection.fetch("select value from outbox where topic = 'contacts.v1'")
        [event] = [r["data"] for r in await connection.fetch("select data from event where version = 1")]
        visits = [r["body"] for r in await connection.fetch("select body from visit where name = 'paid'")]
    messages = [orjson.loads(row["value"]) for row in rows]
    told = [message["contact"]["profile"] for message in messages] + [visits[0]["properties"]]
    told.append({change["key"][8:]: change["to"] for change in event["changes"]})
    assert [{key: orjson.dumps(value) for key, value in each.items()} for each in told] == [forms] * len(told)
    assert len(messages) == 2


async def test_the_same_number_in_another_writing_is_no_change(world: World) -> None:
    made = await world.put("u1", profile={"n": 12345678901234567})
    again = [await world.put("u1", profile={"n": number}) for number in (12345678901234568, 1.2345678901234567e16)]
    assert [contact.version for contact in (made, *again)] == [1, 1, 1]
