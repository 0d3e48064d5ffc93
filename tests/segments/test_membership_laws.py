"""The laws of membership on random histories: the log hangs on versions and definitions alone, never on who came by when."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from segments.membership import Known, Rule
from tests.segments.support import MINUTE, NOON, Book, compiled, doc, known, named, seen_within
from tests.support import oracle

FILTERS: list[dict[str, Any]] = [
    named("Kim"),
    seen_within(10),
    {"not": seen_within(10)},
    {"and": [seen_within(10), {"not": seen_within(3)}]},
    {"or": [named("Kim"), {"key": "lastSeenAt", "operator": "withinNext", "values": [{"n": 7, "unit": "minutes"}]}]},
    {"and": [{"not": named("Lee")}, {"key": "lastSeenAt", "operator": "notWithinLast", "values": [{"n": 5, "unit": "minutes"}]}]},
    {"key": "lastSeenAt", "operator": "before", "values": ["2026-11-24T12:08:00Z"]},
    {"key": "lastSeenAt", "operator": "calendar", "values": ["today"]},
]
WORLD = oracle.World()
LATER = NOON + 3 * 86_400_000
# Steps on the windows' edges, and a millisecond beside them.
STEPS = st.sampled_from([0, 1, 999, MINUTE, 3 * MINUTE, 3 * MINUTE + 1, 5 * MINUTE, 7 * MINUTE - 1, 10 * MINUTE, 25 * MINUTE])
NAMES = st.sampled_from([None, "Kim", "Lee"])
SEEN = st.one_of(st.none(), st.sampled_from([-10, -5, -3, 0, 4, 7, 20]).map(lambda minutes: minutes * MINUTE))


@st.composite
def histories(draw: st.DrawFn, *, ordered: bool = True) -> list[Known]:
    """A contact's versions; some in which it is gone, the last perhaps for good. Unordered: their times go back as well."""
    at = NOON
    versions: list[Known] = []
    for number in range(1, draw(st.integers(1, 7)) + 1):
        at += draw(STEPS if ordered else STEPS | STEPS.map(lambda step: -step))
        if draw(st.integers(0, 7)) == 0:
            versions.append(known(number, at, None, erased=draw(st.booleans())))
            continue
        seen = draw(SEEN)
        versions.append(known(number, at, doc(draw(NAMES), None if seen is None else at + seen)))
    return versions


def truth(raw: dict[str, Any], version: Known | None, instant: int) -> bool:
    return version is not None and version.doc is not None and oracle.holds(raw, version.doc, instant, WORLD)


def by_the_book(raw: dict[str, Any], versions: list[Known], until: int) -> list[tuple[str, str, int]]:
    """What the rules say of an ordered history: judged by the oracle at every instant at which anything may turn."""
    told: list[tuple[str, str, int]] = []
    inside, prior = False, None

    def judge(version: Known, instant: int, cause: str) -> None:
        nonlocal inside
        if truth(raw, version, instant) != inside:
            inside = not inside
            told.append(("entered" if inside else "left", cause, instant))

    for version in [*versions, None]:
        end = until if version is None else version.at
        if prior is not None and prior.doc is not None:
            for turn in oracle.turning_points(raw, prior.doc, prior.at, end, WORLD):
                judge(prior, turn, "clock")
        if version is not None:
            judge(version, version.at, "erasure" if version.erased and inside else "event")
            prior = version
    return told


@settings(max_examples=150)
@given(st.sampled_from(FILTERS), histories(), st.data())
def test_the_log_does_not_depend_on_when_the_timer_ran(raw: dict[str, Any], versions: list[Known], data: st.DataObject) -> None:
    book = Book(Rule(compiled(raw), 0, 1))
    for n, version in enumerate(versions):
        book.arrive([version])
        following = versions[n + 1].at if n + 1 < len(versions) else LATER
        for now in sorted(data.draw(st.lists(st.integers(version.at, following), max_size=3), label="timer")):
            book.tick(now)
    book.tick(LATER)
    assert book.told() == by_the_book(raw, versions, LATER)


