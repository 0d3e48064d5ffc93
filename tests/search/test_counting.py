"""How many match each node of a filter, and why a filter finds somebody: told of the same tree that a search means."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.clock import to_millis, to_wire
from common.errors import Unprocessable
from common.ids import new_id
from common.postgres import Database
from search.bulk import Entry
from search.document import tombstone
from search.explaining import Explaining
from search.index import Index
from search.neighbours import Neighbours
from search.nodes import MOST_NODES
from search.queries import Finder
from search.seal import Sealer
from search.store import Store
from search.term_sets.handlers import TermSets
from search.term_sets.store import TermSetStore
from search.understanding import Wanted
from tests.search.support import AT, FixedNow, contact, contact_id, define, put
from tests.support.oracle import World, holds

FIELDS = {"grade": "string", "count": "number"}
VIP = {"key": "profile.grade", "operator": "eq", "values": ["vip"]}
MANY = {"key": "profile.count", "operator": "gte", "values": [3]}
MEMBER = {"key": "member", "operator": "eq", "values": [True]}
RECENT = {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": 1, "unit": "days"}]}
SEALER = Sealer(b"a key of the tests' own")


@pytest.fixture
def channel() -> str:
    return f"nodes-{uuid4().hex[:12]}"


@pytest.fixture
async def store(database: Database, channel: str) -> Store:
    made = Store(database)
    await define(made, channel, FIELDS)
    return made


@pytest.fixture
async def finder(store: Store, database: Database, index: Index, neighbours: Neighbours) -> Finder:
    async def caught_up() -> Any:
        raise AssertionError("nobody waits here")

    return Finder(store, TermSetStore(database), index, neighbours, SEALER, FixedNow(), caught_up)


@pytest.fixture
def term_sets(store: Store, database: Database, index: Index) -> TermSets:
    return TermSets(store, TermSetStore(database), index, SEALER, FixedNow(), new_id)


@pytest.fixture
def explaining(finder: Finder, term_sets: TermSets, index: Index, neighbours: Neighbours) -> Explaining:
    return Explaining(finder.understanding, term_sets, index, neighbours, FixedNow())


async def people(index: Index, channel: str) -> list[dict[str, Any]]:
    made = [
        contact(
            channel, n, member=n % 3 == 0, memberId=f"m{n}" if n % 3 == 0 else None, name=f"사람 {n}",
            lastSeenAt=to_wire(AT - timedelta(hours=5 * n)), profile={"grade": ["VIP", "new"][n % 2], "count": n},
        )
        for n in range(12)
    ]  # fmt: skip
    await put(index, channel, made, FIELDS)
    return [each.members() for each in made]


async def test_every_node_is_counted_alone_and_with_those_of_its_group_before_it(
    finder: Finder, index: Index, channel: str
) -> None:
    everybody = await people(index, channel)
    tree = {"and": [VIP, {"or": [MANY, {"not": MEMBER}, RECENT]}, {"and": []}, {"or": []}]}
    total, _, nodes = await finder.count_nodes(channel, Wanted(tree, True))

    def plain(raw: Any) -> int:
        return sum(holds(raw, each, to_millis(AT), World(fields=FIELDS)) for each in everybody)

    group = [MANY, {"not": MEMBER}, RECENT]
    expected = {
        "/filter": (tree, tree),
        "/filter/and/0": (VIP, VIP),
        "/filter/and/1": ({"or": group}, {"and": [VIP, {"or": group}]}),
        "/filter/and/1/or/0": (MANY, MANY),
        "/filter/and/1/or/1": ({"not": MEMBER}, {"or": group[:2]}),
        "/filter/and/1/or/1/not": (MEMBER, MEMBER),
        "/filter/and/1/or/2": (RECENT, {"or": group}),
        "/filter/and/2": ({"and": []}, {"and": [VIP, {"or": group}]}),
        "/filter/and/3": ({"or": []}, tree),
    }
    assert [(n.pointer, n.alone, n.up_to) for n in nodes] == [(p, plain(a), plain(u)) for p, (a, u) in expected.items()]
    assert total == plain(tree) == nodes[0].alone
    assert (await finder.count(channel, Wanted(tree, True)))[0] == total


async def test_what_is_searched_for_holds_for_every_node(finder: Finder, index: Index, channel: str) -> None:
    await people(index, channel)
    await people(index, f"{channel}-other")
    gone = contact_id(channel, 1)
    await index.write([Entry(f"{channel}/{gone}", 2, tombstone(channel, gone, 2))])
    await index.refresh()
    total, _, nodes = await finder.count_nodes(channel, Wanted({"or": [VIP, MANY]}, True, query="사람1"))
    assert (total, [(n.alone, n.up_to) for n in nodes]) == (2, [(2, 2), (1, 1), (2, 2)])
    assert (await finder.count_nodes(channel, Wanted(query="사람1")))[::2] == (2, [])


async def test_a_filter_of_too_many_nodes_is_counted_as_a_whole_alone(finder: Finder, channel: str) -> None:
    just = {"and": [VIP] * (MOST_NODES - 1)}
    assert len((await finder.count_nodes(channel, Wanted(just, True)))[2]) == MOST_NODES
    with pytest.raises(Unprocessable) as refusal:
        await finder.count_nodes(channel, Wanted({"and": [VIP] * MOST_NODES}, True))
    assert (refusal.value.code, refusal.value.pointer) == ("tooManyConditions", "/nodes")


async def test_a_filter_is_explained_for_each_contact(
    explaining: Explaining, term_sets: TermSets, index: Index, channel: str
) -> None:
    await people(index, channel)
    gone = contact_id(channel, 4)
    await index.write([Entry(f"{channel}/{gone}", 2, tombstone(channel, gone, 2, erased=True))])
    of_names = await term_sets.create(channel, "name", ["사람 0", "사람 2"], "kim")
    named = {"key": "name", "operator": "in", "termSet": str(of_names.id)}
    tree = {"and": [VIP, RECENT, {"not": MANY}, named]}
    asked = [UUID(contact_id(channel, n)) for n in (0, 5, 4, "nobody", 0)]
    first, second, erased, unknown, again = await explaining.explain(channel, tree, asked, None)
    assert first is not None
    assert first == again
    assert first["truth"] is True
    assert first["nextChangeAt"] == to_wire(AT + timedelta(days=1))
    assert first["and"][0] == {**VIP, "type": "string", "truth": True, "nextChangeAt": None, "value": "VIP"}  # type: ignore[index]
    assert second is not None
    assert [node["truth"] for node in second["and"]] == [False, False, False, False]  # type: ignore[attr-defined]
    assert (erased, unknown) == (None, None)


async def test_what_cannot_be_explained_is_refused_with_its_place(explaining: Explaining, channel: str) -> None:
    for raw, at, pointer in (
        ({"key": "none", "operator": "exists"}, None, "/filter/key"),
        (None, None, "/filter"),
        (VIP, AT + timedelta(milliseconds=1), "/at"),
    ):
        with pytest.raises(Unprocessable) as refusal:
            await explaining.explain(channel, raw, [], at)
        assert refusal.value.pointer == pointer
