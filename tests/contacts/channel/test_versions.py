"""The settings and the managed-user limit have one version: whoever expects another one changes neither."""

import asyncio

import pytest

from common.errors import StaleVersion
from contacts.channel.handlers import NewLimit
from tests.contacts.conftest import World


async def test_of_six_changes_that_expect_one_version_one_is_written(world: World) -> None:
    _, _, version = await world.channel_queries.channel(world.channel)

    async def change(n: int) -> object:
        updates, limit = ({"export_minutes": n}, None) if n % 2 else ({}, NewLimit(10 + n))
        return await world.channels.change(world.caller(), updates, limit=limit, expected=version)

    found = await asyncio.gather(*(change(n) for n in range(6)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Position", *["StaleVersion"] * 5]
    settings, users, now = await world.channel_queries.channel(world.channel)
    assert now == version + 1
    assert (settings.export_minutes != 30) != (users.limit is not None)


async def test_settings_and_limit_are_written_together_or_not_at_all(world: World) -> None:
    with pytest.raises(StaleVersion):
        await world.channels.change(world.caller(), {"export_minutes": 0}, limit=NewLimit(1), expected=9)
    settings, users, version = await world.channel_queries.channel(world.channel)
    assert (settings.export_minutes, users.limit, version) == (30, None, 1)
    await world.channels.change(world.caller(), {"export_minutes": 0}, limit=NewLimit(1), expected=1)
    settings, users, version = await world.channel_queries.channel(world.channel)
    assert (settings.export_minutes, users.limit, version) == (0, 1, 2)
    await world.channels.change(world.caller(), {"export_minutes": 0}, limit=NewLimit(1), expected=2)
    assert (await world.channel_queries.channel(world.channel))[2] == 2
