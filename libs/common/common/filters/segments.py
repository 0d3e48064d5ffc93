"""Segments inside filters: each stands for its own filter, as that stands now."""

from collections.abc import Mapping

from common.filters.parser import FilterRefused
from common.filters.tree import And, Condition, FieldType, Node, Not, Or

MAX_INLINED_DEPTH, MAX_INLINED_CONDITIONS = 30, 2000


def segment_ids(node: Node) -> set[str]:
    """The segments that a filter names itself."""
    match node:
        case Condition():
            return {str(v) for v in node.values} if node.type is FieldType.SEGMENT else set()
        case Not(child):
            return segment_ids(child)
        case And(children) | Or(children):
            return {name for child in children for name in segment_ids(child)}


def inline(node: Node, definitions: Mapping[str, Node], within: tuple[str, ...] = ()) -> Node:
    """The filter with every segment condition replaced by the segment's own filter, all the way down.

    `within` names the segments whose filter this is. Raises FilterRefused for a segment that is not among the definitions,
    a circle, and a result beyond 30 levels or 2,000 conditions.
    """
    inliner = _Inliner(definitions)
    return inliner.replace(node, within, 1)


class _Inliner:
    def __init__(self, definitions: Mapping[str, Node]) -> None:
        self._definitions = definitions
        self._conditions = 0

    def replace(self, node: Node, within: tuple[str, ...], depth: int) -> Node:
        if depth > MAX_INLINED_DEPTH:
            raise FilterRefused(f"With its segments, a filter may be nested {MAX_INLINED_DEPTH} deep at most.", code="tooDeep")
        match node:
            case And(children):
                return And(tuple(self.replace(c, within, depth + 1) for c in children))
            case Or(children):
                return Or(tuple(self.replace(c, within, depth + 1) for c in children))
            case Not(child):
                return Not(self.replace(child, within, depth + 1))
            case Condition():
                if node.type is not FieldType.SEGMENT:
                    self._conditions += 1
                    if self._conditions > MAX_INLINED_CONDITIONS:
                        raise FilterRefused(
                            f"With its segments, a filter may have {MAX_INLINED_CONDITIONS:,} conditions at most.",
                            code="tooManyConditions",
                        )
                    return node
                return self._segments(node, within, depth)

    def _segments(self, node: Condition, within: tuple[str, ...], depth: int) -> Node:
        found: list[Node] = []
        for n, name in enumerate(str(v) for v in node.values):
            place = f"{node.pointer}/values/{n}"
            if name in within:
                raise FilterRefused("Segments that refer to each other have no meaning.", code="segmentCircle", pointer=place)
            if name not in self._definitions:
                raise FilterRefused("There is no such segment.", code="unknownSegment", pointer=place)
            found.append(self.replace(self._definitions[name], (*within, name), depth + 1))
        whole: Node = found[0] if len(found) == 1 else Or(tuple(found))
        return Not(whole) if node.operator == "notIn" else whole