@settings(max_examples=150)
@given(st.sampled_from(FILTERS), histories(ordered=False), st.data())
def test_redelivery_duplicates_reordering_and_batches_change_nothing(
    raw: dict[str, Any], versions: list[Known], data: st.DataObject
) -> None:
    one_by_one, in_batches = Book(Rule(compiled(raw), 0, 1)), Book(Rule(compiled(raw), 0, 1))
    rest = versions
    while rest:
        size = data.draw(st.integers(1, len(rest)), label="batch")
        batch, rest = rest[:size], rest[size:]
        seen_before = versions[: len(versions) - len(rest)]
        again = data.draw(st.lists(st.sampled_from(seen_before), max_size=4), label="again")
        in_batches.arrive(data.draw(st.permutations([*batch, *again]), label="order"))
        for version in batch:
            one_by_one.arrive([version])
        now = data.draw(st.integers(NOON, LATER), label="timer")
        one_by_one.tick(now)
        in_batches.tick(now)
    assert in_batches.log == one_by_one.log
    assert in_batches.stored == one_by_one.stored


@settings(max_examples=120)
@given(st.sampled_from(FILTERS), histories(ordered=False), st.lists(st.integers(NOON, LATER), max_size=4))
def test_entered_and_left_take_turns_and_their_sum_is_the_membership(
    raw: dict[str, Any], versions: list[Known], timers: list[int]
) -> None:
    book = Book(Rule(compiled(raw), 0, 1))
    for version, now in zip(versions, [*timers, *[NOON] * len(versions)], strict=False):
        book.arrive([version])
        book.tick(now)
    book.tick(LATER)
    words = [c.change for c in book.log]
    assert words == ["entered" if n % 2 == 0 else "left" for n in range(len(words))]
    assert book.member == (len(words) % 2 == 1)
    assert book.member == truth(raw, versions[-1], LATER)


TURNING = [raw for raw in FILTERS if compiled(raw)(doc(None, NOON), NOON).next_change is not None]


@settings(max_examples=120)
@given(st.sampled_from(TURNING), histories(ordered=False))
def test_the_next_change_is_where_it_flips(raw: dict[str, Any], versions: list[Known]) -> None:
    now = max(version.at for version in versions)
    book = Book(Rule(compiled(raw), 0, 1))
    book.arrive([*versions, known(len(versions) + 1, now, doc(None, now))])
    change, before = book.next_change, book.member
    assert change is not None
    book.tick(change - 1)
    assert book.member == before
    told = len(book.log)
    book.tick(change)
    assert [c.at for c in book.log[told:]] == [change]
    assert book.member != before


@settings(max_examples=120)
@given(st.sampled_from(FILTERS), histories(ordered=False))
def test_a_rebuild_finds_nothing_to_tell(raw: dict[str, Any], versions: list[Known]) -> None:
    book = Book(Rule(compiled(raw), 0, 1))
    book.arrive(versions)
    now = max(v.at for v in versions) + MINUTE
    book.tick(now)
    member, told = book.member, list(book.log)
    book.redefine(compiled(raw), now)
    book.go_live()
    assert book.log == told
    assert book.member == member


@dataclass
class Race:
    """A definition that changes in the middle of a history, and the moment at which the builder comes by."""

    before: list[Known]
    after: list[Known]
    since: int


@st.composite
def races(draw: st.DrawFn) -> Race:
    versions = draw(histories())
    cut = draw(st.integers(0, len(versions) - 1))  # the builder can come by at another moment only where a version follows
    since = (versions[cut - 1].at if cut else NOON - MINUTE) + draw(st.sampled_from([-MINUTE, -1, 0, 1, 4 * MINUTE]))
    # A version from before the definition that comes after it changes what the definition finds: that is another law.
    return Race(versions[:cut], versions[cut:], min([since, *[v.at - 1 for v in versions[cut:]]]))


@settings(max_examples=150)
@given(st.sampled_from(FILTERS), st.sampled_from(FILTERS), races(), st.data())
def test_the_log_does_not_depend_on_when_the_builder_came_by(
    old: dict[str, Any], new: dict[str, Any], race: Race, data: st.DataObject
) -> None:
    def play(build_after: int) -> Book:
        book = Book(Rule(compiled(old), 0, 1))
        book.arrive(race.before)
        book.redefine(compiled(new), race.since)
        for n, version in enumerate(race.after):
            if n == build_after:
                book.build()
            book.arrive([version])
        book.go_live()
        book.tick(LATER)
        return book

    first = play(0)
    other = play(data.draw(st.integers(1, len(race.after)), label="builder"))
    assert other.told() == first.told()
    assert other.member == first.member
