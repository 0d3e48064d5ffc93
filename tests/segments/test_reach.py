"""The few segments that look at a contact come to what all of them would: random definitions, versions, builds and clocks."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.filters import FieldDefinition, FieldType
from segments.definition import Channel, Segment, meaning, rebuilt, reconsidered
from segments.fault import fault, is_judged
from segments.ledger import Ledger, Place
from segments.membership import Change, Known, Rule, Standing, absent, define, follow, settle, turning
from segments.reach import EVER, built, judged, reach, settled, turned
from segments.ruling import NOTHING, Ruling, ruled
from tests.segments.support import MINUTE, NOON, doc, known, named, seen_within

DAY = 24 * 60 * MINUTE
ACTS = st.sampled_from(["versions", "versions", "versions", "define", "define", "clock", "clock", "build", "live", "purge"])
ONE = ("c", UUID(int=99))


def bought(operator: str, *values: Any) -> dict[str, Any]:
    return {"key": "profile.count", "operator": operator, "values": list(values)}


def seen(operator: str, minutes: int) -> dict[str, Any]:
    return {"key": "lastSeenAt", "operator": operator, "values": [{"n": minutes, "unit": "minutes"}]}


FILTERS: list[Any] = [
    named("Kim"), seen_within(10), {"not": seen_within(3)}, {"and": [seen_within(10), {"not": seen_within(3)}]},
    {"and": [named("Kim"), seen_within(10)]}, {"and": [named("Lee"), seen("notWithinLast", 5)]},
    {"or": [named("Kim"), seen("withinNext", 7)]}, {"and": [{"not": named("Lee")}, seen("notWithinLast", 5), bought("gte", 2)]},
    {"or": [{"and": [seen_within(10), bought("lt", 3)]}, {"and": [seen("notWithinLast", 10), bought("gte", 3)]}]},
    {"key": "lastSeenAt", "operator": "calendar", "values": ["today"]}, bought("gte", 2), {"not": bought("eq", 1, 3)},
    {"key": "lastSeenAt", "operator": "before", "values": ["2026-11-24T12:08:00Z"]}, {"and": []}, {"or": []},
    {"key": "lastSeenAt", "operator": "notExists"}, {"and": [seen_within(10), seen_within(3), bought("between", 1, 2)]},
    {"key": "segment", "operator": "in", "values": [str(UUID(int=1))]},
]  # fmt: skip
FIELDS = {"count": FieldDefinition(FieldType.NUMBER)}
STEPS = st.sampled_from([0, 1, 999, MINUTE, 3 * MINUTE, 3 * MINUTE + 1, 5 * MINUTE, 7 * MINUTE - 1, 10 * MINUTE, DAY])


@dataclass
class Everyone:
    """Judges each version by every segment, and keeps when each is due: what the rules say, at any cost."""

    ruling: Ruling = NOTHING
    rows: dict[UUID, Standing] = field(default_factory=dict[UUID, Standing])
    prior: Known | None = None
    log: dict[UUID, list[Change]] = field(default_factory=dict[UUID, list[Change]])

    def arrive(self, versions: list[Known]) -> None:
        for name, rule in self.ruling.rules.items():
            standing, before = self.rows.get(name) or absent(rule), self.prior
            for version in versions:
                standing = self._note(name, follow(standing, rule, before, version))
                before = version
            self._keep(name, rule, standing, versions[-1])
        self.prior = versions[-1]

    def tick(self, now: int) -> None:
        for name, rule in self.ruling.rules.items():
            stored = self.rows.get(name)
            if stored is not None and stored.next_change is not None and stored.next_change <= now:
                assert self.prior is not None
                self._keep(name, rule, self._note(name, settle(stored, rule, self.prior, now)), self.prior)

    def build(self) -> None:
        for name in self.ruling.building:
            rule, stored = self.ruling.rules[name], self.rows.get(name)
            if self.prior is not None and self.prior.doc is not None and (stored is None or stored.build != rule.build):
                standing = self._note(name, define(stored or absent(rule), rule, self.prior))
                self._keep(name, replace(rule, building=False), standing, self.prior)

    def purge(self, before: int) -> None:
        for name, row in list(self.rows.items()):
            if row.settled < before and not row.member and row.next_change is None and name not in self.ruling.building:
                del self.rows[name]

    def _note(self, name: UUID, found: tuple[Standing, list[Change]]) -> Standing:
        self.log.setdefault(name, []).extend(found[1])
        return found[0]

    def _keep(self, name: UUID, rule: Rule, standing: Standing, version: Known) -> None:
        worth = standing.next_change is not None or standing.worth_keeping(rule, version.at)
        if version.json is not None and worth:
            self.rows[name] = standing
        else:
            self.rows.pop(name, None)


@dataclass
class Few:
    """The same by those within reach alone, with what the tables keep."""

    ruling: Ruling = NOTHING
    rows: dict[UUID, Standing] = field(default_factory=dict[UUID, Standing])
    prior: Known | None = None
    due: int | None = None
    log: dict[UUID, list[Change]] = field(default_factory=dict[UUID, list[Change]])

    def arrive(self, versions: list[Known]) -> None:
        within, ledger = reach(self.ruling, self.prior, self.due, versions), Ledger()
        some = {name: row for name, row in self.rows.items() if name in within.segments or row.settled > within.settled_after}
        for _ in judged(ledger, self.ruling, ONE, some, self.prior, within, versions):
            pass
        self.prior, self.due = versions[-1], within.due
        self._write(ledger)

    def tick(self, now: int) -> None:
        if self.prior is None or self.due is None or self.due > now:
            return
        within, ledger = turned(self.ruling, self.prior, self.due, now), Ledger()
        some = {name: row for name, row in self.rows.items() if name in within.segments}
        for _ in settled(ledger, self.ruling, ONE, some, self.prior, within, now):
            pass
        self.due = within.due
        self._write(ledger)

    def build(self) -> None:
        ledger = Ledger()
        for name in self.ruling.building:
            rule, stored = self.ruling.rules[name], self.rows.get(name)
            if self.prior is not None and self.prior.doc is not None and (stored is None or stored.build != rule.build):
                built(ledger, rule, Place(ONE[0], name, ONE[1]), stored, self.prior)
        if ONE in ledger.dues:
            self.due = min(ledger.dues[ONE], ledger.dues[ONE] if self.due is None else self.due)
        self._write(ledger)

    def purge(self, before: int) -> None:
        for name, row in list(self.rows.items()):
            if row.settled < before and not row.member and name not in self.ruling.building:
                del self.rows[name]

    def _write(self, ledger: Ledger) -> None:
        for place in ledger.dropped:
            del self.rows[place.segment_id]
        assert not {place.segment_id for place in ledger.made} & self.rows.keys()
        for place, row in (ledger.made | ledger.kept).items():
            assert row.next_change is None
            self.rows[place.segment_id] = row
        for place, change in ledger.changes:
            self.log.setdefault(place.segment_id, []).append(change)


class Play:
    """One channel and one contact, judged both ways."""

    def __init__(self) -> None:
        self.channel, self.everyone, self.few, self.now, self.version = Channel(fields=FIELDS), Everyone(), Few(), NOON, 0

    def define(self, changed: Channel) -> None:
        """The rules, which follow for the few and are read from the beginning for everyone."""
        changed = replace(changed, revision=self.channel.revision + 1)
        before = None if self.channel.revision == 0 else self.channel
        self.few.ruling = ruled(changed, {}, before, self.few.ruling)
        self.everyone.ruling = ruled(changed, {}, None, NOTHING)
        self.channel = changed

    def arrive(self, versions: list[Known]) -> None:
        self.everyone.arrive(versions)
        self.few.arrive(versions)

    def build(self) -> None:
        """The builder comes to the contact."""
        self.everyone.build()
        self.few.build()

    def go_live(self) -> None:
        """And to the end."""
        self.build()
        for segment in self.channel.segments.values():
            if segment.status == "building":
                self.define(self.channel.with_segment(replace(segment, status="live")))

    def check(self) -> None:
        names = self.channel.segments
        told = {name: changes for name, changes in self.few.log.items() if changes}
        assert told == {name: changes for name, changes in self.everyone.log.items() if changes}
        for name in names:
            ours, theirs = self.few.rows.get(name), self.everyone.rows.get(name)
            assert (ours is not None and ours.member) == (theirs is not None and theirs.member)
        for name, rule in self.few.ruling.rules.items():
            if is_judged(rule):
                standing = turning(self.few.rows.get(name) or absent(rule), self.few.due)
                assert fault(standing, rule, self.few.prior, self.now) is None


@settings(max_examples=250)
@given(st.data())
def test_a_few_segments_come_to_what_all_would(data: st.DataObject) -> None:
    play = Play()
    for _ in range(data.draw(st.integers(3, 14), label="steps")):
        act = data.draw(
            st.sampled_from(["versions", "versions", "versions", "define", "define", "clock", "build", "purge"]), label="act"
        )
        match act:
            case "versions":
                play.arrive(data.draw(versions(play), label="versions"))
            case "define":
                play.define(data.draw(definitions(play), label="channel"))
            case "clock":
                play.now += data.draw(STEPS, label="later")
                play.everyone.tick(play.now)
                play.few.tick(play.now)
            case "build":
                play.build()
            case "live":
                play.go_live()
            case "purge":
                play.everyone.purge(play.now - DAY)
                play.few.purge(play.now - DAY)
        play.check()


@st.composite
def versions(draw: st.DrawFn, play: Play) -> list[Known]:
    """The next versions: most at the present, some from before the last one, some in which the contact is gone."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        play.now += draw(STEPS)
        play.version += draw(st.integers(1, 2))  # a version may have been passed over
        at = play.now - draw(st.sampled_from([0, 0, 0, 1, 2 * MINUTE, 11 * MINUTE]))
        if draw(st.integers(0, 7)) == 0:
            found.append(known(play.version, at, None, erased=draw(st.booleans())))
            continue
        last = draw(st.none() | st.sampled_from([-10, -5, -3, 0, 4, 7, 20]))
        shown = {
            **doc(draw(st.sampled_from([None, "Kim", "Lee"])), None if last is None else at + last * MINUTE),
            "profile": {"count": draw(st.sampled_from([None, 0, 1, 2, 3]))},
        }
        found.append(known(play.version, at, shown))
    return found


