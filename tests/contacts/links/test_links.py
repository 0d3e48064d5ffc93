"""Links: the same content has the same id, whoever keeps it; one goes a year after its last use, unless a view is made of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import NotFound, Unprocessable
from common.health import Health
from common.ids import new_id
from contacts.keeper import Keeper
from contacts.links.handlers import Links
from contacts.links.link import MOST_BYTES, is_link_id, link_id
from contacts.views.handlers import Views
from tests.contacts.conftest import NOW, World

FILTER: dict[str, Any] = {
    "and": [{"key": "member", "operator": "isTrue"}, {"key": "sessionsCount", "operator": "gte", "value": 3}]
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def turned(value: Any) -> Any:
    """The same, its members in the other order and its whole numbers written as 3.0."""
    if isinstance(value, dict):
        return {key: turned(each) for key, each in reversed(value.items())}
    if isinstance(value, list):
        return [turned(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@given(content=st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_the_same_content_has_the_same_id(content: dict[str, Any]) -> None:
    assert link_id(turned(content)) == link_id(content)
    assert is_link_id(link_id(content))


@given(one=st.dictionaries(st.text(max_size=3), JSON, max_size=3), other=st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_another_content_has_another_id(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = repr(sorted_(one)) == repr(sorted_(other))
    assert (link_id(one) == link_id(other)) == same


def sorted_(value: Any) -> Any:
    """Members in order, so that two representations can be compared: 1 and true are not the same."""
    if isinstance(value, dict):
        return [(key, sorted_(value[key])) for key in sorted(value)]
    return [sorted_(each) for each in value] if isinstance(value, list) else value


async def test_a_link_is_opened_by_everybody_in_its_channel_alone(world: World) -> None:
    links = Links(world.database, world.clock)
    content: dict[str, Any] = {"filter": FILTER, "query": "홍ㄱㄷ"}
    named, made = await links.keep(world.caller("kim"), content)
    assert (made, await links.keep(world.caller("lee"), dict(reversed(content.items())))) == (True, (named, False))
    assert await links.open(world.caller("lee"), named) == content
    stranger = replace(world, channel="other")
    for caller, name in ((stranger.caller(), named), (world.caller(), "A" * 22), (world.caller(), "\0"), (world.caller(), "x")):
        with pytest.raises(NotFound):
            await links.open(caller, name)


async def test_a_link_beyond_64_kib_is_refused(world: World) -> None:
    with pytest.raises(Unprocessable) as refusal:
        await Links(world.database, world.clock).keep(world.caller(), {"filter": {"value": "x" * MOST_BYTES}})
    assert (refusal.value.code, refusal.value.extra) == ("tooLarge", {"most": MOST_BYTES})
    assert await world.count("select count(*) from link") == 0


async def test_a_link_goes_a_year_after_its_last_use(world: World) -> None:
    links, keeper = Links(world.database, world.clock), Keeper(world.database, world.files, world.clock, Health({}))
    used, _ = await links.keep(world.caller(), {"query": "used"})
    kept, _ = await links.keep(world.caller(), {"query": "kept again"})
    left, _ = await links.keep(world.caller(), {"query": "left"})
    world.clock.instant = NOW + timedelta(days=200)
    await links.open(world.caller(), used)
    await links.keep(world.caller(), {"query": "kept again"})
    world.clock.instant = NOW + timedelta(days=366)
    await keeper.clear()
    for named in (used, kept):
        await links.open(world.caller(), named)
    with pytest.raises(NotFound):
        await links.open(world.caller(), left)


async def test_a_use_is_noted_once_a_day(world: World) -> None:
    links = Links(world.database, world.clock)
    named, _ = await links.keep(world.caller(), {})
    noted = "select extract(epoch from used_at)::bigint from link"
    for hours, at in ((23, 0), (25, 25), (48, 25), (50, 50)):
        world.clock.instant = NOW + timedelta(hours=hours)
        await links.open(world.caller(), named)
        assert await world.count(noted) == int((NOW + timedelta(hours=at)).timestamp())


async def test_a_link_that_a_view_is_made_of_stays_and_begins_its_year_when_the_view_goes(world: World) -> None:
    links, views = Links(world.database, world.clock), Views(world.database, world.clock, new_id)
    keeper = Keeper(world.database, world.files, world.clock, Health({}))
    named, _ = await links.keep(world.caller(), {"query": "vip"})
    view = await views.make(world.caller(), "VIPs", named, (), shared=False)
    world.clock.instant = NOW + timedelta(days=800)
    await keeper.clear()
    await views.delete(world.caller(), view.id, None)
    await keeper.clear()
    assert await world.count("select count(*) from link") == 1
    world.clock.instant = NOW + timedelta(days=800 + 366)
    await keeper.clear()
    assert await world.count("select count(*) from link") == 0


async def test_a_view_that_is_made_while_its_link_goes_has_its_link_or_is_refused(world: World) -> None:
    links, views = Links(world.database, world.clock), Views(world.database, world.clock, new_id)
    keeper = Keeper(world.database, world.files, world.clock, Health({}))
    for n in range(10):
        world.clock.instant = NOW + timedelta(days=400 * n)
        named, _ = await links.keep(world.caller(), {"query": f"{n}"})
        world.clock.instant = NOW + timedelta(days=400 * n + 366)
        made, cleared = await asyncio.gather(
            views.make(world.caller(), "v", named, (), shared=True), keeper.clear(), return_exceptions=True
        )
        assert cleared is None
        there = await world.count("select count(*) from link where id = $1", named)
        assert there == (0 if isinstance(made, Unprocessable) else 1), made
