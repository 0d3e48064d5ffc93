"""How a channel's segments are judged, each by its own filter, and which of them a change could flip. Pure."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from common.filters.outcomes import TermValues
from segments.definition import Channel, Meaning, meaning, rule
from segments.flips.channel import Flips
from segments.membership import Rule


@dataclass(frozen=True, slots=True)
class Ruling:
    """The rules by segment, and what is found by: all that are judged over their conditions, and by instant of definition.

    `flips` goes over from a ruling to the one that follows it: the earlier is not asked what flips any more.
    """

    rules: Mapping[UUID, Rule] = field(default_factory=dict[UUID, Rule])
    meaning: Meaning = field(default_factory=Meaning)
    flips: Flips[UUID] = field(default_factory=Flips[UUID])
    building: Collection[UUID] = frozenset()
    by_since: Sequence[tuple[int, UUID]] = ()

    def defined_since(self, at: int) -> list[UUID]:
        """The segments whose definition is of that instant (milliseconds) or a later one."""
        return [name for _, name in self.by_since[bisect_left(self.by_since, at, key=lambda pair: pair[0]) :]]


NOTHING = Ruling()


def ruled(channel: Channel, terms: TermValues, before: Channel | None, was: Ruling) -> Ruling:
    """The ruling of a channel, from that of the channel before, if there was one: what means the same is not compiled again."""
    read = meaning(channel, before, was.meaning)
    flips = Flips[UUID]() if before is None else was.flips
    rules: dict[UUID, Rule] = {}
    for name, segment in channel.segments.items():
        node, before_rule = None if segment.status == "broken" else read.nodes.get(name), was.rules.get(name)
        if node is not None and before_rule is not None and before_rule.judge is not None and was.meaning.nodes.get(name) == node:
            rules[name] = replace(before_rule, since=segment.since, build=segment.build, building=segment.status == "building")
            continue
        rules[name] = rule(segment, node, terms)
        if node is None:
            flips.discard(name)
        else:
            flips.put(name, node, terms)
    for name in was.rules.keys() - rules.keys():
        flips.discard(name)
    flips.prepare()
    building = frozenset(name for name, each in rules.items() if each.building)
    return Ruling(rules, read, flips, building, sorted((each.since, name) for name, each in rules.items()))
