"""Fields and their order are changed by whoever saw what is there, and by nobody else who expects a version."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from common.errors import Conflict, StaleVersion, Unprocessable
from contacts.profile_field import NewField
from tests.contacts.conftest import World


async def outcomes(write: Callable[[int], Awaitable[object]]) -> list[str]:
    """What six writers at one time come to."""
    found = await asyncio.gather(*(write(n) for n in range(6)), return_exceptions=True)
    return sorted(type(each).__name__ if isinstance(each, StaleVersion) else "" for each in found)


@pytest.mark.parametrize("key", ["profile.grade", "city"])
async def test_of_six_changes_that_expect_one_version_one_is_written(world: World, key: str) -> None:
    await world.put("u1", profile={"grade": "VIP"})
    version = (await world.field_queries.field(world.channel, key))[1]

    async def change(n: int) -> object:
        return await world.fields.change(world.caller(), key, {"display_name": {"ko": f"등급 {n}"}}, version)

    assert await outcomes(change) == ["", *["StaleVersion"] * 5]
    assert (await world.field_queries.field(world.channel, key))[1] == version + 1


async def test_archiving_expects_a_version_too(world: World) -> None:
    await world.put("u1", profile={"grade": "VIP"})
    with pytest.raises(StaleVersion) as refusal:
        await world.fields.archive(world.caller(), "profile.grade", 7)
    assert refusal.value.version == 1
    assert (await world.fields.archive(world.caller(), "profile.grade", 1)).version == 2
    with pytest.raises(StaleVersion):
        await world.fields.restore(world.caller(), "profile.grade", 1)


async def test_of_six_orders_that_expect_one_version_one_is_written(world: World) -> None:
    fields, version = await world.field_queries.ordered(world.channel)
    keys = [field.key for field, _ in fields]

    async def order(n: int) -> object:
        return await world.fields.reorder(world.caller(), [keys[n + 1], *keys[: n + 1], *keys[n + 2 :]], version)

    assert await outcomes(order) == ["", *["StaleVersion"] * 5]
    assert (await world.field_queries.ordered(world.channel))[1] == version + 1
    now = [field.key for field in await world.field_queries.fields(world.channel)]
    await world.fields.reorder(world.caller(), now, version + 1)
    assert (await world.field_queries.ordered(world.channel))[1] == version + 1


async def test_a_definition_that_can_never_be_says_so_before_the_field_that_is_there(world: World) -> None:
    await world.put("u1", profile={"size": 1})
    for wanted, pointer in (
        (NewField("profile.size"), "/type"),
        (NewField("profile.size", "Number", {"ko": " "}), "/displayName/ko"),
        (NewField("profile.size", "Number", {"ko": "\u200b"}), "/displayName/ko"),
    ):
        with pytest.raises(Unprocessable) as refusal:
            await world.fields.define(world.caller(), wanted)
        assert refusal.value.pointer == pointer
    with pytest.raises(Conflict):
        await world.fields.define(world.caller(), NewField("profile.size", "Number"))
