"""Why a filter finds a contact or not: the tree as it is written, each node with its truth and when the clock changes that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from common.clock import from_millis, to_wire
from common.filters.evaluate import evaluate
from common.filters.outcomes import Contact, TermValues, value_of
from common.filters.segments import inline
from common.filters.tree import And, Condition, FieldType, Node, Not, Or, to_json


@dataclass(frozen=True, slots=True)
class NamedSegment:
    """A segment that a filter names: its name, and its own filter as it is written."""

    name: str
    node: Node


def explain(
    node: Node,
    contact: Contact,
    now: int,
    term_values: TermValues | None = None,
    segments: Mapping[str, NamedSegment] | None = None,
) -> dict[str, object]:
    """The tree with each node's `truth` and `nextChangeAt`; a condition as it is normalised, with the `value` it saw.

    A condition on segments has a node of each, with its own tree inside; `value` are those that the contact is in. Where one
    is named again its tree is left out: filters that name each other twice would double at each step. `segments` are all that
    the filter leads to, by id. Raises FilterRefused where one is missing, and as `evaluate` does.
    """
    return _Explaining(contact, now, term_values or {}, segments or {}).told(node)


@dataclass(frozen=True, slots=True)
class _Explaining:
    contact: Contact
    now: int
    terms: TermValues
    segments: Mapping[str, NamedSegment]
    shown: set[str] = field(default_factory=set[str])

    def told(self, node: Node) -> dict[str, object]:
        judged = self._judged(node)
        match node:
            case And(children):
                return {"and": [self.told(child) for child in children], **judged}
            case Or(children):
                return {"or": [self.told(child) for child in children], **judged}
            case Not(child):
                return {"not": self.told(child), **judged}
            case Condition() if node.type is FieldType.SEGMENT:
                named = [self._segment(str(value)) for value in node.values]
                inside = [each["id"] for each in named if each["truth"]]
                return {**to_json(node), "value": inside or None, "segments": named, **judged}
            case Condition():
                value = value_of(self.contact, node.key)
                return {**to_json(node), "value": to_wire(value) if isinstance(value, datetime) else value, **judged}

    def _segment(self, name: str) -> dict[str, object]:
        segment = self.segments[name]
        told = {"id": name, "name": segment.name, **self._judged(segment.node)}
        if name in self.shown:
            return told
        self.shown.add(name)
        return {**told, "tree": self.told(segment.node)}

    def _judged(self, node: Node) -> dict[str, object]:
        whole = inline(node, {name: segment.node for name, segment in self.segments.items()}) if self.segments else node
        verdict = evaluate(whole, self.contact, self.now, self.terms)
        change = verdict.next_change
        return {"truth": verdict.truth, "nextChangeAt": None if change is None else to_wire(from_millis(change))}
