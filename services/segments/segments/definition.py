"""What a channel's segments mean: their filters read with its fields and settings, each referred segment inlined."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

from common.errors import NotFound
from common.filters import (
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
    written_nodes,
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


@dataclass(frozen=True, slots=True)
class Meaning:
    """The filters of a channel that can be read, inlined, and why the others can't; `naming` are those that name segments."""

    nodes: Mapping[UUID, Node] = field(default_factory=dict[UUID, Node])
    refusals: Mapping[UUID, FilterRefused] = field(default_factory=dict[UUID, FilterRefused])
    naming: Collection[UUID] = frozenset()


def meaning(channel: Channel, before: Channel | None = None, meant: Meaning | None = None) -> Meaning:
    """Read every segment of a channel; given what it was and meant before, only those that may mean something else."""
    context = channel.context()
    nodes = {} if before is None or meant is None else _unmoved(channel, before, meant)
    read: dict[str, Node] = {str(name): node for name, node in nodes.items()}
    refusals: dict[UUID, FilterRefused] = {}
    others = [segment for segment in channel.segments.values() if segment.id not in nodes]
    for segment in others:
        try:
            read[str(segment.id)] = parse(segment.filter, context)
        except FilterRefused as refusal:
            refusals[segment.id] = refusal
    naming: set[UUID] = set()
    for segment in others:
        if (node := read.get(str(segment.id))) is not None:
            if segment_ids(node):
                naming.add(segment.id)
            try:
                nodes[segment.id] = _inlined(node, read, str(segment.id))
            except FilterRefused as refusal:
                refusals[segment.id] = refusal
    return Meaning(nodes, refusals, naming)


def _unmoved(channel: Channel, before: Channel, meant: Meaning) -> dict[UUID, Node]:
    """The filters that mean what they meant: the same, naming no segment, over fields that are what they were."""
    if (channel.country, channel.zone) != (before.country, before.zone):
        return {}
    moved = {
        f"profile.{key}"
        for key in channel.fields.keys() | before.fields.keys()
        if channel.fields.get(key) != before.fields.get(key)
    }
    kept: dict[UUID, Node] = {}
    for name, segment in channel.segments.items():
        was, node = before.segments.get(name), meant.nodes.get(name)
        if was is None or node is None or name in meant.naming:
            continue
        if was is not segment and (was.definition_version, was.filter) != (segment.definition_version, segment.filter):
            continue
        if not moved or moved.isdisjoint(condition.key for condition in conditions(node)):
            kept[name] = node
    return kept


def readable(raw: object, channel: Channel, segment_id: UUID) -> Node:
    """The inlined tree of a filter that a segment of this id is to have. Raises FilterRefused with the place in the body."""
    node, read = written(raw, channel)
    return _inlined(node, read, str(segment_id))


def written(raw: object, channel: Channel) -> tuple[Node, Mapping[str, Node]]:
    """The tree of a filter as it is written, and those of all segments that it leads to and that can be read, by id.

    Raises FilterRefused.
    """
    context = channel.context()
    node = parse(raw, context)
    read: dict[str, Node] = {}
    ahead = segment_ids(node)
    while ahead:
        other = channel.segments[UUID(ahead.pop())]
        with suppress(FilterRefused):  # a broken segment is missing where it is named
            read[str(other.id)] = parse(other.filter, context)
            ahead |= segment_ids(read[str(other.id)]) - read.keys()
    return node, read


def present(channel: Channel, segment_id: UUID) -> Segment:
    """The channel's segment. Raises NotFound."""
    try:
        return channel.segments[segment_id]
    except KeyError:
        raise NotFound("There is no such segment.") from None


def named_segments(raw: object) -> set[UUID]:
    """The segments that a filter names, whether or not it can be read."""
    found: set[UUID] = set()
    for node in written_nodes(raw):
        match node:
            case {"key": "segment" | "user.segment", "values": [*values]}:
                found |= {known for value in values if isinstance(value, str) and (known := parse_id(value)) is not None}
            case _:
                pass
    return found


def term_sets_of(filters: Iterable[object]) -> set[UUID]:
    """The term sets that filters name, as they are written."""
    named = set[str]().union(*map(named_term_sets, filters))
    return {term_set for name in named if (term_set := parse_id(name)) is not None}


def rule(segment: Segment, node: Node | None, terms: TermValues) -> Rule:
    """How one segment is judged by its filter, inlined; without one that can be read, or marked broken, it is frozen."""
    judge = None if segment.status == "broken" or node is None else compile_filter(node, terms)
    return Rule(judge, segment.since, segment.build, segment.status == "building")


def reconsidered(before: Channel, after: Channel, now: int, was: Meaning | None = None) -> list[Segment]:
    """The segments to be written because of what changed: broken ones, mended ones, and those whose meaning is another.

    Whatever means something else now is built anew as of `now`. A segment that was not there before is not among them. `was` is
    what the channel meant before, where that is known.
    """
    was = meaning(before) if was is None else was
    is_now = meaning(after, before, was)
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
                raise broken_segment(place, name)
            try:
                inline(read[name], read, (own, name))
            except FilterRefused as refusal:
                if refusal.code == "unknownSegment":  # it is there, but can't be read
                    raise broken_segment(place, str(refusal.extra["segment"])) from None
                raise FilterRefused(refusal.detail, code=refusal.code, pointer=place, extra=refusal.extra) from None
    try:
        whole = inline(node, read, (own,))
        check_inlined(whole)
        return whole
    except FilterRefused as refusal:
        place = refusal.pointer or "/filter"
        raise FilterRefused(refusal.detail, code=refusal.code, pointer=place, extra=refusal.extra) from None


def _segment_conditions(node: Node) -> Iterable[Condition]:
    return (c for c in conditions(node) if c.type is FieldType.SEGMENT)
