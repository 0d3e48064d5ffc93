"""Term sets: what the index says of each term, how long a set stays, and what is refused."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from common.clock import FixedClock
from common.errors import NotFound, Unprocessable
from common.events.contacts import FieldDefinition
from common.health import Health
from common.ids import new_id
from common.postgres import Database
from search.bulk import Entry
from search.document import tombstone
from search.index import Index
from search.seal import Sealer
from search.store import Store
from search.term_sets.api import named
from search.term_sets.handlers import TermSets
from search.term_sets.keeper import Keeper
from search.term_sets.store import NOTED_EVERY, TERM_SETS_KEPT, TermSetStore
from search.term_sets.terms import split
from tests.search.support import contact, contact_id, put

FIELDS = {"grade": "string", "sizes": "list", "count": "number", "old": "string"}


@pytest.fixture
def channel() -> str:
    return f"terms-{uuid4().hex[:12]}"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 24, 3, tzinfo=UTC))


@pytest.fixture
async def term_sets(database: Database, index: Index, clock: FixedClock, channel: str) -> TermSets:
    store = Store(database)
    for key, word in FIELDS.items():
        definition = {"key": f"profile.{key}", "type": word.capitalize(), "archived": key == "old"}
        await store.save_fields(channel, [(FieldDefinition.of(definition), 1)])
    return TermSets(store, TermSetStore(database), index, Sealer(b"a key of the tests' own"), clock, new_id)


async def test_each_term_is_counted_once_and_told_with_its_contacts(term_sets: TermSets, index: Index, channel: str) -> None:
    people = [
        contact(channel, "kim", mobileNumber="+821012345678"),
        contact(channel, "lee", mobileNumber="+821011112222"),
        contact(channel, "lee again", mobileNumber="+821011112222"),
    ]
    await put(index, channel, people)
    await put(index, f"{channel}-other", [contact(f"{channel}-other", "x", mobileNumber="+821099999999")])
    text = "010-1234-5678, +821012345678 01011112222\n010-9999-9999\tnobody\n010-12345678"
    made = await term_sets.create(channel, "mobileNumber", split(text), "kim")
    assert made.counts == (1, 1, 1, 2, 1)
    items, following = await term_sets.terms(channel, made.id, None, 100, None)
    assert following is None
    both = sorted(contact_id(channel, name) for name in ("lee", "lee again"))
    assert [(i["term"], i["normalised"], i["status"], i["contactIds"]) for i in items] == [
        ("010-1234-5678", "+821012345678", "found", [contact_id(channel, "kim")]),
        ("+821012345678", "+821012345678", "duplicate", []),
        ("01011112222", "+821011112222", "ambiguous", both),
        ("010-9999-9999", "+821099999999", "notFound", []),
        ("nobody", None, "unreadable", []),
        ("010-12345678", "+821012345678", "duplicate", []),
    ]
    assert [i["term"] for i in (await term_sets.terms(channel, made.id, "duplicate", 100, None))[0]] == [
        "+821012345678",
        "010-12345678",
    ]
    assert (await term_sets.forms(channel, made.id))[1] == ["+821012345678", "+821011112222", "+821099999999"]


async def test_a_report_names_no_contact_that_was_erased_since(term_sets: TermSets, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, "kim", email="kim@example.com")])
    made = await term_sets.create(channel, "email", ["kim@example.com"], "lee")
    kim = contact_id(channel, "kim")
    assert [i["contactIds"] for i in (await term_sets.terms(channel, made.id, None, 100, None))[0]] == [[kim]]
    assert await index.write([Entry(f"{channel}/{kim}", 2, tombstone(channel, kim, 2))]) == []
    await index.refresh()
    assert [i["contactIds"] for i in (await term_sets.terms(channel, made.id, None, 100, None))[0]] == [[]]


async def test_a_term_set_goes_thirty_days_after_its_last_use_and_no_sooner(
    term_sets: TermSets, database: Database, clock: FixedClock, channel: str
) -> None:
    store = TermSetStore(database)
    keeper = Keeper(store, clock, Health({}))
    used, unused = [await term_sets.create(channel, "name", ["a"], "kim") for _ in range(2)]
    made_at = clock.instant
    for since in (timedelta(hours=22), TERM_SETS_KEPT, TERM_SETS_KEPT + NOTED_EVERY - timedelta(milliseconds=1)):
        clock.instant = made_at + since
        await keeper.clear()
        assert (await term_sets.get(channel, used.id)).id == used.id
        assert await store.rows(channel, unused.id, 0, None) is not None
    clock.instant = made_at + TERM_SETS_KEPT + timedelta(days=1)
    await keeper.clear()
    with pytest.raises(NotFound):
        await term_sets.get(channel, unused.id)
    assert await store.rows(channel, unused.id, 0, None) is None
    for use in (term_sets.terms(channel, used.id, None, 100, None), term_sets.forms(channel, used.id)):
        clock.instant += TERM_SETS_KEPT
        await use
        await keeper.clear()
    clock.instant += TERM_SETS_KEPT
    await keeper.clear()
    assert (await store.named(channel, [used.id, unused.id], clock.instant)).keys() == {used.id}
    clock.instant += TERM_SETS_KEPT + timedelta(days=1)
    await keeper.clear()
    assert await store.named(channel, [used.id], clock.instant) == {}


async def test_lists_and_texts_are_looked_through_as_filters_do(term_sets: TermSets, index: Index, channel: str) -> None:
    people = [
        contact(channel, 1, tags=["VIP", "x"], profile={"grade": "Straße", "sizes": ["L", "XL"]}),
        contact(channel, 2, tags=["vip", "y"], profile={"grade": "b"}),
    ]
    await put(index, channel, people, FIELDS)
    for key, terms, counts in [
        ("tags", ["VIP", "X", "z", "vip"], (1, 1, 1, 1, 0)),
        ("profile.grade", ["STRASSE", "B", "c"], (2, 1, 0, 0, 0)),
        ("user.profile.sizes", ["l", "xl", "m"], (2, 1, 0, 0, 0)),
        ("id", [contact_id(channel, 1), "no id"], (1, 1, 0, 0, 0)),
    ]:
        assert (await term_sets.create(channel, key, terms, "kim")).counts == counts, key


async def test_many_terms_are_told_page_by_page_in_their_order(term_sets: TermSets, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n, memberId=f"m-{n}") for n in range(0, 45_000, 1500)])
    terms = [f"m-{n}" for n in range(45_000)] + ["M-0"] * 10
    made = await term_sets.create(channel, "memberId", terms, "kim")
    assert made.counts == (30, 44_970, 0, 10, 0)
    told: list[str] = []
    cursor: str | None = None
    while True:
        items, cursor = await term_sets.terms(channel, made.id, "found", 7, cursor)
        told += [item["term"] for item in items]
        assert all(len(item["contactIds"]) == 1 for item in items)
        if cursor is None:
            break
    assert told == [f"m-{n}" for n in range(0, 45_000, 1500)]
    first, cursor = await term_sets.terms(channel, made.id, None, 100, None)
    assert Counter(item["status"] for item in first) == {"found": 1, "notFound": 99}
    with pytest.raises(Unprocessable):
        await term_sets.terms(channel, made.id, "found", 100, cursor)
    with pytest.raises(Unprocessable):
        await term_sets.terms(channel, made.id, None, 100, "no cursor")


async def test_the_report_is_one_file_that_runs_nothing_and_holds_little_in_memory(
    term_sets: TermSets, index: Index, channel: str
) -> None:
    await put(index, channel, [contact(channel, 0, name="=1+1"), contact(channel, 1, name='comma, "quoted"')])
    terms = ["=1+1", 'comma, "quoted"', *(f"이름 {n}" for n in range(60_000)), "=1+1"]
    made = await term_sets.create(channel, "name", terms, "kim")
    pieces = [piece async for piece in term_sets.report(channel, made, None)]
    assert len(pieces) > 3
    whole = b"".join(pieces)
    assert whole.startswith(b"\xef\xbb\xbfterm,normalised,status\r\n")
    rows = list(csv.reader(io.StringIO(whole.decode("utf-8-sig"))))
    assert rows[1:4] == [
        ["'=1+1", "'=1+1", "found"],
        ['comma, "quoted"', 'comma, "quoted"', "found"],
        ["이름 0", "이름 0", "notFound"],
    ]
    assert len(rows) == 60_004
    found = b"".join([piece async for piece in term_sets.report(channel, made, "duplicate")]).decode("utf-8-sig")
    assert found == "term,normalised,status\r\n'=1+1,'=1+1,duplicate\r\n"


@pytest.mark.parametrize(
    ("key", "terms", "code", "pointer"),
    [
        ("nickname", ["a"], "unknownField", "/key"),
        ("profile.x", ["a"], "unknownField", "/key"),
        ("profile.old", ["a"], "archivedField", "/key"),
        ("profile.count", ["1"], "wrongType", "/key"),
        ("member", ["true"], "wrongType", "/key"),
        ("lastSeenAt", ["2026-11-24"], "wrongType", "/key"),
        ("segment", ["a"], "unknownField", "/key"),
        ("name", [], "noTerms", None),
    ],
)
async def test_what_is_no_term_set_is_refused(
    term_sets: TermSets, channel: str, key: str, terms: list[str], code: str, pointer: str | None
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        await term_sets.create(channel, key, terms, "kim")
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)


async def test_a_million_and_one_terms_are_refused_before_more_is_read(term_sets: TermSets, channel: str) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "the same"

    with pytest.raises(Unprocessable) as refusal:
        await term_sets.create(channel, "name", endless(), "kim")
    assert refusal.value.code == "tooManyTerms"
    assert read < 1_200_000


async def test_another_channels_term_set_is_not_there(term_sets: TermSets, channel: str) -> None:
    made = await term_sets.create(channel, "name", ["a"], "kim")
    for place, name in ((f"{channel}-other", made.id), (channel, UUID(int=7))):
        with pytest.raises(NotFound):
            await term_sets.terms(place, name, None, 100, None)


@pytest.mark.parametrize("path", ["NOID", "", "019a1f0e-7c2e-7d44-9a51"])
async def test_what_can_be_no_id_names_no_term_set(path: str) -> None:
    with pytest.raises(NotFound, match=r"There is no such term set\."):
        await named(path)
