"""Whether the lines of an audit log stand on one another, and where they first do not. Pure."""

from dataclasses import dataclass
from uuid import UUID

from exports.audit.entry import FIRST, Entry


@dataclass(frozen=True, slots=True)
class Head:
    """What a channel's last line is to be: its number, 0 before the first, and its hash."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is kept."""

    number: int
    entry: Entry
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place at which a log is not what was written: the line's number, its id where it is there, and what is wrong."""

    number: int
    id: UUID | None
    why: str


MISSING = "it is missing"
CHANGED = "it was changed, or does not stand on the line before"
TOO_MANY = "it is not among the lines that were added, which end before it"
OTHER_LAST = "its hash is not the one that was noted when it was added"
OTHER_KNOWN = "its hash is not the one that was known"


class Chain:
    """One channel's lines, taken from the first on. `known` is a line that somebody has noted elsewhere."""

    def __init__(self, known: Head | None = None) -> None:
        self._known = known
        self.last = Head(0, FIRST)
        self.broken: Broken | None = None

    def add(self, line: Line) -> None:
        """The next line. After a broken one nothing more is looked at."""
        if self.broken is not None:
            return
        due = self.last.number + 1
        if line.number != due:
            self.broken = Broken(due, None, MISSING)
        elif line.entry.hash(self.last.hash) != line.hash:
            self.broken = Broken(due, line.entry.id, CHANGED)
        elif self._known is not None and self._known.number == due and self._known.hash != line.hash:
            self.broken = Broken(due, line.entry.id, OTHER_KNOWN)
        else:
            self.last = Head(line.number, line.hash)

    def end(self, head: Head | None) -> None:
        """No more lines; the last is to be the head that the database keeps apart from them."""
        noted = head or Head(0, FIRST)
        most = max(noted.number, 0 if self._known is None else self._known.number)
        if self.broken is not None:
            return
        if self.last.number < most:
            self.broken = Broken(self.last.number + 1, None, MISSING)
        elif self.last.number > noted.number:
            self.broken = Broken(noted.number + 1, None, TOO_MANY)
        elif self.last.hash != noted.hash:
            self.broken = Broken(self.last.number, None, OTHER_LAST)
