"""Which of a channel's segments have to look at a contact when versions of it arrive, and when it is due. Pure; milliseconds.

What is not plain is looked at by more segments, never by fewer: each judges by the rules of `membership`, and finds nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from segments.ledger import Ledger, Place
from segments.membership import Doc, Known, Rule, Standing, absent, define, follow, recall, settle_recalled
from segments.ruling import Ruling

EVER = -(2**63)
"""Before any instant that was ever settled."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The segments to be asked, beside all in which the contact is settled after an instant; and when it is due then."""

    segments: Collection[UUID]
    settled_after: int
    due: int | None
    pending: int | None = None
    """From when on the clock may have flipped any of them that nobody has told; None where it has not."""


def reach(ruling: Ruling, prior: Known | None, due: int | None, versions: Sequence[Known]) -> Reach:
    """What versions of a contact, in their order, may move; `prior` is the one before, `due` what was noted with it."""
    if not ruling.rules:
        return Reach((), versions[0].at, None)
    segments: set[UUID] = set(ruling.building)
    pending = due if due is not None and due <= versions[0].at else None
    settled_after = min(version.at for version in versions)
    before = prior
    for version in versions:
        if version.json is None or (before is not None and version.at < before.at):
            settled_after = EVER  # all that is there of a contact that goes; of one whose clock went back, rows are kept of all
        segments.update(_moved(ruling, before, due, version))
        segments.update(ruling.defined_since(version.at))
        judged_at = version.at if before is None else max(version.at, before.at)
        due = None if version.doc is None else ruling.flips.due(version.doc, judged_at)
        before = version
    return Reach(segments, settled_after, due, pending)


def _moved(ruling: Ruling, before: Known | None, due: int | None, version: Known) -> Collection[UUID]:
    """The segments that one version may move; those apart that are settled later than it, defined later, or being built."""
    was: Doc | None = None if before is None else before.doc
    if before is not None and version.at < before.at:
        return ruling.rules.keys()
    by_the_clock = [] if was is None or due is None or due > version.at else ruling.flips.turned(was, due - 1, version.at)
    if version.doc is None:
        return by_the_clock
    if was is None:
        return ruling.flips.possible(version.doc, version.at)
    return {*by_the_clock, *ruling.flips.changed(was, version.doc, version.at)}


def judged(
    ledger: Ledger,
    ruling: Ruling,
    contact: tuple[str, UUID],
    standings: Mapping[UUID, Standing],
    prior: Known | None,
    reach: Reach,
    versions: Sequence[Known],
) -> Iterator[None]:
    """Judge the versions by the segments in reach, those of the standings among them; a step each."""
    for name in {*reach.segments, *standings}:
        rule = ruling.rules.get(name)
        if rule is None:
            continue
        place, stored = Place(contact[0], name, contact[1]), standings.get(name)
        standing, before = stored or absent(rule), prior
        if reach.pending is not None:
            standing = recall(standing, rule, prior, reach.pending)
        for version in versions:
            yield
            found = follow(standing, rule, before, version, foresee=version is not versions[-1])
            ledger.note(place, found)
            standing, before = found[0], version
        ledger.close(place, stored, standing, rule, versions[-1])


def turned(ruling: Ruling, known: Known, due: int | None, now: int) -> Reach:
    """What the clock may have flipped from the instant that was noted up to now, and when it is due again."""
    if known.doc is None:
        return Reach((), now, None)
    if due is None or due > now:
        return Reach((), now, due)
    segments, following = ruling.flips.woken(known.doc, due - 1, now)
    return Reach(segments, now, following, due)


def settled(
    ledger: Ledger,
    ruling: Ruling,
    contact: tuple[str, UUID],
    standings: Mapping[UUID, Standing],
    known: Known,
    reach: Reach,
    now: int,
) -> Iterator[None]:
    """Let the clock run in the segments in reach; a step each."""
    for name in reach.segments:
        yield
        rule = ruling.rules[name]
        place, stored = Place(contact[0], name, contact[1]), standings.get(name)
        found = settle_recalled(stored or absent(rule), rule, known, reach.pending, now)
        if found[1]:
            ledger.note(place, found)
            ledger.close(place, stored, found[0], rule, known)


def built(ledger: Ledger, rule: Rule, place: Place, stored: Standing | None, known: Known) -> None:
    """Judge what is known of a contact by a definition that is being built.

    This can be done again with the same result, so a row need mark it as done only where the clock may add something meanwhile.
    """
    standing, changes = found = define(stored or absent(rule), rule, known)
    if stored is None and not changes and standing.next_change is None:
        return  # outside, as no row says too
    ledger.note(place, found)
    ledger.close(place, stored, standing, Rule(rule.judge, rule.since, rule.build, standing.next_change is not None), known)
