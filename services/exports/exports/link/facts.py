"""What the page tells of an export: what kind of file it is and what became of it. Pure.

The page is open to whoever has its address, so nothing is here that a person wrote as free text, which may name a customer: not
the reason why it was asked for, not the reason why it was declined. The asker finds those in the console and in the room.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from common.clock import from_wire
from common.invisible import visible
from common.language import Language
from exports.export import IN_WORK, Export, Status, is_over

MOST_NAME = 100
"""Characters of somebody's or something's name that are shown."""
_NAMELESS = "–"
STEPS = (Status.COUNTING, Status.WRITING, Status.VERIFYING)


@dataclass(frozen=True, slots=True)
class Facts:
    """An export as anybody may see it; instants are in its channel's zone, `rows` is None as long as nobody has counted."""

    status: Status
    asked_by: str
    asked_at: datetime
    zone: str
    rows: int | None
    rows_done: int
    columns: tuple[str, ...]
    until: datetime | None
    approved_by: str | None
    declined_by: str | None
    revoked_by: str | None
    problem: str | None
    problem_ko: str | None

    def why(self, language: Language) -> str | None:
        """Why it failed, or what it waits for; in English where nothing else is known."""
        return self.problem_ko if self.in_korean(language) else self.problem

    def in_korean(self, language: Language) -> bool:
        """Whether that is said in Korean to somebody of this language."""
        return language == "ko" and self.problem_ko is not None

    @property
    def in_work(self) -> bool:
        """Whether its file is being made."""
        return self.status in IN_WORK

    @property
    def step(self) -> int:
        """Which of `STEPS` it is at; -1 before the first."""
        return STEPS.index(self.status) if self.status in STEPS else -1


def facts_of(export: Export, now: datetime) -> Facts:
    """What anybody may know of it now: its seven days may be over before the keeper has noticed."""
    zone = ZoneInfo(export.time_zone)
    over = export.status is Status.READY and is_over(export, now)
    decided = export.approval
    told = export.status is Status.FAILED or export.in_work  # what a person has written is on no page
    return Facts(
        status=Status.EXPIRED if over else export.status,
        asked_by=_name(export.requested_by),
        asked_at=from_wire(export.requested_at).astimezone(zone),
        zone=export.time_zone,
        rows=_rows(export),
        rows_done=export.rows_done,
        columns=tuple(_name(column.heading) for column in export.columns),
        until=None if export.expires_at is None else from_wire(export.expires_at).astimezone(zone),
        approved_by=_name(decided.by) if decided is not None and decided.by and decided.outcome == "approved" else None,
        declined_by=_name(decided.by) if decided is not None and decided.by and decided.outcome == "declined" else None,
        revoked_by=None if export.revoked_by is None else _name(export.revoked_by),
        problem=export.problem if told else None,
        problem_ko=export.problem_ko if told else None,
    )


def _rows(export: Export) -> int | None:
    if export.manifest is not None:
        return export.manifest.rows
    if export.rows_total is not None:
        return export.rows_total
    return None if export.approval is None else export.approval.rows


def _name(text: str) -> str:
    """One line without characters that nobody sees, which may turn what stands beside them round; no longer than a name is."""
    line = " ".join("".join(c if c.isprintable() else " " for c in visible(text)).split())
    return (line if len(line) <= MOST_NAME else line[: MOST_NAME - 1] + "…") or _NAMELESS
