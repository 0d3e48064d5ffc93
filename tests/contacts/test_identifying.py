"""Who only identifies: what such a caller may say of somebody, and what is refused with nothing written."""

import pytest

from common.auth import Caller
from common.clock import to_wire
from common.errors import Problem
from tests.contacts.conftest import NOW, World
from tests.contacts.test_from_before import OLD, kept_before

BROWSER = Caller("browser:1", "shop", frozenset({"visits.write", "contacts.identify"}))


async def test_who_only_identifies_writes_what_a_person_says_of_themself(world: World) -> None:
    lead = (await world.contacts.create_lead(world.caller(), {"name": "lead", "city": "서울"})).contact
    body = {"name": "홍길동", "email": "hong@example.com", "profile": {"grade": "VIP"}, "leadId": str(lead.id)}
    await world.contacts.identify(BROWSER, "u1", body, None)
    contact = await world.queries.member(world.channel, "u1")
    assert (contact.id, contact.name, contact.city, contact.profile) == (lead.id, "홍길동", "서울", {"grade": "VIP"})
    (change, *_) = (await world.queries.history(world.channel, contact.id, 1, None)).items
    assert change["by"] == "browser:1"


@pytest.mark.parametrize(
    ("body", "expected", "pointer"),
    [
        ({"blocked": False}, None, "/blocked"),
        ({"tags": []}, None, "/tags"),
        ({"addTags": ["x"]}, None, "/addTags"),
        ({"removeTags": ["x"]}, None, "/removeTags"),
        ({"unsubscribeEmail": False}, None, "/unsubscribeEmail"),
        ({"unsubscribeTexting": None}, None, "/unsubscribeTexting"),
        ({"unsubscribeAppPush": False, "name": "a"}, None, "/unsubscribeAppPush"),
        ({"profile": {"grade": "VIP", "invented": 1}}, None, "/profile/invented"),
        ({"profileOnce": {"a/b": "x"}}, None, "/profileOnce/a~1b"),
        ({}, 1, None),
    ],
)
async def test_who_only_identifies_writes_nothing_that_is_the_teams_and_asks_for_no_version(
    world: World, body: dict[str, object], expected: int | None, pointer: str | None
) -> None:
    with pytest.raises(Problem) as refusal:
        await world.contacts.identify(BROWSER, "u1", body, expected)
    assert (int(refusal.value.status), refusal.value.pointer) == (403, pointer)
    assert await world.count("select count(*) from contact") == 0
    assert await world.count("select count(*) from profile_field") == 0


async def test_who_only_identifies_unsubscribes_and_fills_fields_that_are_there(world: World) -> None:
    await world.put("u1", profile={"shoeSize": 250})
    body = {"unsubscribeEmail": True, "profile": {"shoeSize": 260}, "profileOnce": {"firstReferrer": "https://a.example"}}
    await world.contacts.identify(BROWSER, "u1", body, None)
    contact = await world.queries.member(world.channel, "u1")
    assert (contact.unsubscribe_email, contact.profile) == (True, {"shoeSize": 260, "firstReferrer": "https://a.example"})


@pytest.mark.parametrize("key", ["email", "mobileNumber", "avatarUrl"])
async def test_who_only_identifies_is_told_the_same_whether_or_not_a_value_of_before_is_there(world: World, key: str) -> None:
    kept = {"email": "a..b@example.com", "mobileNumber": "+82101234", "avatarUrl": "https://eg.example/\u200ba"}[key]
    made = await kept_before(world, **{key: kept})
    lead = (await world.contacts.create_lead(world.caller(), {})).contact
    for body in ({key: kept}, {key: kept, "name": "a", "leadId": str(lead.id)}):
        refusals = set[tuple[object, ...]]()
        for member_id in ("u0", "nobody"):
            with pytest.raises(Problem) as refusal:
                await world.contacts.identify(BROWSER, member_id, body, None)
            refusals.add((refusal.value.status, refusal.value.code, refusal.value.pointer, refusal.value.detail))
        ((status, _, pointer, _),) = refusals
        assert (status, pointer) == (422, f"/{key}")
    assert await world.queries.member(world.channel, "u0") == made


async def test_who_only_identifies_is_told_the_same_whether_or_not_an_id_of_before_is_there(world: World) -> None:
    made = await kept_before(world, memberId=OLD)
    for member_id in (OLD, "u\u200b2"):
        with pytest.raises(Problem) as refusal:
            await world.contacts.identify(BROWSER, member_id, {"name": "a"}, None)
        assert (refusal.value.code, refusal.value.pointer) == ("invisibleCharacter", "")
    visits = [{"id": f"v{n}", "memberId": member_id, "at": to_wire(NOW)} for n, member_id in enumerate((OLD, "u\u200b2", "u3"))]
    taken = await world.visits.record(BROWSER, visits)
    assert taken.accepted == 1
    assert [(index, problem.code, problem.pointer) for index, problem in taken.rejected] == [
        (0, "invisibleCharacter", "/visits/0/memberId"),
        (1, "invisibleCharacter", "/visits/1/memberId"),
    ]
    assert await world.queries.member(world.channel, OLD) == made
