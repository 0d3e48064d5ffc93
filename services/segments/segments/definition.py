"""What a channel's segments mean: their filters read with its fields and settings, each referred segment inlined."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

from common.errors import NotFound
from common.filters import (
    BROKEN_SEGMENT,
    CompiledFilter,
    Condition,
    Context,
    FieldDefinition,
    FieldType,
    FilterRefused,
    Node,
    broken_segment,
    check_inlined,
    compile_filter,
    conditions,
    inline,
    named_term_sets,
    parse,
    segment_circle,
    segment_ids,
)
from common.filters.outcomes import TermValues
from common.ids import parse_id
from segments.membership import Rule


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it is kept. `filter` is what was written, `since` (milliseconds) the instant its present build judges by.

    `version` counts what managers changed of it, `definition_version` the filters alone.
    """

    id: UUID
    name: str
    filter: object
    definition_version: int
    status: str
    problem: str | None
    build: int
    since: int
    version: int = 1


@dataclass(frozen=True, slots=True)
class Channel:
    """All that gives a channel's filters their meaning, at one revision."""

    revision: int = 0
    country: str = "KR"
    zone: str = "Asia/Seoul"
    fields: Mapping[str, FieldDefinition] = field(default_factory=dict[str, FieldDefinition])
    segments: Mapping[UUID, Segment] = field(default_factory=dict[UUID, Segment])
    term_sets: Mapping[str, str] = field(default_factory=dict[str, str])

    def context(self) -> Context:
        """What the parser must know."""
        return Context(self.country, self.zone, self.fields, {str(name) for name in self.segments}, self.term_sets)

    def with_segment(self, segment: Segment) -> "Channel":
        """The channel with this segment put in, or put in place of the one with its id."""
        return replace(self, segments={**self.segments, segment.id: segment})

    def without(self, segment_id: UUID) -> "Channel":
        """The channel without that segment."""
        return replace(self, segments={name: s for name, s in self.segments.items() if name != segment_id})


@dataclass(frozen=True, slots=True)
class Meaning:
    """The filters of a channel that can be read, inlined, and why the others can't."""

    nodes: Mapping[UUID, Node]
    refusals: Mapping[UUID, FilterRefused]


def meaning(channel: Channel) -> Meaning:
    """Read every segment of a channel."""
    context = channel.context()
    read: dict[str, Node] = {}
    nodes: dict[UUID, Node] = {}
    refusals: dict[UUID, FilterRefused] = {}
    for segment in channel.segments.values():
        try:
            read[str(segment.id)] = parse(segment.filter, context)
        except FilterRefused as refusal:
            refusals[segment.id] = refusal
    for segment in channel.segments.values():
        if (node := read.get(str(segment.id))) is not None:
            try:
                nodes[segment.id] = _inlined(node, read, str(segment.id))
            except FilterRefused as refusal:
                refusals[segment.id] = refusal
    return Meaning(nodes, refusals)


def readable(raw: object, channel: Channel, segment_id: UUID) -> Node:
    """The inlined tree of a filter that a segment of this id is to have. Raises FilterRefused with the place in the body."""
    context = channel.context()
    node = parse(raw, context)
    read: dict[str, Node] = {}
    ahead = segment_ids(node)
    while ahead:
        other = channel.segments[UUID(ahead.pop())]
        with suppress(FilterRefused):  # a broken segment is missing below, where it is named
            read[str(other.id)] = parse(other.filter, context)
            ahead |= segment_ids(read[str(other.id)]) - read.keys()
    return _inlined(node, read, str(segment_id))


def present(channel: Channel, segment_id: UUID) -> Segment:
    """The channel's segment. Raises NotFound."""
    try:
        return channel.segments[segment_id]
    except KeyError:
        raise NotFound("There is no such segment.") from None


def term_sets_of(filters: Iterable[object]) -> set[UUID]:
    """The term sets that filters name, as they are written."""
    named = set[str]().union(*map(named_term_sets, filters))
    return {term_set for name in named if (term_set := parse_id(name)) is not None}


def rules(channel: Channel, read: Meaning, terms: TermValues) -> dict[UUID, Rule]:
    """How each segment is judged; one that is marked broken is frozen, and so is one that can't be read."""
    return {s.id: rule(s, read, terms) for s in channel.segments.values()}


def rule(segment: Segment, read: Meaning, terms: TermValues) -> Rule:
    """How one segment is judged."""
    return Rule(_judge(segment, read, terms), segment.since, segment.build, segment.status == "building")


def _judge(segment: Segment, read: Meaning, terms: TermValues) -> CompiledFilter | None:
    node = read.nodes.get(segment.id)
    return None if segment.status == "broken" or node is None else compile_filter(node, terms)


def reconsidered(before: Channel, after: Channel, now: int) -> list[Segment]:
    """The segments to be written because of what changed: broken ones, mended ones, and those whose meaning is another.

    Whatever means something else now is built anew as of `now`. A segment that was not there before is not among them.
    """
    was, is_now = meaning(before), meaning(after)
    changed = []
    for segment in after.segments.values():
        if segment.id not in before.segments:
            continue
        if (refusal := is_now.refusals.get(segment.id)) is not None:
            if segment.status != "broken":
                changed.append(replace(segment, status="broken", problem=refusal.detail))
        elif segment.status == "broken" or was.nodes.get(segment.id) != is_now.nodes[segment.id]:
            changed.append(rebuilt(segment, now))
    return changed


def rebuilt(segment: Segment, now: int) -> Segment:
    """The segment, to be judged over everyone again as of `now`."""
    return replace(segment, status="building", problem=None, build=segment.build + 1, since=now)


def refuse_to_break(before: Channel, affected: Iterable[Segment]) -> None:
    """Raises FilterRefused where one of these segments, as it would be, can't be read any more."""
    for segment in affected:
        if segment.status == "broken" and before.segments[segment.id].status != "broken":
            raise FilterRefused(
                "With this filter, a segment that refers to this one could not be read any more: "
                "together they would be too deep or too long. Make this one simpler, or change that one first.",
                code="breaksSegment",
                pointer="/filter",
                extra={"breaks": str(segment.id)},
            )


def _inlined(node: Node, read: Mapping[str, Node], own: str) -> Node:
    for condition in _segment_conditions(node):
        for n, value in enumerate(condition.values):
            name, place = str(value), f"{condition.pointer}/values/{n}"
            if name == own:
                raise segment_circle(place, (own, own))
            if name not in read:
                raise broken_segment(place)
            try:
                inline(read[name], read, (own, name))
            except FilterRefused as refusal:
                code = BROKEN_SEGMENT if refusal.code == "unknownSegment" else refusal.code
                raise FilterRefused(refusal.detail, code=code, pointer=place, extra=refusal.extra) from None
    try:
        whole = inline(node, read, (own,))
        check_inlined(whole)
        return whole
    except FilterRefused as refusal:
        place = refusal.pointer or "/filter"
        raise FilterRefused(refusal.detail, code=refusal.code, pointer=place, extra=refusal.extra) from None


def _segment_conditions(node: Node) -> Iterable[Condition]:
    return (c for c in conditions(node) if c.type is FieldType.SEGMENT)
