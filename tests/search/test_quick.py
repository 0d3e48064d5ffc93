"""The quick search as people type: numbers in any writing, Korean by syllable, initials, half a syllable, the wrong layout."""

import asyncio
import unicodedata
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localstack.stack import Stack
from search import hangul
from search.index import Index
from search.quick import quick
from tests.search.support import contact, put, quickly
from tests.support.quick_oracle import finds

CHANNEL = f"quick-{uuid4().hex[:12]}"
PEOPLE: dict[str, dict[str, object]] = {
    "hong": {
        "name": "홍길동", "email": "hong.gd@example.com", "mobileNumber": "+821012345678", "memberId": "member-1", "member": True,
    },
    "hwang": {"name": "황보 관", "mobileNumber": "+821098765432", "landlineNumber": "+82315551234"},
    "alice": {"name": "Alice Kim", "email": "ALICE@Sub.Example.COM", "landlineNumber": "+8221234567"},
    "magpie": {"name": unicodedata.normalize("NFD", "김까치")},
    "value": {"name": "김가치"},
    "go": {"name": "고상민"},
    "mixed": {"name": "李민수"},
    "sharp": {"name": "Straße"},
    "star": {"name": 'a*b?c\\d"e 👩‍👩‍👧'},
    "spaced": {"name": "김 철수"},
    "abroad": {"name": "Bob", "mobileNumber": "+12125550100"},
    "naver": {"name": "네이버123"},
    "address": {"name": "IP주소"},
    "jose": {"name": "José Ramírez"},
    "sahin": {"name": unicodedata.normalize("NFD", "Şahin")},
    "istanbul": {"name": "İstanbul"},
    "wide": {"name": "ＡＢＣ ７"},
    "yamada": {"name": "ﾔﾏﾀﾞ"},
    "greek": {"name": "Γιώργος"},
    "russian": {"name": "Алёна"},
    "gaga": {"name": "がか"},
    "laugh": {"name": "ㅋ곽"},
    "isu": {"name": "이길수"},
    "among": {"name": "도a래"},
    "nobody": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def people(servers: Stack, alias: str) -> None:
    async def fill() -> None:
        async with Index.open(servers.opensearch, alias) as index:
            await put(index, CHANNEL, [contact(CHANNEL, called, **members) for called, members in PEOPLE.items()])

    asyncio.run(fill())


def called(shown: dict[str, object]) -> str:
    return next(name for name, members in PEOPLE.items() if members.get("name") == shown["name"])


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        # numbers: any part, any writing
        ("010-1234-5678", {"hong"}),
        ("01012345678", {"hong"}),
        ("010 1234 5678", {"hong"}),
        ("+82 10-1234-5678", {"hong"}),
        ("821012345678", {"hong"}),
        ("(010) 1234.5678", {"hong"}),
        ("5678", {"hong"}),
        ("234-56", {"hong", "alice"}),
        ("０１０－１２３４", {"hong"}),
        ("010", {"hong", "hwang", "abroad"}),
        ("10-9876", {"hwang"}),
        ("02-123-4567", {"alice"}),
        ("+82 2 1234567", {"alice", "hong"}),
        ("031", {"hwang"}),
        ("(212) 555-0100", {"abroad"}),
        ("9999", set()),
        ("\u202d010-1234-5678\u202c", {"hong"}),
        ("\ufeff010-1234-5678", {"hong"}),
        ("tel:010-1234-5678", {"hong"}),
        ("TEL:+82-10-1234-5678", {"hong"}),
        ("010·1234·5678", {"hong"}),
        ("010_1234_5678", {"hong"}),
        ("＋82−10∼1234～5678", {"hong"}),
        ("010ㅡ1234ㅡ5678", {"hong"}),
        ("010・1234|5678", {"hong"}),
        ("“010-1234-5678”", {"hong"}),
        ("<010,1234;5678>", {"hong"}),
        ("5678@", set()),
        # what nobody sees comes along when one copies
        ("홍\u200b길동", {"hong"}),
        ("\ufeff김\u00ad 철\u200d수\u2060", {"spaced"}),
        ("ㅎ\u200bㄱㄷ", {"hong"}),
        ("👩\u200d👩", {"star"}),
        ("홍\u200b길순", set()),
        ("\u200b", set()),
        ("no 5678", set()),
        # addresses
        ("hong.gd@example.com", {"hong"}),
        ("ng.gd@EX", {"hong"}),
        ("example", {"hong", "alice"}),
        ("a.very.long.address.of.nobody@example.com", set()),
        ("@sub.", {"alice"}),
        ("member-1", {"hong"}),
        # names: any part, any case, any spacing, composed or not
        ("홍길동", {"hong"}),
        ("길동", {"hong"}),
        ("길", {"hong", "isu"}),
        ("홍 길 동", {"hong"}),
        ("황보관", {"hwang"}),
        ("보  관", {"hwang"}),
        ("김철수", {"spaced"}),
        ("김까치", {"magpie"}),
        (unicodedata.normalize("NFD", "까치"), {"magpie"}),
        (unicodedata.normalize("NFD", "길동"), {"hong"}),
        ("ALICE", {"alice"}),
        ("ｋim", {"alice"}),
        ("STRASSE", {"sharp"}),
        ("straẞe", {"sharp"}),
        ("*", {"star"}),
        ("b?c", {"star"}),
        ("\\", {"star"}),
        ('"', {"star"}),
        ("👩", {"star"}),
        # initials
        ("ㅎㄱㄷ", {"hong"}),
        ("ㄱㄷ", {"hong", "jose"}),
        ("ㅎㅂㄱ", {"hwang"}),
        ("ㄲㅊ", {"magpie"}),
        ("ㄱㅅ", {"go", "isu"}),
        ("ㄳ", {"go", "isu"}),
        ("ㄳㅁ", {"go"}),
        ("ㅎ ㄱ", {"hong", "hwang"}),
        ("ㅂㅎ", set()),
        # initials among syllables, letters and digits
        ("홍ㄱㄷ", {"hong"}),
        ("ㅎ길동", {"hong"}),
        ("ㅎ길ㄷ", {"hong"}),
        ("ㅎ길도", {"hong"}),
        ("길ㄷ", {"hong"}),
        ("ㅎㄱ도", {"hong"}),
        ("호ㄱㄷ", set()),
        ("ㅎ기도", set()),
        ("황ㅂㄱ", {"hwang"}),
        ("황 ㅂ 관", {"hwang"}),
        ("ㄴㅇㅂ123", {"naver"}),
        ("ㅇㅂ12", {"naver"}),
        ("ㅂ1", {"naver"}),
        ("네ㅇㅂ1", {"naver"}),
        ("ㄴㅇㅂ124", set()),
        ("ipㅈㅅ", {"address"}),
        ("IPㅈ소", {"address"}),
        ("ｐㅈㅅ", {"address"}),
        ("pㅉㅅ", set()),
        ("ㅋㄱ", {"laugh"}),
        ("ㄷㄹ", {"among"}),
        ("ㄷaㄹ", {"among"}),
        # a consonant that the input method drew into the syllable before it
        ("이ㄱㅅ", {"isu"}),
        ("읷", {"isu"}),
        ("익ㅅ", {"isu"}),
        ("ㅇ긼", {"isu"}),
        # accents and width
        ("jose ramirez", {"jose"}),
        ("JOSÉ", {"jose"}),
        ("josè", {"jose"}),
        ("ramírez jo", {"jose"}),
        ("sahin", {"sahin"}),
        ("şahın", set()),
        ("istanbul", {"istanbul"}),
        ("İSTANBUL", {"istanbul"}),
        ("abc7", {"wide"}),
        ("ａｂｃ", {"wide"}),
        ("ヤマダ", {"yamada"}),
        ("ﾔﾏﾀﾞ", {"yamada"}),
        ("ヤマタ", set()),
        ("がか", {"gaga"}),
        ("かか", set()),
        ("がが", set()),
        ("γιωργος", {"greek"}),
        ("ΓΙΏΡΓΟΣ", {"greek"}),
        ("алена", {"russian"}),
        ("ﾡㅅ", {"go", "isu"}),
        ("ㅓㅐㄴㄷ", {"jose"}),
        # half a syllable: by the keys pressed so far
        ("홍ㄱ", {"hong"}),
        ("홍기", {"hong"}),
        ("홍길ㄷ", {"hong"}),
        ("홍길도", {"hong"}),
        ("호", {"hong", "hwang"}),
        ("화", {"hwang"}),
        ("황ㅂ", {"hwang"}),
        ("황보ㄱ", {"hwang"}),
        ("까ㅊ", {"magpie"}),
        ("가ㅊ", {"value"}),
        ("李민ㅅ", {"mixed"}),
        ("李ㅁ", {"mixed"}),
        ("é민ㅅ", set()),
        ("홍ㄷ", set()),
        ("ㅏㅊ", set()),
        # the other layout, both ways
        ("ghdrlfehd", {"hong"}),
        ("GHDRLFEHD", {"hong"}),
        ("rlfehd", {"hong"}),
        ("ghdr", {"hong"}),
        ("ghkdqhrhks", {"hwang"}),
        ("rlaRkcl", {"magpie", "value"}),
        ("Rkcl", {"magpie", "value"}),
        ("rkcl", {"value"}),
        ("미ㅑㅊㄸ", {"alice"}),
        ("dehfflrghd", set()),
        ("ㅁㅣㅑㅊㄷ", {"alice"}),
        ("미ㅑㅊㄷ", {"alice"}),
        ("ㅁㅣㅑㅊㄷ ㅏㅑㅡ", {"alice"}),
        # each of several words somewhere
        ("hong 5678", {"hong"}),
        ("길동 example", {"hong"}),
        ("동 홍", {"hong"}),
        ("홍길동 9876", set()),
    ],
)  # fmt: skip
async def test_what_is_typed_finds(people: None, index: Index, typed: str, expected: set[str]) -> None:
    assert {called(shown) for shown in await quickly(index, CHANNEL, typed)} == expected


