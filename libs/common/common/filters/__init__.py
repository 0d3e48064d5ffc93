"""The filter language: one tree, one parser, one meaning; the evaluator is one interpreter, `search.compile` the other."""

from common.filters.evaluate import CompiledFilter, Verdict, compile_filter, evaluate
from common.filters.explain import NamedSegment, explain
from common.filters.parser import Context, FieldDefinition, FilterRefused, named_term_sets, parse, written_nodes
from common.filters.segments import (
    MAX_TERM_SETS,
    broken_segment,
    check_inlined,
    inline,
    segment_circle,
    segment_ids,
    used_term_sets,
)
from common.filters.text import fold, initials
from common.filters.tree import BUILT_INS, And, Condition, FieldType, Node, Not, Operator, Or, Size, Window, conditions, to_json

__all__ = [
    "BUILT_INS", "MAX_TERM_SETS", "And",
    "CompiledFilter", "Condition", "Context", "FieldDefinition", "FieldType", "FilterRefused", "NamedSegment", "Node",
    "Not", "Operator", "Or", "Size", "Verdict", "Window",
    "broken_segment", "check_inlined", "compile_filter", "conditions", "evaluate", "explain",
    "fold", "initials", "inline", "named_term_sets", "parse", "segment_circle",
    "segment_ids", "to_json", "used_term_sets", "written_nodes",
]  # fmt: skip