@st.composite
def definitions(draw: st.DrawFn, play: Play) -> Channel:
    """A segment that is made, changed, broken, mended or deleted now."""
    channel, name = play.channel, UUID(int=draw(st.integers(1, 5)))
    was = channel.segments.get(name)
    if was is None:
        made = Segment(name, "s", draw(st.sampled_from(FILTERS)), 1, "building", None, 1, play.now)
    elif draw(st.integers(0, 5)) == 0:
        made = replace(was, status="broken", problem="p")
    else:
        changed = replace(was, filter=draw(st.sampled_from(FILTERS)), definition_version=was.definition_version + 1)
        made = rebuilt(changed, play.now)
    after = channel.with_segment(made)
    if name in meaning(after).refusals:
        after = after.with_segment(replace(made, status="broken", problem="p"))
    for other in reconsidered(channel, after, play.now):
        if other.id != name:
            after = after.with_segment(other)
    return after


def played(*filters: object, since: int = 0) -> Play:
    play = Play()
    for number, raw in enumerate(filters, 1):
        name = UUID(int=number)
        play.define(play.channel.with_segment(Segment(name, "s", raw, 1, "live", None, 1, since)))
    return play


def numbers(play: Play, version: Known) -> set[int]:
    within = reach(play.few.ruling, play.few.prior, play.few.due, [version])
    return {name.int for name in within.segments}


