"""Pages: sorted as asked, absent values last, nobody twice or missing while others write, cursors that say what is wrong."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec import structs

from common.clock import FixedClock
from common.errors import Conflict, Gone, Unprocessable
from common.events.contacts import Contact, FieldDefinition
from common.position import Applied, Position
from common.postgres import Database
from localstack.stack import Stack
from search import points
from search.bulk import Entry
from search.document import tombstone
from search.index import Index
from search.neighbours import Neighbours
from search.queries import CaughtUp, Finder
from search.request import SortKey
from search.seal import Sealer
from search.store import Store
from search.term_sets.store import TermSetStore
from search.understanding import Wanted
from tests.search.support import contact, entries, put

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
FIELDS = {"grade": "string", "count": "number", "sizes": "list"}
WORDS = {"string": "String", "number": "Number", "list": "List"}
SEALER = Sealer(b"a key of the tests' own")


async def caught_up() -> CaughtUp:
    async def applied() -> bool:
        return True

    return applied


@pytest.fixture
def channel() -> str:
    return f"pages-{uuid4().hex[:12]}"


@pytest.fixture
async def finder(database: Database, index: Index, neighbours: Neighbours, channel: str) -> Finder:
    store = Store(database)
    for key, word in FIELDS.items():
        await store.save_fields(channel, [(FieldDefinition.of({"key": f"profile.{key}", "type": WORDS[word]}), 1)])
    return Finder(store, TermSetStore(database), index, neighbours, SEALER, FixedClock(NOW), caught_up)


async def ids(finder: Finder, channel: str, *sort: SortKey, limit: int = 100) -> list[str]:
    found = await finder.search(channel, Wanted(), list(sort) or None, limit, None)
    return [item["id"] for item in found.items]


@pytest.mark.parametrize(
    ("key", "values", "ascending"),
    [
        ("name", ["b", None, "A", "가", "😀", "\uffee", "aa", " "], ["A", "aa", "b", "가", "\uffee", "😀"]),
        ("email", ["b@x.kr", None, "A@x.kr"], ["A@x.kr", "b@x.kr"]),
        ("mobileNumber", ["+821012345678", None, "+12125550100"], ["+12125550100", "+821012345678"]),
        ("sessionsCount", [10, 9, 0, 100], [0, 9, 10, 100]),
        ("sessionCount", [10, 9], [9, 10]),
        ("member", [True, False], [False, True]),
        (
            "lastSeenAt",
            ["2026-11-02T00:00:00.001Z", None, "2026-11-02T00:00:00.000Z", "1969-01-01T00:00:00.000Z"],
            ["1969-01-01T00:00:00.000Z", "2026-11-02T00:00:00.000Z", "2026-11-02T00:00:00.001Z"],
        ),
        ("profile.grade", ["z", "a", None, ""], ["a", "z"]),
        ("profile.count", [2, -1.5, None, 0, 1e300], [-1.5, 0, 2, 1e300]),
    ],
)
async def test_sorting_puts_absent_values_last_in_both_directions(
    finder: Finder, index: Index, channel: str, key: str, values: list[Any], ascending: list[Any]
) -> None:
    member = "sessionsCount" if key == "sessionCount" else key

    def made(n: int, value: Any) -> Contact:
        if key.startswith("profile."):
            return contact(channel, n, profile={} if value is None else {key[8:]: value})
        return contact(channel, n, **{member: value})

    people = [made(n, value) for n, value in enumerate(values)]
    await put(index, channel, people, FIELDS)

    def value_of(shown: dict[str, Any]) -> Any:
        return shown["profile"].get(key[8:]) if key.startswith("profile.") else shown[member]

    absent = sorted(str(p.id) for p, value in zip(people, values, strict=True) if value not in ascending)
    for order, expected in (("asc", ascending), ("desc", ascending[::-1])):
        found = (await finder.search(channel, Wanted(), [SortKey(key, order)], 100, None)).items
        assert [value_of(shown) for shown in found[: len(expected)]] == expected
        assert [shown["id"] for shown in found[len(expected) :]] == absent


async def test_ties_are_broken_by_the_next_key_and_then_by_id(finder: Finder, index: Index, channel: str) -> None:
    people = [contact(channel, n, name="same", sessionsCount=n // 10) for n in range(30)]
    await put(index, channel, people, FIELDS)
    by_id = sorted(str(p.id) for p in people)
    assert await ids(finder, channel, SortKey("name", "desc")) == by_id
    assert await ids(finder, channel) == by_id
    wanted = [str(p.id) for p in sorted(people, key=lambda p: (-p.sessions_count, str(p.id)))]
    assert await ids(finder, channel, SortKey("name", "asc"), SortKey("sessionsCount", "desc")) == wanted


@pytest.mark.parametrize(
    ("key", "code"),
    [("tags", "notSortable"), ("profile.sizes", "notSortable"), ("nickname", "unknownField"), ("profile.x", "unknownField")],
)
async def test_what_cannot_be_sorted_by_is_refused_with_its_place(finder: Finder, channel: str, key: str, code: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        await finder.search(channel, Wanted(), [SortKey("name", "asc"), SortKey(key, "asc")], 100, None)
    assert (refusal.value.code, refusal.value.pointer) == (code, "/sort/1/key")


@pytest.mark.parametrize("again", ["name", "user.name"])
async def test_to_sort_by_a_key_twice_is_refused_with_its_place(finder: Finder, channel: str, again: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        await finder.search(channel, Wanted(), [SortKey("name", "asc"), SortKey("id", "asc"), SortKey(again, "desc")], 100, None)
    assert (refusal.value.code, refusal.value.pointer) == ("twice", "/sort/2/key")


async def test_the_list_does_not_shift_while_others_write(finder: Finder, index: Index, channel: str) -> None:
    people = [contact(channel, n, name=f"{n:03d}", sessionsCount=n) for n in range(120)]
    await put(index, channel, people, FIELDS)
    shown: list[str] = []
    cursor: str | None = None
    written = 0
    while True:
        page = await finder.search(channel, Wanted(), [SortKey("name", "asc")], 25, cursor)
        shown += [item["id"] for item in page.items]
        assert page.total == 120
        cursor = page.next
        if cursor is None:
            break
        # Somebody new in front, somebody from the front to the back, somebody from the back to the front, somebody gone.
        newcomers = [contact(channel, f"new {written}", name="000a")]
        moved = [
            structs.replace(people[written], name="zzz", version=2),
            structs.replace(people[119 - written], name="00", version=2),
        ]
        await put(index, channel, newcomers + moved, FIELDS)
        gone = str(people[60 + written].id)
        await index.write([Entry(f"{channel}/{gone}", 2, tombstone(channel, gone, 2))])
        await index.refresh()
        written += 1
    assert written == 4
    assert shown == [str(p.id) for p in people]
    assert len(await ids(finder, channel)) == 100
    assert (await finder.count(channel, Wanted()))[0] == 120


async def test_who_was_erased_is_on_no_page_of_a_list_that_was_begun_before(finder: Finder, index: Index, channel: str) -> None:
    people = [contact(channel, n, name=f"{n:03d}") for n in range(6)]
    await put(index, channel, people, FIELDS)
    by_name = [SortKey("name", "asc")]
    first = await finder.search(channel, Wanted(), by_name, 2, None)
    second = await finder.search(channel, Wanted(), by_name, 2, first.next)
    for gone in (people[2], people[3], people[4]):
        body = tombstone(channel, str(gone.id), 2, erased=gone is not people[3])
        await index.write([Entry(f"{channel}/{gone.id}", 2, body)])  # not refreshed: it is no more from now on
    again = await finder.search(channel, Wanted(), by_name, 2, first.next)
    last = await finder.search(channel, Wanted(), by_name, 2, second.next)
    assert [item["name"] for item in again.items] == ["003"]  # merged or hidden since, and shown as it was
    assert [item["name"] for item in last.items] == ["005"]
    assert (again.total, last.total, last.next) == (6, 6, None)


async def test_a_cursor_answers_only_to_its_own_request(finder: Finder, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n, name="x") for n in range(3)], FIELDS)
    asked = Wanted({"key": "name", "operator": "eq", "values": ["x"]}, True)
    cursor = (await finder.search(channel, asked, None, 1, None)).next
    assert cursor is not None
    others: list[tuple[str, Wanted, list[SortKey] | None, str]] = [
        (channel, Wanted(), None, cursor),
        (channel, Wanted({"key": "name", "operator": "eq", "values": ["y"]}, True), None, cursor),
        (channel, Wanted(asked.filter, True, None, "x"), None, cursor),
        (channel, asked, [SortKey("name", "asc")], cursor),
        (f"{channel}-other", asked, None, cursor),
        (channel, asked, None, cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")),
        (channel, asked, None, "no cursor"),
        (channel, asked, None, SEALER.seal("fingerprint", {})),
    ]
    for its_channel, wanted, sort, word in others:
        with pytest.raises(Unprocessable) as refusal:
            await finder.search(its_channel, wanted, sort, 1, word)
        assert (refusal.value.code, refusal.value.pointer) == ("badCursor", "/cursor")
    assert (await finder.search(channel, asked, None, 2, cursor)).next is None


async def test_the_last_page_can_be_read_again_and_so_can_those_before(finder: Finder, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n, name=f"{n}") for n in range(6)], FIELDS)
    order = [SortKey("name", "asc")]
    first = await finder.search(channel, Wanted(), order, 2, None)
    second = await finder.search(channel, Wanted(), order, 2, first.next)
    last = await finder.search(channel, Wanted(), order, 2, second.next)
    assert last.next is None
    await put(index, channel, [contact(channel, n, name="later", version=2) for n in range(6)], FIELDS)
    for cursor, page in ((second.next, last), (first.next, second), (second.next, last)):
        again = await finder.search(channel, Wanted(), order, 2, cursor)
        assert (again.items, again.total) == (page.items, 6)


async def test_many_first_pages_share_a_point_in_time(finder: Finder, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n) for n in range(3)], FIELDS)
    behind = str(await index.behind())
    before, began = await index.points_open(behind), time.monotonic()
    pages = await asyncio.gather(*(finder.search(channel, Wanted(), None, 2, None) for _ in range(50)))
    assert await index.points_open(behind) - before <= 2 + 20 * (time.monotonic() - began)
    for page in pages:
        assert len((await finder.search(channel, Wanted(), None, 2, page.next)).items) == 1


@pytest.mark.usefixtures("index")
async def test_the_index_keeps_the_points_that_three_processes_open_while_theirs_last(servers: Stack) -> None:
    name = "search.max_open_pit_context"
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=30) as client:
        told = (await client.get("/_cluster/settings", params={"flat_settings": "true", "include_defaults": "true"})).json()
    kept = next(told[level][name] for level in ("transient", "persistent", "defaults") if name in told[level])
    assert int(kept) >= 3 * 300 / points.SPACING_SECONDS


async def test_a_list_holds_the_write_that_it_waited_for_though_another_has_just_begun(
    finder: Finder, index: Index, channel: str
) -> None:
    await put(index, channel, [contact(channel, n, name="0") for n in range(3)], FIELDS)
    for written in range(1, 6):
        await finder.search(channel, Wanted(), None, 1, None)
        mine = contact(channel, written % 3, name=f"{written}", version=written + 1)
        await index.write(entries(channel, [mine], FIELDS))
        position = Position((Applied(kind="contact", id=str(mine.id), version=mine.version),))
        for _ in range(2):
            await finder.await_position(channel, position)
            page = await finder.search(channel, Wanted(), [SortKey("name", "desc")], 1, None)
            assert [item["name"] for item in page.items] == [f"{written}"]


async def test_a_list_shows_no_older_state_than_a_count_before_it(finder: Finder, index: Index, channel: str) -> None:
    for written in range(1, 6):
        await finder.search(channel, Wanted(), None, 1, None)
        await put(index, channel, [contact(channel, 10 * written + n) for n in range(3)], FIELDS)
        seen, _ = await finder.count(channel, Wanted())
        assert (await finder.search(channel, Wanted(), None, 1, None)).total == seen == 3 * written


async def test_an_expired_cursor_says_so(finder: Finder, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n) for n in range(3)], FIELDS)
    cursor = (await finder.search(channel, Wanted(), None, 1, None)).next
    assert cursor is not None
    # As after five minutes, when the index lets the point in time go by itself.
    await index.close_point(SEALER.open("cursor", cursor)["point"])
    with pytest.raises(Gone) as refusal:
        await finder.search(channel, Wanted(), None, 1, cursor)
    assert refusal.value.code == "cursorExpired"


async def test_a_fingerprint_is_good_for_one_hour_to_the_millisecond(
    database: Database, index: Index, neighbours: Neighbours, channel: str
) -> None:
    clock = FixedClock(NOW)
    finder = Finder(Store(database), TermSetStore(database), index, neighbours, SEALER, clock, caught_up)
    await put(index, channel, [contact(channel, n, name="x") for n in range(3)], FIELDS)
    asked = Wanted({"key": "name", "operator": "eq", "values": ["x"]}, True)
    total, fingerprint = await finder.count(channel, asked)
    shown = (await finder.search(channel, asked, None, 1, None)).fingerprint
    clock.instant = NOW + timedelta(hours=1)
    for word in (fingerprint, shown):
        assert await finder.audience(channel, asked, word) == total == 3
    clock.instant = NOW + timedelta(hours=1, milliseconds=1)
    for word in (fingerprint, shown):
        with pytest.raises(Conflict) as refusal:
            await finder.audience(channel, asked, word)
        told = refusal.value
        assert (told.status, told.code, told.pointer) == (409, "fingerprintMismatch", "/fingerprint")
    _, again = await finder.count(channel, asked)
    assert await finder.audience(channel, asked, again) == 3
