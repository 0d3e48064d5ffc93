"""The nodes of a filter, each to be counted: alone, and with all its siblings before it."""

from dataclasses import dataclass

from common.filters import And, Condition, Node, Not, Or

MOST_NODES = 100
"""Each is asked of the index twice, the second time with all before it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A node at its place in the request's body; `up_to` is joined of it and its siblings before it as its parent joins them."""

    pointer: str
    alone: Node
    up_to: Node


@dataclass(frozen=True, slots=True)
class NodeCount:
    """How many match a node alone, and all nodes of its group up to it."""

    pointer: str
    alone: int
    up_to: int


def parts_of(node: Node, pointer: str = "/filter") -> list[Part]:
    """The node and all in it, in the order of writing."""
    return [Part(pointer, node, node), *_within(node, pointer)]


def _within(node: Node, pointer: str) -> list[Part]:
    match node:
        case Condition():
            return []
        case Not(child):
            return parts_of(child, f"{pointer}/not")
        case And(children) | Or(children):
            word, joined = ("and", And) if isinstance(node, And) else ("or", Or)
            found: list[Part] = []
            for n, child in enumerate(children):
                place = f"{pointer}/{word}/{n}"
                found += [Part(place, child, joined(children[: n + 1])), *_within(child, place)]
            return found
