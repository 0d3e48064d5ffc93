"""Views: one's own are nobody else's to see, a shared one is its maker's to change, and a change meanwhile is told."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from common.auth import Caller
from common.errors import ANY_VERSION, Forbidden, NotFound, StaleVersion, Unprocessable
from common.ids import new_id
from contacts.links.handlers import Links
from contacts.views.handlers import Views
from contacts.views.view import MOST_VIEWS, View, Wish, changed, check_may_change, check_version
from tests.contacts.conftest import NOW, World

KIM, LEE = Caller("kim", "shop", frozenset({"contacts.read"})), Caller("lee", "shop", frozenset({"contacts.read"}))
BOSS = Caller("boss", "shop", frozenset({"contacts.read", "channel.manage"}))
OWN = View(new_id(), "shop", "kim", False, 1, "Mine", "A" * 22, (), NOW, NOW, "kim")
SHARED = replace(OWN, shared=True)


@pytest.mark.parametrize(
    ("view", "caller", "refusal"),
    [
        (OWN, KIM, None), (OWN, LEE, NotFound), (OWN, BOSS, NotFound),
        (SHARED, KIM, None), (SHARED, LEE, Forbidden), (SHARED, BOSS, None),
    ],
)  # fmt: skip
def test_who_may_change_a_view(view: View, caller: Caller, refusal: type[Exception] | None) -> None:
    if refusal is None:
        check_may_change(view, caller)
    else:
        with pytest.raises(refusal):
            check_may_change(view, caller)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(), OWN),
        (Wish(name="Mine", shared=False, columns=()), OWN),
        (Wish(name="Ours", shared=True), replace(SHARED, name="Ours", version=2)),
        (Wish(columns=("name", "profile.grade")), replace(OWN, columns=("name", "profile.grade"), version=2)),
        (Wish(link="B" * 22), replace(OWN, link="B" * 22, version=2)),
    ],
)
def test_a_change_makes_a_version_where_something_is_new(wish: Wish, expected: View) -> None:
    after = changed(OWN, wish, "boss", NOW + timedelta(hours=1))
    new = after.version > OWN.version
    assert after == replace(expected, updated_at=NOW + timedelta(hours=1) if new else NOW, changed_by="boss" if new else "kim")


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        (Wish(name=" "), "/name"), (Wish(name="x" * 101), "/name"), (Wish(columns=("name", "name")), "/columns/1"),
        (Wish(columns=("name", "")), "/columns/1"), (Wish(columns=tuple(f"profile.k{n}" for n in range(301))), "/columns"),
    ],
)  # fmt: skip
def test_what_a_view_cannot_be_is_refused_with_its_place(wish: Wish, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        changed(OWN, wish, "kim", NOW)
    assert refusal.value.pointer == pointer


def test_another_version_than_the_one_that_was_seen_is_stale() -> None:
    for expected in (None, 1, ANY_VERSION):
        check_version(OWN, expected)
    with pytest.raises(StaleVersion) as stale:
        check_version(replace(OWN, version=2, changed_by="boss"), 1)
    assert stale.value.extra == {"version": 2, "changedBy": "boss"}


async def _link(world: World, query: str = "vip") -> str:
    return (await Links(world.database, world.clock).keep(world.caller(), {"query": query}))[0]


async def test_views_are_listed_by_the_page_own_and_shared(world: World) -> None:
    views, link = Views(world.database, world.clock, new_id), await _link(world)
    mine = [await views.make(KIM, f"mine {n}", link, (), shared=False) for n in range(3)]
    shared = await views.make(LEE, "ours", link, ("name",), shared=True)
    await views.make(LEE, "lee's", link, (), shared=False)
    first = await views.listed(KIM, 3, None)
    assert first.next is not None
    second = await views.listed(KIM, 3, first.next)
    assert [v["id"] for v in (*first.items, *second.items)] == [str(v.id) for v in (shared, *reversed(mine))]
    assert second.next is None
    for caller, view in ((LEE, mine[0]), (replace(KIM, channel="other"), shared)):
        with pytest.raises(NotFound):
            await views.read(caller, view.id)


async def test_a_view_is_of_a_link_that_is_there(world: World) -> None:
    views, link = Views(world.database, world.clock, new_id), await _link(world)
    view = await views.make(KIM, "v", link, (), shared=False)
    for unknown in ("A" * 22, "\0", ""):
        with pytest.raises(Unprocessable) as refusal:
            await views.make(KIM, "v", unknown, (), shared=False)
        assert (refusal.value.code, refusal.value.pointer) == ("unknownLink", "/link")
    with pytest.raises(Unprocessable):
        await views.change(KIM, view.id, Wish(link="A" * 22), None)
    assert await views.read(KIM, view.id) == view


async def test_of_six_changes_at_once_by_the_version_seen_one_is_made(world: World) -> None:
    views = Views(world.database, world.clock, new_id)
    view = await views.make(KIM, "v", await _link(world), (), shared=False)
    answers = await asyncio.gather(*(views.change(KIM, view.id, Wish(name=f"v{n}"), 1) for n in range(6)), return_exceptions=True)
    assert [type(a) for a in answers].count(View) == 1
    assert [type(a) for a in answers].count(StaleVersion) == 5


async def test_nobody_has_more_than_two_hundred(world: World) -> None:
    views, link = Views(world.database, world.clock, new_id), await _link(world)
    for _ in range(MOST_VIEWS - 2):
        await views.make(KIM, "v", link, (), shared=False)
    answers = await asyncio.gather(*(views.make(KIM, "v", link, (), shared=False) for _ in range(5)), return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == [*["Unprocessable"] * 3, "View", "View"]
    await views.make(LEE, "v", link, (), shared=False)