def test_a_visit_within_all_windows_asks_no_segment_and_is_due_later() -> None:
    play = played(seen_within(10), {"not": seen_within(3)}, {"and": [seen_within(5), named("Kim")]})
    play.arrive([known(1, NOON, doc("Kim", NOON))])
    assert play.few.due == NOON + 3 * MINUTE
    version = known(2, NOON + MINUTE, doc("Kim", NOON + MINUTE))
    assert numbers(play, version) == set()
    rows = dict(play.few.rows)
    play.arrive([version])
    assert play.few.rows == rows
    assert play.few.due == NOON + 4 * MINUTE


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        (known(2, NOON + 1, doc("Lee", NOON)), {2}),
        (known(2, NOON - 1, doc("Kim", NOON)), {1, 2, 3}),  # from before the last
        (known(2, NOON + 10 * MINUTE, doc("Kim", NOON)), {1}),  # the clock first
        (known(2, NOON + 1, None), set[int]()),
    ],
)
def test_who_is_asked(version: Known, asked: set[int]) -> None:
    play = played(seen_within(10), named("Kim"), named("Choi"))
    play.arrive([known(1, NOON, doc("Kim", NOON))])
    assert numbers(play, version) == asked


def test_a_version_from_before_a_clock_change_is_looked_at_by_whom_that_was_told() -> None:
    play = played(seen_within(10), named("Kim"))
    play.arrive([known(1, NOON, doc("Kim", NOON))])
    play.now = NOON + 10 * MINUTE
    play.everyone.tick(play.now)
    play.few.tick(play.now)
    late = NOON + 9 * MINUTE  # then both versions were within the window
    play.arrive([known(2, late, doc("Kim", late))])
    play.check()
    first = [(change.change, change.at) for change in play.few.log[UUID(int=1)]]
    assert first == [("entered", NOON), ("left", NOON + 10 * MINUTE), ("entered", late)]


