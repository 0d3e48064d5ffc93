"""Segments inside filters: each stands for its own filter, as that stands now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from common.filters.parser import FilterRefused
from common.filters.tree import NEGATIVE, And, Condition, FieldType, Node, Not, Operator, Or, conditions

MAX_INLINED_DEPTH, MAX_INLINED_CONDITIONS = 30, 2000
MAX_INLINED_VALUES = 40_000  # a value is up to two of the 100,000 clauses that the index takes, a condition without any a few
PARTS_WEIGH = 4  # a part of a text is looked for with an automaton of its own: as many as a single filter may have, and no more
MAX_TERM_SETS = 4  # of a million terms each, what one request to the index may hold: one named twice is in it twice

BROKEN_SEGMENT = "brokenSegment"

_PARTS = frozenset(
    {
        Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CHOSUNG,
        Operator.LAST_DIGITS, Operator.DOMAIN,
    }
)  # fmt: skip
_EVERYONE, _NO_ONE = And(()), Or(())


@dataclass(frozen=True, slots=True)
class _Whole:
    """A tree without segment conditions; `depth`, `count` (of conditions) and `values` are those before it was simplified."""

    node: Node
    depth: int
    count: int
    values: int


def segment_circle(place: str, path: Sequence[str]) -> FilterRefused:
    """The refusal of a segment that leads back to one that names it; `path` is the circle, its first segment at its end too."""
    words = "This segment leads back to the one whose filter this is. Take it out of the filter."
    return FilterRefused(words, code="segmentCircle", pointer=place, extra={"path": list(path)})


def broken_segment(place: str, segment: str) -> FilterRefused:
    """The refusal of a segment whose own filter cannot be read, where it is named, or leads there."""
    words = "A segment that is named here, or inside it, is broken: its filter cannot be read any more. Mend that one first."
    return FilterRefused(words, code=BROKEN_SEGMENT, pointer=place, extra={"segment": segment})


def segment_ids(node: Node) -> set[str]:
    """The segments that a filter names itself."""
    return {name for condition in conditions(node) if condition.type is FieldType.SEGMENT for name in _names(condition)}


def inline(node: Node, definitions: Mapping[str, Node], within: tuple[str, ...] = ()) -> Node:
    """The filter with every segment condition replaced by the segment's own filter, all the way down.

    `within` names the segments whose filter this is. Raises FilterRefused, blaming a segment condition of this filter, for a
    segment that is not among the definitions (`unknownSegment`), a circle (`segmentCircle`), and a result that is deeper than 30
    (`inlinedTooDeep`), has more than 2,000 conditions (`inlinedTooManyConditions`) or 40,000 values (`inlinedTooManyValues`).
    """
    wholes: dict[str, _Whole] = {}
    for condition in conditions(node):
        if condition.type is FieldType.SEGMENT:
            for n, name in enumerate(_names(condition)):
                _read(name, definitions, within, wholes, f"{condition.pointer}/values/{n}")
    result = _Inliner(wholes).whole(node)
    if wholes:
        _check(result, next(c.pointer for c in conditions(node) if c.type is FieldType.SEGMENT))
    return result.node


def used_term_sets(node: Node) -> set[str]:
    """The term sets that an inlined filter needs."""
    return {condition.term_set for condition in conditions(node) if condition.term_set is not None}


def check_inlined(node: Node, pointer: str = "/filter") -> None:
    """Refuse an inlined filter that no index would take, however it was put together.

    Raises FilterRefused where it names term sets more than four times (`tooManyTermSets`): each time all the terms are sent. And
    for more than 40,000 values (`inlinedTooManyValues`): those of a filter and of a segment asked for beside it count together.
    """
    told = conditions(node)
    if sum(condition.term_set is not None for condition in told) > MAX_TERM_SETS:
        detail = f"A filter may name term sets {MAX_TERM_SETS} times at most, its segments' filters included."
        raise FilterRefused(detail, code="tooManyTermSets", pointer=pointer, extra={"most": MAX_TERM_SETS})
    _check_values(sum(map(_weight, told)), pointer)


def _weight(condition: Condition) -> int:
    return len(condition.values) * (PARTS_WEIGH if condition.operator in _PARTS else 1)


def _names(condition: Condition) -> tuple[str, ...]:
    return tuple(str(value) for value in condition.values)


def _read(name: str, definitions: Mapping[str, Node], within: tuple[str, ...], wholes: dict[str, _Whole], place: str) -> None:
    """Add the segment, and before it all that it names, to `wholes`. Without recursion: a chain may be of any length."""
    path: list[str] = []
    stack: list[tuple[str, Iterator[str]]] = []

    def enter(segment: str) -> None:
        if segment in path or segment in within:
            above = [*within, *path]
            raise segment_circle(place, [*above[above.index(segment) :], segment])
        if segment not in definitions:
            words = "There is no such segment."
            raise FilterRefused(words, code="unknownSegment", pointer=place, extra={"segment": segment})
        path.append(segment)
        stack.append((segment, iter(sorted(segment_ids(definitions[segment])))))

    if name not in wholes:
        enter(name)
    while stack:
        segment, named = stack[-1]
        following = next((other for other in named if other not in wholes), None)
        if following is not None:
            enter(following)
            continue
        whole = _Inliner(wholes).whole(definitions[segment])
        _check(whole, place)
        wholes[segment] = replace(whole, node=_simplified(whole.node))
        stack.pop()
        path.pop()


def _check(whole: _Whole, place: str) -> None:
    if whole.depth > MAX_INLINED_DEPTH:
        raise FilterRefused(
            f"With its segments, a filter may be nested {MAX_INLINED_DEPTH} deep at most.",
            code="inlinedTooDeep",
            pointer=place,
            extra={"most": MAX_INLINED_DEPTH},
        )
    if whole.count > MAX_INLINED_CONDITIONS:
        raise FilterRefused(
            f"With its segments, a filter may have {MAX_INLINED_CONDITIONS:,} conditions at most.",
            code="inlinedTooManyConditions",
            pointer=place,
            extra={"most": MAX_INLINED_CONDITIONS},
        )
    _check_values(whole.values, place)


def _check_values(values: int, place: str) -> None:
    if values > MAX_INLINED_VALUES:
        detail = (
            f"With its segments, a filter may have {MAX_INLINED_VALUES:,} values at most, a part of a text counting as "
            f"{PARTS_WEIGH}. Use a term set for the longest list."
        )
        raise FilterRefused(detail, code="inlinedTooManyValues", pointer=place, extra={"most": MAX_INLINED_VALUES})


class _Inliner:
    """Puts segments that are read already into a tree."""

    def __init__(self, wholes: Mapping[str, _Whole]) -> None:
        self._wholes = wholes

    def whole(self, node: Node) -> _Whole:
        match node:
            case Condition() if node.type is FieldType.SEGMENT:
                return self._segments(node)
            case Condition():
                return _Whole(node, 1, 1, _weight(node))
            case Not(child):
                return _negated(self.whole(child))
            case And(children):
                return _joined(And, [self.whole(c) for c in children])
            case Or(children):
                return _joined(Or, [self.whole(c) for c in children])

    def _segments(self, condition: Condition) -> _Whole:
        found = [self._wholes[name] for name in _names(condition)]
        whole = found[0] if len(found) == 1 else _joined(Or, found)
        return _negated(whole) if condition.operator in NEGATIVE else whole


def _negated(whole: _Whole) -> _Whole:
    return replace(whole, node=Not(whole.node), depth=whole.depth + 1)


def _joined(kind: type[And] | type[Or], parts: list[_Whole]) -> _Whole:
    deepest = max((part.depth for part in parts), default=0)
    node = kind(tuple(part.node for part in parts))
    return _Whole(node, deepest + 1, sum(part.count for part in parts), sum(part.values for part in parts))


def _simplified(node: Node) -> Node:
    """The tree with everyone and no one worked out of it.

    Otherwise segments without any condition, named twice each by the next, would double at each step: a tree of 2^30 empty nodes.
    """
    match node:
        case Condition():
            return node
        case Not(child):
            inner = _simplified(child)
            if inner == _EVERYONE:
                return _NO_ONE
            return _EVERYONE if inner == _NO_ONE else Not(inner)
        case And(children):
            kept = [part for child in children if (part := _simplified(child)) != _EVERYONE]
            return _NO_ONE if _NO_ONE in kept else And(tuple(kept))
        case Or(children):
            kept = [part for child in children if (part := _simplified(child)) != _NO_ONE]
            return _EVERYONE if _EVERYONE in kept else Or(tuple(kept))
