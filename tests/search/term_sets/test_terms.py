"""Split terms: how a pasted text falls into terms, how each is read, and what the index says of it."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.clock import FixedClock
from common.errors import NotFound, Unprocessable
from common.events.contacts import FieldDefinition
from common.filters import FieldType
from common.health import Health
from common.ids import new_id
from common.phone import (
    UnreadablePhone,
    country_code,
    country_code_by_rules,
    phone_forms,
    phone_forms_by_rules,
    read_phone,
    read_phone_by_rules,
)
from common.postgres import Database
from search.document import tombstone
from search.index import Entry, Index
from search.seal import Sealer
from search.store import Store
from search.term_sets.handlers import TermSets
from search.term_sets.keeper import Keeper
from search.term_sets.store import NOTED_EVERY, TERM_SETS_KEPT, TermSetStore
from search.term_sets.terms import Pasted, decoded, normaliser, split
from tests.search.support import contact, contact_id, put

FIELDS = {"grade": "string", "sizes": "list", "count": "number", "old": "string"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b", ["a", "b"]),
        ("a b\tc\nd\r\ne", ["a", "b", "c", "d", "e"]),
        ("a，b\u3000c", ["a", "b", "c"]),
        ("a\u00a0b\u2003c", ["a", "b", "c"]),
        (" , ,\n,a,, ", ["a"]),
        ("", []),
        ('"a b",c', ["a b", "c"]),
        ('"a,b"\n"c\nd"', ["a,b", "c\nd"]),
        ('""', []),
        ('" "', []),
        ('"a ""b"" c"', ['a "b" c']),
        ('"', ['"']),
        ('a"b c"d', ['a"b', 'c"d']),
        ('"a b', ['"a', "b"]),
        ('"a b"c d', ['"a', 'b"c', "d"]),
        ('a" b', ['a"', "b"]),
        ('5" 6"', ['5"', '6"']),
        ("010-1234-5678, +82 10", ["010-1234-5678", "+82", "10"]),
        ('"010 1234 5678" 010.1', ["010 1234 5678", "010.1"]),
        ("a;b|c", ["a;b|c"]),
        ("홍길동 김철수", ["홍길동", "김철수"]),
    ],
)
def test_a_text_falls_into_terms(text: str, expected: list[str]) -> None:
    assert list(split(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kim@a.com; lee@b.com；c@d.com,e@f.com", ["kim@a.com", "lee@b.com", "c@d.com", "e@f.com"]),
        ("Kim <kim@a.com>; 이 민수 <lee@b.com>", ["Kim <kim@a.com>", "이 민수 <lee@b.com>"]),
        ("kim@a.com Lee <lee@b.com> <c@d.com>\ne@f.com", ["kim@a.com", "Lee <lee@b.com>", "<c@d.com>", "e@f.com"]),
        ('"Kim, Min" <kim@a.com>, "a b"@c.com "lee@b.com"', ['"Kim, Min" <kim@a.com>', '"a', 'b"@c.com', "lee@b.com"]),
        ("Kim<kim@a.com>;;;, ", ["Kim<kim@a.com>"]),
        ("kim@a.com\n\ufefflee@b.com\ufeff", ["kim@a.com", "lee@b.com"]),
        ("a < b; <", ["a", "<", "b", "<"]),
        ("Kim\n<kim@a.com>", ["Kim", "<kim@a.com>"]),
    ],
)
def test_recipients_of_a_mail_program_fall_into_addresses(text: str, expected: list[str]) -> None:
    assert list(Pasted(text).terms(FieldType.EMAIL)) == expected


def test_other_fields_keep_their_separators() -> None:
    assert list(Pasted("a;b <c>\n\ufeffd").terms(FieldType.STRING)) == ["a;b", "<c>", "d"]


@pytest.mark.parametrize(
    "text", ["<a " * 300_000, '"a <' * 200_000, "a " * 400_000 + "<", '"' * 1_000_000 + "<", "<" * 1_000_000]
)
def test_brackets_that_never_end_do_not_take_for_ever(text: str) -> None:
    assert sum(1 for _ in split(text, FieldType.EMAIL)) > 0


@given(st.text(alphabet="ab\x1c \t\n,\u00a0\u1680\u200b\u3000，;'", max_size=60))
def test_a_text_without_quotes_falls_into_the_same_terms_as_one_with_them(text: str) -> None:
    assert list(split(text)) == list(split(text + ' ""'))


@pytest.mark.parametrize("length", [1, 255 * 1024, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 600 * 1024])
def test_a_long_text_is_cut_between_terms_alone(length: int) -> None:
    terms = ["x" * length, "y" * length, "a", "z" * length]
    for text in (" , ".join(terms), "\n".join(["", *terms, ""]), " ".join([*terms, '"b c"'])):
        assert list(split(text)) == [*terms, *(["b c"] if '"' in text else [])]


@given(st.lists(st.text(alphabet='ab "\n,，\u3000', min_size=1, max_size=6).filter(lambda t: t.strip() != "")))
def test_quoted_terms_come_back_as_they_were(terms: list[str]) -> None:
    quoted = " ".join('"{}"'.format(term.replace('"', '""')) for term in terms)
    assert list(split(quoted)) == terms


@pytest.mark.parametrize("text", ['"a ' * 300_000, '"' * 1_000_000, '"a"" ' * 200_000, '"a "b ' * 200_000, '" "" ' * 200_000])
def test_quotes_that_never_end_do_not_take_for_ever(text: str) -> None:
    assert sum(1 for _ in split(text)) > 0


@pytest.mark.parametrize(
    ("kind", "term", "expected"),
    [
        (FieldType.PHONE, "010-1234-5678", "+821012345678"),
        (FieldType.PHONE, "+1 (212) 555-0100", "+12125550100"),
        (FieldType.PHONE, "hello", None),
        (FieldType.PHONE, "12", None),
        (FieldType.EMAIL, "Kim@Example.COM", "kim@example.com"),
        (FieldType.EMAIL, "kim", None),
        (FieldType.EMAIL, "kim@example", None),
        (FieldType.EMAIL, "a b@example.com", None),
        (FieldType.STRING, " VIP ", "vip"),
        (FieldType.STRING, "Straße", "strasse"),
        (FieldType.STRING, "x" * 10_001, None),
        (FieldType.LIST, "VIP/서울", "vip/서울"),
    ],
)
def test_a_term_is_read_as_its_field_is(kind: FieldType, term: str, expected: str | None) -> None:
    assert normaliser("profile.x", kind, "KR")([term, term]) == [expected, expected]


@pytest.mark.parametrize(
    ("key", "kind", "term", "expected"),
    [
        ("memberId", FieldType.STRING, "\ufeffKim\u200b", "kim"),
        ("tags", FieldType.LIST, " VIP\u00ad  gold ", "vip gold"),
        ("tags", FieldType.LIST, "\u200b", None),
        ("profile.x", FieldType.LIST, "VIP\u00ad", "vip\u00ad"),
        ("name", FieldType.STRING, "a\u200d", "a\u200d"),
        ("email", FieldType.EMAIL, "Kim <Kim@Example.com>;", "kim@example.com"),
        ("email", FieldType.EMAIL, "kim@exam\u200bple.com", "kim@example.com"),
        ("email", FieldType.EMAIL, "kim@xn--3e0b707e.com", "kim@한국.com"),
        ("mobileNumber", FieldType.PHONE, "010-1234-5678;", "+821012345678"),
        ("mobileNumber", FieldType.PHONE, "\ufeff010-1234-5678", "+821012345678"),
        ("mobileNumber", FieldType.PHONE, "010-l234-5678", None),
    ],
)
def test_what_stands_for_one_thing_is_looked_for_as_it_is_kept(
    key: str, kind: FieldType, term: str, expected: str | None
) -> None:
    assert normaliser(key, kind, "KR")([term]) == [expected]


def read(by: Callable[[str, str], str], written: str, country: str) -> str:
    """The number, or that there is none."""
    try:
        return by(written, country)
    except UnreadablePhone:
        return "unreadable"


@settings(max_examples=400)
@given(
    st.sampled_from(["010", "+8210", "+82 10", "+82-10", "+82 010", "011", "10", "82 10"]),
    st.sampled_from(["", "-", " ", "."]),
    st.text("0123456789", min_size=3, max_size=5),
    st.sampled_from(["", "-", " "]),
    st.text("0123456789", min_size=3, max_size=5),
    st.sampled_from(["KR", "US", "JP"]),
)
def test_the_usual_korean_numbers_are_read_as_the_numbering_plans_say(
    start: str, first: str, middle: str, second: str, end: str, country: str
) -> None:
    written = f"{start}{first}{middle}{second}{end}"
    assert read(read_phone, written, country) == read(read_phone_by_rules, written, country)


@settings(max_examples=400)
@given(
    st.sampled_from(
        ["01012345678", "+821012345678", "+8210123456789", "0101234567", "02012345678", "٠10١2345678", "+1012345678"]
    ),
    st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["-", " ", "--", " - ", "+", "0", "."])), max_size=6),
    st.sampled_from(["KR", "US"]),
)
def test_wherever_hyphens_and_blanks_stand_a_number_is_read_as_the_numbering_plans_say(
    digits: str, put: list[tuple[int, str]], country: str
) -> None:
    written = digits
    for place, sign in put:
        written = written[:place] + sign + written[place:]
    assert read(read_phone, written, country) == read(read_phone_by_rules, written, country)


@settings(max_examples=1000)
@given(st.sampled_from(["+8210", "+82", "+1"]), st.text("0123456789", min_size=7, max_size=9))
def test_the_forms_of_the_usual_korean_numbers_are_those_of_the_numbering_plans(start: str, rest: str) -> None:
    number = start + rest
    assert phone_forms(number) == phone_forms_by_rules(number)
    assert country_code(number) == country_code_by_rules(number)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_a_file_is_read_in_the_encodings_that_spreadsheets_write(encoding: str) -> None:
    assert decoded("홍길동,김철수\n".encode(encoding)) == "홍길동,김철수\n"


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(Unprocessable) as refusal:
        decoded(b"PK\x03\x04\xff\xff\x80")
    assert (refusal.value.code, refusal.value.pointer) == ("unreadableFile", "/file")


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
        await store.save_fields(channel, [(FieldDefinition.model_validate(definition), 1)])
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
