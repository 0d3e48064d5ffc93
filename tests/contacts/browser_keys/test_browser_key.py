"""Browser keys: which origins they take, what they may do, how they end, and that whoever holds one reads nothing."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import count

import pytest

from common.auth import Caller
from common.clock import FixedClock
from common.errors import Conflict, Forbidden, NotFound, Unauthorized, Unavailable, Unprocessable
from common.ids import new_id
from common.postgres import Database
from contacts.browser_keys.browser_key import PERMISSIONS, BrowserKey, parse, read_origins
from contacts.browser_keys.handlers import BrowserDoor, BrowserKeys
from contacts.identifying import Page, member_hash, proved
from localstack.stack import Stack
from tests.contacts.conftest import NOW, World

SHOP = "https://shop.example"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.example", "https://shop.example"),
        (" HTTPS://Shop.Example/ ", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80/", "http://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://xn--ok0b236bp0a.kr", "https://xn--ok0b236bp0a.kr"),
    ],
)
def test_an_origin_is_kept_as_a_browser_sends_it(given: str, kept: str) -> None:
    assert read_origins([given, kept]) == (kept,)


@pytest.mark.parametrize(
    "given",
    [
        "", "*", "null", "shop.example", "https://", "https://*.shop.example", "https://shop.example/path", "https://a..b",
        "https://shop.example?x", "https://user@shop.example", "https://shop.example:port", "https://shop.example:0",
        "https://shop.example:99999", "ftp://shop.example", "javascript://x", "https://단골.kr",
        "https://shop.example#", "https://a b",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused_with_its_place(given: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_origins([SHOP, given])
    assert (refusal.value.code, refusal.value.pointer) == ("invalidOrigin", "/origins/1")


@pytest.mark.parametrize("given", [[], [f"https://shop{n}.example" for n in range(21)]])
def test_a_key_is_for_one_to_twenty_origins(given: list[str]) -> None:
    with pytest.raises(Unprocessable):
        read_origins(given)


def test_a_key_names_its_channel_whatever_that_is_called() -> None:
    key = BrowserKey(new_id(), "a.b_c-d", "w" * 32, "site", (SHOP,), NOW, "kim")
    assert parse(key.text) == ("a.b_c-d", "w" * 32)
    assert [parse(text) for text in ("", "pk~", "pk~demo", "pk~demo~short", f"{key.text}\n", f"x{key.text}", key.text + "~")] == [
        None
    ] * 7


class Tokens:
    """A door for nobody but one program."""

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        if headers.get("authorization") != "Bearer good":
            raise Unauthorized("no")
        return Caller("program", "shop", frozenset({"*"}))


def words() -> Iterator[str]:
    return (f"word-of-the-key-number-{n}" for n in count())


@pytest.fixture
def keys(world: World) -> BrowserKeys:
    return BrowserKeys(world.database, world.clock, new_id, words().__next__)


@pytest.fixture
def door(world: World) -> BrowserDoor:
    return BrowserDoor(Tokens(), world.database, world.clock)


def sent(text: str, origin: str | None = SHOP) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"} | ({"origin": origin} if origin else {})


async def test_a_page_of_a_known_origin_may_send_visits_and_identify_and_nothing_else(
    world: World, keys: BrowserKeys, door: BrowserDoor
) -> None:
    key = await keys.make(world.caller(), "site", [SHOP])
    caller = await door.admit(sent(key.text))
    assert (caller.channel, caller.subject) == (world.channel, f"browser:{key.id}")
    assert caller.may("visits.write")
    assert caller.may("contacts.identify")
    for permission in ("contacts.read", "contacts.edit", "contacts.erase", "channel.manage", "fields.manage", "exports.create"):
        with pytest.raises(Forbidden):
            caller.require(permission)


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://shop.example", "https://shop.example:8443"])
async def test_a_page_of_another_origin_may_do_nothing(
    world: World, keys: BrowserKeys, door: BrowserDoor, origin: str | None
) -> None:
    key = await keys.make(world.caller(), "site", [SHOP])
    caller = await door.admit(sent(key.text, origin))
    with pytest.raises(Forbidden):
        caller.require("visits.write")
    assert not caller.may("contacts.identify")
    assert not await door.is_known("https://evil.example")


async def test_other_tokens_are_taken_as_ever_and_keys_that_are_none_are_not(world: World, door: BrowserDoor) -> None:
    assert (await door.admit(sent("good"))).subject == "program"
    for text in ("bad", "pk~", "pk~shop~never-was-a-key-of-anyone", "pk~shop~\x00"):
        with pytest.raises(Unauthorized):
            await door.admit(sent(text))


async def test_a_store_that_is_away_is_no_reason_to_turn_a_key_away(servers: Stack) -> None:
    async with Database.open(servers.postgres_dsn(None)) as closed:
        door = BrowserDoor(Tokens(), closed, FixedClock(NOW))
    with pytest.raises(Unavailable):
        await door.admit(sent("pk~shop~" + "w" * 32))
    with pytest.raises(Unavailable):
        await door.is_known(SHOP)


async def test_a_revoked_key_ends_at_once_and_its_origin_with_it(world: World, keys: BrowserKeys, door: BrowserDoor) -> None:
    key = await keys.make(world.caller(), "site", [SHOP])
    assert await door.is_known(SHOP)
    assert (await keys.revoke(world.caller(), key.id)).members(NOW)["status"] == "revoked"
    assert (await keys.revoke(world.caller(), key.id)).ends_at == NOW
    with pytest.raises(Unauthorized):
        await door.admit(sent(key.text))
    assert not await door.is_known(SHOP)
    with pytest.raises(Conflict):
        await keys.rotate(world.caller(), key.id, timedelta(hours=1))


async def test_a_rotated_key_goes_on_for_a_while_beside_the_new_one(world: World, keys: BrowserKeys, door: BrowserDoor) -> None:
    old = await keys.make(world.caller(), "site", [SHOP])
    new = await keys.rotate(world.caller("lee"), old.id, timedelta(hours=1))
    assert (new.name, new.origins, new.created_by, new.text != old.text) == (old.name, old.origins, "lee", True)
    for key in (old, new):
        assert (await door.admit(sent(key.text))).may("visits.write")
    assert [item["status"] for item in (await keys.listed(world.caller(), 100, None)).items] == ["live", "ending"]
    world.clock.instant += timedelta(hours=1)
    with pytest.raises(Unauthorized):
        await door.admit(sent(old.text))
    assert (await door.admit(sent(new.text))).may("visits.write")
    newest = await keys.rotate(world.caller(), new.id, timedelta())
    with pytest.raises(Unauthorized):
        await door.admit(sent(new.text))
    assert (await door.admit(sent(newest.text))).may("visits.write")


async def test_changed_origins_count_at_once(world: World, keys: BrowserKeys, door: BrowserDoor) -> None:
    key = await keys.make(world.caller(), "site", [SHOP])
    changed, _ = await keys.change(world.caller(), key.id, None, ["https://new.example"])
    assert (changed.name, changed.text) == ("site", key.text)
    assert not (await door.admit(sent(key.text))).may("visits.write")
    assert (await door.admit(sent(key.text, "https://new.example"))).may("visits.write")
    for name in ("", " ", "x" * 101):
        with pytest.raises(Unprocessable):
            await keys.change(world.caller(), key.id, name, None)


async def test_another_channels_key_is_none_and_twenty_live_ones_are_the_most(world: World, keys: BrowserKeys) -> None:
    stranger = Caller("kim", "elsewhere", frozenset({"*"}))
    made = [await keys.make(world.caller(), f"site {n}", [SHOP]) for n in range(20)]
    for command in (keys.revoke(stranger, made[0].id), keys.change(stranger, made[0].id, "x", None)):
        with pytest.raises(NotFound):
            await command
    assert (await keys.listed(stranger, 100, None)).items == []
    with pytest.raises(Unprocessable) as refusal:
        await keys.make(world.caller(), "one more", [SHOP])
    assert refusal.value.code == "tooManyKeys"
    await keys.revoke(world.caller(), made[0].id)
    await keys.make(world.caller(), "one more", [SHOP])
    found: list[object] = []
    cursor: str | None = None
    while cursor is not None or not found:
        page = await keys.listed(world.caller(), 8, cursor)
        found += [item["name"] for item in page.items]
        cursor = page.next
    assert found == ["one more", *(f"site {n}" for n in reversed(range(20)))]


async def test_the_secret_is_told_when_it_is_made_and_stays_while_verifying_is_off(world: World, keys: BrowserKeys) -> None:
    key = await keys.make(world.caller(), "site", [SHOP])
    assert (key.verify_members, key.secret, keys.key_shown(key, with_secret=True).get("secret")) == (False, None, None)
    on, is_new = await keys.change(world.caller(), key.id, None, None, True)
    assert is_new
    assert on.secret is not None
    off, made_again = await keys.change(world.caller(), key.id, None, None, False)
    assert (off.secret, made_again, keys.key_shown(off).get("secret")) == (on.secret, False, None)
    again, made_again = await keys.change(world.caller(), key.id, None, None, True)
    assert (again.secret, made_again) == (on.secret, False)
    new = await keys.rotate(world.caller(), key.id, timedelta(minutes=5))
    assert new.verify_members
    assert new.secret not in (None, on.secret)
    assert on.secret not in repr(again)


def test_the_hash_is_that_of_other_programs() -> None:
    made = member_hash("key", "The quick brown fox jumps over the lazy dog")  # as RFC 2104's many examples have it
    assert made == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"


def test_only_pages_prove_and_what_they_send_is_taken_off() -> None:
    body = {"name": "Kim", "memberHash": member_hash("s", "단골")}
    asked, unasked = Page("browser:1", "shop", PERMISSIONS, secret="s"), Page("browser:1", "shop", PERMISSIONS)
    assert proved(asked, "단골", body, "") == proved(unasked, "단골", body, "") == {"name": "Kim"}
    assert proved(Caller("kim", "shop", PERMISSIONS), "단골", body, "") == body
    for wrong in (None, "", 1, "é", member_hash("s", "other"), member_hash("t", "단골")):
        with pytest.raises(Forbidden) as refusal:
            proved(asked, "단골", {"memberHash": wrong}, "/visits/3")
        assert (refusal.value.code, refusal.value.pointer) == ("memberNotVerified", "/visits/3/memberHash")


async def test_visits_of_a_page_are_verified_one_by_one(world: World) -> None:
    page = Page("browser:1", world.channel, PERMISSIONS, secret="s")
    taken = await world.visits.record(
        page,
        [
            {"id": "1", "memberId": "a", "memberHash": member_hash("s", "a")},
            {"id": "2", "memberId": "b"},
            {"id": "3", "memberHash": "x"},
            {"id": "4", "memberId": "a", "memberHash": member_hash("s", "a"), "more": 1},
            5,
        ],
    )
    assert (taken.accepted, [(n, p.code) for n, p in taken.rejected]) == (
        1, [(1, "memberNotVerified"), (2, "unknownMember"), (3, "unknownMember"), (4, "invalid")],
    )  # fmt: skip
    assert await world.count("select count(*) from contact") == 1