@pytest.mark.parametrize("after", [1, 2, MINUTE])
def test_it_is_due_at_the_very_next_instant_too(after: int) -> None:
    play = played(seen_within(10))
    play.arrive([known(1, NOON + 10 * MINUTE - after, doc("Kim", NOON))])
    assert play.few.due == NOON + 10 * MINUTE


def test_all_standings_of_a_contact_that_goes_are_looked_at() -> None:
    play = played(named("Kim"))
    play.arrive([known(1, NOON, doc("Kim"))])
    assert reach(play.few.ruling, play.few.prior, None, [known(2, NOON + 1, None)]).settled_after == EVER


def test_segments_that_are_defined_later_or_being_built_are_asked() -> None:
    play = played(named("Kim"), since=NOON + MINUTE)
    play.arrive([known(1, NOON, doc("Kim"))])
    assert numbers(play, known(2, NOON + 1, doc("Kim"))) == {1}
    assert numbers(play, known(2, NOON + MINUTE + 1, doc("Kim"))) == set()
    play.define(play.channel.with_segment(rebuilt(play.channel.segments[UUID(int=1)], NOON)))
    assert numbers(play, known(2, NOON + MINUTE + 1, doc("Kim"))) == {1}


def test_a_contact_wakes_in_vain_once_and_then_not_before_something_can_be() -> None:
    play = played({"and": [named("Lee"), seen_within(3)]}, seen_within(10))
    play.arrive([known(1, NOON, doc("Kim", NOON))])
    assert play.few.due == NOON + 3 * MINUTE
    play.few.tick(NOON + 3 * MINUTE)
    assert play.few.due == NOON + 10 * MINUTE
    play = played(
        {"and": [named("Lee"), seen_within(3)]}, {"and": [named("Lee"), seen_within(5)]}, {"and": [named("Choi"), seen_within(7)]}
    )
    play.arrive([known(1, NOON, doc("Kim", NOON))])
    play.few.tick(NOON + 3 * MINUTE)
    assert play.few.due is None


def test_what_the_clock_does_while_others_are_still_being_built_is_told() -> None:
    play = played({"and": []})
    play.arrive([known(1, NOON, doc("Kim", NOON))])
    play.now = NOON + MINUTE
    play.define(play.channel.with_segment(Segment(UUID(int=2), "s", {"not": seen_within(10)}, 1, "building", None, 1, play.now)))
    play.build()
    play.now = NOON + 10 * MINUTE
    play.everyone.tick(play.now)
    play.few.tick(play.now)
    play.go_live()
    play.check()
    assert [(change.change, change.cause, change.at) for change in play.few.log[UUID(int=2)]] == [("entered", "clock", play.now)]
