"""Conditions that hold along stretches of an ordered value: of a number, an instant, or an instant's age."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from segments.flips import bits

Ordered = float | int
Span = tuple[Ordered | None, Ordered | None, int]
"""From (inclusive) and to (exclusive), None is open; and the number of the condition that holds there."""

_STRIDE = 16
_MOST_BYTES = 1 << 16


class Pieces:
    """The line cut where any condition begins or ends to hold.

    Which hold is kept for every piece, and where that would be much for every 16th, with what turns for those between: so memory
    does not grow with the square of the conditions.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        turns: dict[Ordered, list[int]] = {}
        held = 0
        for low, high, number in spans:
            if low is not None and high is not None and low >= high:
                continue
            if low is None:
                held ^= 1 << number
            else:
                turns.setdefault(low, []).append(number)
            if high is not None:
                turns.setdefault(high, []).append(number)
        self._edges: list[Ordered] = sorted(turns)
        self._turns = [turns[edge] for edge in self._edges]
        self._stride = 1 if len(self._edges) ** 2 // 8 <= _MOST_BYTES else _STRIDE
        self._held = [held]
        for place, turning in enumerate(self._turns, 1):
            for number in turning:
                held ^= 1 << number
            if place % self._stride == 0:
                self._held.append(held)

    def at(self, value: Ordered) -> int:
        """The conditions that hold of a value."""
        place = bisect_right(self._edges, value)
        stride = self._stride
        held = self._held[place // stride]
        if stride > 1:
            for turning in self._turns[place - place % stride : place]:
                for number in turning:
                    held ^= 1 << number
        return held

    def turned(self, after: Ordered, until: Ordered) -> int:
        """The conditions with an edge beyond `after`, up to and including `until`."""
        first, last = bisect_right(self._edges, after), bisect_right(self._edges, until)
        return bits.of(number for turning in self._turns[first:last] for number in turning)

    def next_edge(self, value: Ordered) -> Ordered | None:
        """The nearest edge beyond a value."""
        place = bisect_right(self._edges, value)
        return self._edges[place] if place < len(self._edges) else None

    def following(self, value: Ordered) -> Iterator[tuple[Ordered, list[int]]]:
        """The edges beyond a value, the nearest first, each with the conditions that turn there."""
        for place in range(bisect_right(self._edges, value), len(self._edges)):
            yield self._edges[place], self._turns[place]