async def test_shift_is_another_key_and_what_it_may_have_been_pressed_for_comes_last(index: Index) -> None:
    channel = f"shift-{uuid4().hex[:12]}"
    later, earlier = "2026-11-20T00:00:00.000Z", "2026-11-01T00:00:00.000Z"
    people = [
        contact(channel, 1, name="바름", lastSeenAt=later),
        contact(channel, 2, name="박바름", lastSeenAt=later),
        contact(channel, 3, name="빠름", lastSeenAt=earlier),
        contact(channel, 4, name="박빠름", lastSeenAt=earlier),
    ]
    await put(index, channel, people)
    for typed, expected in {
        "빠름": ["빠름", "박빠름"],
        "ㅃ": ["빠름", "박빠름"],
        "ㅃㄹ": ["빠름", "박빠름"],
        "빠ㄹ": ["빠름", "박빠름"],
        "Qkfma": ["빠름", "박빠름", "바름", "박바름"],
        "qkfma": ["바름", "박바름"],
    }.items():
        assert [shown["name"] for shown in await quickly(index, channel, typed)] == expected, typed


_LETTERS = "홍황길기동도돈김가까관과각곽이수읷ㄱㄷㅎㅋaAbeéñＢㄳ12 か"
_NAMES = st.text(st.sampled_from(_LETTERS), min_size=1, max_size=6).filter(str.strip)


