"""One contact in one segment as the store would keep it, and short words for versions, filters and instants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from common.clock import from_millis, to_wire
from common.filters import CompiledFilter, Context, compile_filter, parse
from segments.ledger import Ledger, Place
from segments.membership import Change, Known, Rule, Standing, absent, define, follow, recall, settle

MINUTE = 60_000
NOON = 1_795_521_600_000
"""2026-11-24T12:00:00Z, in milliseconds."""

PLACE = Place("c", UUID(int=1), UUID(int=2))


def compiled(raw: object) -> CompiledFilter:
    """A filter over built-in fields."""
    return compile_filter(parse(raw, Context()))


def seen_within(minutes: int) -> dict[str, Any]:
    """The filter that the clock ends."""
    return {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": minutes, "unit": "minutes"}]}


def named(name: str) -> dict[str, Any]:
    """The filter that only events move."""
    return {"key": "name", "operator": "eq", "values": [name]}


def doc(name: str | None = None, seen: int | None = None) -> dict[str, Any]:
    """A contact as the API shows it, as far as these filters look."""
    return {"name": name, "lastSeenAt": None if seen is None else to_wire(from_millis(seen))}


def known(version: int, at: int, shown: Mapping[str, Any] | None, *, erased: bool = False) -> Known:
    """A version of the contact."""
    return Known(version, at, None if shown is None else orjson.dumps(shown), erased)


@dataclass
class Book:
    """What the store holds of one contact in one segment, kept and dropped by the same rules, and the log."""

    rule: Rule
    stored: Standing | None = None
    prior: Known | None = None
    log: list[Change] = field(default_factory=list)

    @property
    def next_change(self) -> int | None:
        """When the clock turns it."""
        return recall(self.stored or absent(self.rule), self.rule, self.prior).next_change

    def arrive(self, versions: Sequence[Known]) -> None:
        """A batch as the consumer judges it: what is not newer than what is there is ignored."""
        latest = self.prior.version if self.prior else 0
        fresh = sorted({v.version: v for v in versions if v.version > latest}.items())
        if not fresh:
            return
        standing = recall(self.stored or absent(self.rule), self.rule, self.prior)
        for _, version in fresh:
            standing, changes = follow(standing, self.rule, self.prior, version)
            self.log += changes
            self.prior = version
        self._close(standing, self.rule)

    def tick(self, now: int) -> None:
        """The timer."""
        standing = recall(self.stored or absent(self.rule), self.rule, self.prior)
        if standing.next_change is None or standing.next_change > now or self.prior is None:
            return
        standing, changes = settle(standing, self.rule, self.prior, now)
        self.log += changes
        self._close(standing, self.rule)

    def build(self) -> None:
        """The builder comes by; a contact that is gone it does not see."""
        if self.prior is None or self.prior.doc is None or (self.stored and self.stored.build == self.rule.build):
            return
        standing, changes = define(self.stored or absent(self.rule), self.rule, self.prior)
        self.log += changes
        self._close(standing, Rule(self.rule.judge, self.rule.since, self.rule.build))

    def redefine(self, judge: CompiledFilter | None, since: int) -> None:
        """Another definition, to be built; without `judge` the segment is broken."""
        if judge is None:
            self.rule = Rule(None, self.rule.since, self.rule.build)
        else:
            self.rule = Rule(judge, since, self.rule.build + 1, building=True)

    def go_live(self) -> None:
        """The build is done."""
        self.build()
        self.rule = Rule(self.rule.judge, self.rule.since, self.rule.build)

    @property
    def member(self) -> bool:
        """Whether the contact is in."""
        return self.stored is not None and self.stored.member

    def told(self) -> list[tuple[str, str, int]]:
        """The log, without the versions."""
        return [(c.change, c.cause, c.at) for c in self.log]

    def _close(self, standing: Standing, rule: Rule) -> None:
        assert self.prior is not None
        ledger = Ledger()
        ledger.close(PLACE, self.stored, standing, rule, self.prior)
        if PLACE in ledger.dropped:
            self.stored = None
        self.stored = (ledger.made | ledger.kept).get(PLACE, self.stored)
