"""What an earlier version kept and today would be refused: its people are still called by it, and it heals as it is written."""

from typing import Any

import pytest

from common.clock import to_wire
from common.errors import NotFound, Unprocessable
from common.events.contacts import Contact
from contacts.bulk.action import Outcome, act
from contacts.contact import read_write
from contacts.rows import RowResult
from tests.contacts.conftest import NOW, World
from tests.contacts.imports.importing import Importing, told

OLD = "u\u200b1"
OLD_EMAIL = "kim@예\u200c시.example"


async def kept_before(world: World, **members: object) -> Contact:
    """A member as an earlier version kept it: with these members of its state, unjudged."""
    made = await world.put("u0", name="Kim")
    async with world.database.transaction() as tx:
        await tx.execute(
            "update contact set doc = doc || $2, member_id = coalesce($2->>'memberId', member_id) where id = $1", made.id, members
        )
    return await world.queries.contact(world.channel, made.id)


def codes(results: list[RowResult]) -> list[str]:
    return ["ok" if r.problem is None else f"{r.problem.code} {r.problem.pointer}" for r in results]


async def test_a_member_is_called_by_the_id_it_has_in_every_way_in_and_nobody_new_gets_such_an_id(world: World) -> None:
    made = await kept_before(world, memberId=OLD)
    caller = world.caller()
    lead = (await world.contacts.create_lead(caller, {"city": "Seoul"})).contact
    assert (await world.queries.member(world.channel, OLD)).id == made.id
    assert (await world.put(OLD, memberId=OLD, name="a", leadId=str(lead.id))).id == made.id
    rows = [{"memberId": OLD, "name": "b"}, {"memberId": "u\u200b2"}, {"memberId": "u\u200b2", "leadId": str(lead.id)}]
    results, _ = await world.contacts.batch(caller, rows)
    assert codes(results) == ["ok", "invisibleCharacter /contacts/1/memberId", "invisibleCharacter /contacts/2/memberId"]
    taken = await world.visits.record(
        caller, [{"id": member, "memberId": member, "at": to_wire(NOW)} for member in ("u1", "x")]
        + [{"id": str(n), "memberId": member, "at": to_wire(NOW)} for n, member in enumerate((OLD, "u\u200b2"))],
    )  # fmt: skip
    assert (taken.accepted, taken.duplicates) == (3, 0)
    assert [(index, problem.code, problem.pointer) for index, problem in taken.rejected] == [
        (3, "invisibleCharacter", "/visits/3/memberId")
    ]
    after = await world.queries.member(world.channel, OLD)
    assert (after.id, after.name, after.city, after.sessions_count) == (made.id, "b", "Seoul", 1)
    with pytest.raises(Unprocessable) as refusal:
        await world.put("u\u200b2", name="a")
    assert (refusal.value.code, refusal.value.pointer) == ("invisibleCharacter", "")
    other = (await world.contacts.create_lead(caller, {})).contact
    with pytest.raises(Unprocessable):
        await world.put("u\u200b2", leadId=str(other.id))
    with pytest.raises(NotFound):
        await world.queries.member(world.channel, "u\u200b2")
    assert await world.count("select count(*) from contact where member_id is not null") == 3


async def test_an_import_finds_the_member_by_its_id_and_refuses_new_ones(world: World) -> None:
    made = await kept_before(world, memberId=OLD)
    importing = Importing(world, world.channel)
    import_id = await importing.send(f"memberId,name\n{OLD},a\nu\u200b2,b\n".encode())
    await importing.work()
    rows = await importing.report(import_id)
    assert [row[1:] for row in told(rows)] == [("changed", None), ("refused", "invisibleCharacter")]
    assert rows[1]["problem"]["column"] == "memberId"
    assert (await world.queries.member(world.channel, OLD)).id == made.id


async def test_a_preview_refuses_what_the_import_refuses_and_nothing_else(world: World) -> None:
    await kept_before(world, memberId=OLD, email=OLD_EMAIL, mobileNumber="+82101234", tags=[f"t{n}" for n in range(20)])
    importing = Importing(world, world.channel)
    table = (
        "memberId,email,mobileNumber,addTags,size\n"
        f"{OLD},{OLD_EMAIL},+82101234,T3,1\n"
        f"{OLD},a..b@example.com,,,\n"
        f"{OLD},,,more,\n"
        "u\u200b2,,,,\n"
        f"u3,{OLD_EMAIL},,,\n"
    ).encode()
    mapping = '{"addTags": "addTags", "size": "profile.size"}'
    rows = (await importing.preview(table, mapping=mapping))["rows"]
    import_id = await importing.send(table, mapping=mapping)
    await importing.work()
    report = [(row["row"], row["problem"]) for row in await importing.report(import_id)]
    assert [(row["row"], row.get("problem")) for row in rows] == report
    assert [problem and problem["code"] for _, problem in report] == [
        None, "invalidEmail", "tooManyTags", "invisibleCharacter", "invalidEmail",
    ]  # fmt: skip
    assert rows[0]["contact"] == {
        "memberId": OLD, "email": OLD_EMAIL, "mobileNumber": "+82101234", "addTags": ["T3"], "profile": {"size": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("email", OLD_EMAIL),
        ("email", "a..b@example.com"),
        ("mobileNumber", "+82101234"),
        ("avatarUrl", "https://eg.example/\u200ba"),
    ],
)
async def test_what_is_there_may_be_sent_back_as_it_was_read_and_nothing_else_of_the_kind(
    world: World, key: str, kept: str
) -> None:
    made = await kept_before(world, **{key: kept})
    body: dict[str, Any] = {key: kept, "name": "Lee"}
    after = await world.put("u0", **body)
    assert (after.name, after.members()[key], after.version) == ("Lee", kept, made.version + 1)
    changed = await world.contacts.change(world.caller(), made.id, body | {"city": "Seoul"}, None)
    assert changed.contact.members()[key] == kept
    results, _ = await world.contacts.batch(world.caller(), [{"memberId": "u0", key: kept}, {"memberId": "u9", key: kept}])
    assert [r.problem is None for r in results] == [True, False]
    assert (results[1].problem and results[1].problem.pointer) == f"/contacts/1/{key}"
    for refused in (world.put("u0", **{key: kept[:-1] + "."}), world.contacts.create_lead(world.caller(), {key: kept})):
        with pytest.raises(Unprocessable) as refusal:
            await refused
        assert refusal.value.pointer == f"/{key}"


async def test_an_address_with_a_comma_behind_it_heals_as_it_is_sent_again(world: World) -> None:
    await kept_before(world, email="kim@example.com,")
    assert (await world.put("u0", email="kim@example.com,")).email == "kim@example.com"


async def test_a_tag_heals_as_it_is_written_again_and_is_taken_away_by_any_writing(world: World) -> None:
    made = await kept_before(world, tags=["a  b", "V\u00adIP"])
    assert (await world.put("u0", addTags=["a b"])).tags == ["a b", "VIP"]
    (change,) = (await world.queries.history(world.channel, made.id, 1, None)).items[0]["changes"]
    assert change == {"key": "tags", "from": ["a  b", "V\u00adIP"], "to": ["a b", "VIP"]}
    acted = act(made.id, made, read_write({"removeTags": ["a b"]}, ""), NOW)
    assert acted.step is not None
    assert (acted.outcome, acted.step.after.tags) == (Outcome.CHANGED, ["VIP"])