def _as_typed(names: list[str]) -> st.SearchStrategy[str]:
    """A part of a name, each of its characters as it is, by its initial, half typed, by its keys, or another one."""

    def written(character: str, how: int) -> str:
        (unit,) = hangul.units(character)
        match how:
            case 0:
                return hangul.initial(character) or character
            case 1:
                return unit
            case 2:
                return chr(ord(character) - (ord(character) - 0xAC00) % 28) if hangul.initial(character) else character
            case 3:
                return _LETTERS[(ord(character) * 7) % len(_LETTERS)]
            case 4:
                return character.swapcase()
            case _:
                return character

    def part(name: str, begin: int, end: int, hows: list[int]) -> str:
        chosen = name[begin % len(name) :][: 1 + end % len(name)]
        return "".join(map(written, chosen, hows))

    hows = st.one_of(st.lists(st.integers(0, 20), min_size=6, max_size=6), st.integers(0, 9).map(lambda how: [how] * 6))
    return st.builds(part, st.sampled_from(names), st.integers(0, 5), st.integers(0, 5), hows).filter(str.strip)


_PATIENT = [HealthCheck.data_too_large, HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example]


async def test_what_is_found_is_what_the_rules_say(servers: Stack, alias: str) -> None:
    @settings(max_examples=6, suppress_health_check=_PATIENT)
    @given(names=st.lists(_NAMES, min_size=30, max_size=30, unique=True), data=st.data())
    def law(names: list[str], data: st.DataObject) -> None:
        typed = data.draw(st.lists(_as_typed(names), min_size=40, max_size=40))

        async def compare() -> None:
            channel = f"law-{uuid4().hex[:12]}"
            async with Index.open(servers.opensearch, alias) as index:
                await put(index, channel, [contact(channel, n, name=name) for n, name in enumerate(names)])
                for each in typed:
                    shown = {str(who["name"]) for who in await quickly(index, channel, each)}
                    assert shown == {name for name in names if finds(each, [name])}, each

        asyncio.run(compare())

    await asyncio.to_thread(law)


