"""Preferences: merged by key, bounded, each person's own in each channel, and both of two changes at once are kept."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.auth import Caller
from common.errors import Forbidden, Unprocessable
from contacts.browser_keys.browser_key import PERMISSIONS
from contacts.identifying import Page, check_person
from contacts.preferences.api import PreferencesChange
from contacts.preferences.handlers import Preferences
from contacts.preferences.preference import MOST_BYTES, merged, with_defaults
from tests.contacts.conftest import World

KEYS = st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5), max_size=5)


@given(kept=KEYS, first=KEYS, second=KEYS)
def test_what_is_set_last_stays_and_null_takes_away(
    kept: dict[str, object], first: dict[str, object], second: dict[str, object]
) -> None:
    after = merged(merged(merged({}, kept), first), second)  # type: ignore[arg-type]
    assert after == {key: value for key, value in {**kept, **first, **second}.items() if value is not None}


def test_what_nobody_has_chosen_is_the_default() -> None:
    assert with_defaults({}) == {"copyCountryCode": True, "language": None}
    assert with_defaults(merged({"copyCountryCode": False}, {"copyCountryCode": None, "density": "tight"})) == {
        "copyCountryCode": True, "language": None, "density": "tight",
    }  # fmt: skip


def test_the_bytes_of_all_keys_together_are_bounded() -> None:
    fits = "가" * ((MOST_BYTES - len('{"a":""}')) // 3)
    assert merged({}, {"a": fits})
    with pytest.raises(Unprocessable) as refusal:
        merged({"a": fits}, {"b": "one too many"})
    assert (refusal.value.code, refusal.value.extra) == ("tooLarge", {"most": 16384})
    assert merged({"a": fits}, {"a": None, "b": "room again"}) == {"b": "room again"}


async def test_each_person_has_their_own_in_each_channel(world: World) -> None:
    preferences = Preferences(world.database)
    kim = world.caller("kim")
    await preferences.change(kim, {"copyCountryCode": False, "language": "en"})
    assert await preferences.read(kim) == {"copyCountryCode": False, "language": "en"}
    for other in (world.caller("lee"), replace(kim, channel="another")):
        assert await preferences.read(other) == {"copyCountryCode": True, "language": None}


async def test_two_changes_at_once_are_both_kept(world: World) -> None:
    preferences = Preferences(world.database)
    await asyncio.gather(*(preferences.change(world.caller(), {f"k{n}": n}) for n in range(8)))
    assert await preferences.read(world.caller()) == {"copyCountryCode": True, "language": None} | {f"k{n}": n for n in range(8)}


async def test_a_change_that_is_refused_changes_nothing(world: World) -> None:
    preferences = Preferences(world.database)
    await preferences.change(world.caller(), {"a": 1})
    with pytest.raises(Unprocessable):
        await preferences.change(world.caller(), {"a": 2, "b": "x" * MOST_BYTES})
    assert (await preferences.read(world.caller()))["a"] == 1


def test_a_page_has_none() -> None:
    check_person(Caller("kim", "shop", frozenset()))
    with pytest.raises(Forbidden):
        check_person(Page("browser:1", "shop", PERMISSIONS))


def test_a_key_in_another_spelling_takes_nothing_away() -> None:
    with pytest.raises(ValidationError, match="copyCountryCode"):
        PreferencesChange.model_validate({"copy_country_code": True})
    given = PreferencesChange.model_validate({"copyCountryCode": None, "other_key": 1})
    assert given.model_dump(by_alias=True, exclude_unset=True) == {"copyCountryCode": None, "other_key": 1}
