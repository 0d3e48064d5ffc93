"""What one transaction found about many contacts and segments, gathered so that few statements write it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from segments.membership import Change, Judged, Known, Rule, Standing, turning


class Place(NamedTuple):
    """One contact in one segment."""

    channel: str
    segment_id: UUID
    contact_id: UUID


@dataclass(slots=True)
class Ledger:
    """The rows to write anew or as others, the rows to drop, and the changes to tell in their order."""

    made: dict[Place, Standing] = field(default_factory=dict[Place, Standing])
    """Of places that have no row: whoever writes holds the contact, and has looked there."""
    kept: dict[Place, Standing] = field(default_factory=dict[Place, Standing])
    dropped: set[Place] = field(default_factory=set[Place])
    changes: list[tuple[Place, Change]] = field(default_factory=list[tuple[Place, Change]])
    dues: dict[tuple[str, UUID], int] = field(default_factory=dict[tuple[str, UUID], int])
    """By channel and contact: the first instant (milliseconds) at which the clock flips one of these standings."""

    def note(self, place: Place, judged: Judged) -> None:
        """Add the changes of one judgement."""
        self.changes.extend((place, change) for change in judged[1])

    def close(self, place: Place, stored: Standing | None, standing: Standing, rule: Rule, known: Known) -> None:
        """Decide what becomes of the row, given the one that is stored and where the contact stands at the end."""
        if standing.next_change is not None:
            contact = (place.channel, place.contact_id)
            self.dues[contact] = min(standing.next_change, self.dues.get(contact, standing.next_change))
        if known.json is not None and standing.worth_keeping(rule, known.at):
            kept = standing if standing.next_change is None else turning(standing, None)
            if stored is None:
                self.made[place] = kept
            elif kept != stored:
                self.kept[place] = kept
        elif stored is not None:
            self.dropped.add(place)

    def sizes(self) -> Iterable[tuple[tuple[str, UUID], int, int]]:
        """Per segment, in a fixed order: how many changes, and by how much its count moves."""
        totals: dict[tuple[str, UUID], tuple[int, int]] = {}
        for place, change in self.changes:
            key = (place.channel, place.segment_id)
            number, delta = totals.get(key, (0, 0))
            totals[key] = (number + 1, delta + (1 if change.change == "entered" else -1))
        return [(key, *totals[key]) for key in sorted(totals)]