@pytest.mark.parametrize("typed", ["", " ", "\t\u3000\n"])
def test_a_blank_term_is_none(typed: str) -> None:
    assert quick(typed, "KR") is None


async def test_the_whole_name_comes_before_its_beginning_and_that_before_a_part_then_the_latest_seen(index: Index) -> None:
    channel = f"order-{uuid4().hex[:12]}"
    day = "2026-11-{:02d}T00:00:00.000Z".format
    people = [
        contact(channel, "infix, newest", name="강민지", lastSeenAt=day(20)),
        contact(channel, "prefix, newer", name="민지수", lastSeenAt=day(12)),
        contact(channel, "prefix, older", name="민지안", lastSeenAt=day(11)),
        contact(channel, "prefix, never seen", name="민지영"),
        contact(channel, "exact, older", name="민지", lastSeenAt=day(1)),
        contact(channel, "exact, newer", name="민 지", lastSeenAt=day(2)),
        contact(channel, "somebody else", name="지민", lastSeenAt=day(21)),
    ]
    await put(index, channel, people)
    for typed in ("민지", "alswl", "ㅁㅈ"):
        names = [shown["name"] for shown in await quickly(index, channel, typed)]
        assert names[-1] == "강민지", typed
        assert names[:2] == ["민 지", "민지"], typed
        assert names[2:-1] == ["민지수", "민지안", "민지영"], typed


async def test_a_number_typed_whole_comes_before_one_that_only_begins_so(index: Index) -> None:
    channel = f"order-{uuid4().hex[:12]}"
    longer = contact(channel, "longer", mobileNumber="+82215881234", lastSeenAt="2026-11-20T00:00:00.000Z")
    whole = contact(channel, "whole", mobileNumber="+8215881234", lastSeenAt="2026-11-01T00:00:00.000Z")
    await put(index, channel, [longer, whole])
    assert [shown["id"] for shown in await quickly(index, channel, "1588-1234")] == [str(whole.id), str(longer.id)]
