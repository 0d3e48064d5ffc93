"""What an import is asked to do, what becomes of a row, and how it is shown: without anything that stands in the file's rows."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from common.clock import from_wire, to_millis
from contacts.imports.mapping import Column, Headed, Kind
from contacts.imports.tables.text import Layout
from contacts.jobs.job import Job
from contacts.not_written import NotWritten

KIND = "import"
NOT_WRITTEN = "notWritten"
"""Counts the rows of which a value was not written."""


class RowStatus(StrEnum):
    """What became of a row."""

    MADE = "made"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: whom it made or changed, or why it was refused and under which heading the reason stands.

    `not_written` are values of a row that was taken which its contact did not take.
    """

    number: int
    status: RowStatus
    contact_id: UUID | None = None
    code: str | None = None
    detail: str | None = None
    heading: str | None = None
    not_written: tuple[NotWritten, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """How a file is to be read and its rows written."""

    kind: Kind
    layout: Layout | None
    headed: Headed

    def body(self) -> dict[str, Any]:
        """As JSON values. Of headings that are left out only how many: without headings, the first row holds somebody's data."""
        return {
            "kind": self.kind,
            "layout": None if self.layout is None else [self.layout.encoding, self.layout.delimiter],
            "headings": self.headed.number,
            "width": 1 + max(column.index for column in self.headed.columns),
            "columns": [[c.index, c.heading, list(c.keys), c.guessed] for c in self.headed.used],
            "ignored": len(self.headed.columns) - len(self.headed.used),
            "reasons": Counter(column.reason.value for column in self.headed.columns if column.reason is not None),
        }

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Order":
        """What `body` wrote; of the columns those that are read, and one that stands for the table's width."""
        layout = None if body["layout"] is None else Layout(*body["layout"])
        columns = [Column(index, heading, tuple(keys), guessed) for index, heading, keys, guessed in body["columns"]]
        last = Column(body["width"] - 1, "", (), True)
        whole = columns if columns[-1].index == last.index else [*columns, last]
        return cls(cast("Kind", body["kind"]), layout, Headed(body["headings"], tuple(whole)))


def import_shown(job: Job, body: Mapping[str, Any]) -> dict[str, Any]:
    """An import as the API shows it."""
    counts = {status.value: job.counts.get(status.value, 0) for status in RowStatus}
    return {
        "id": str(job.id),
        "kind": body["kind"],
        "status": job.status.value,
        "total": job.total,
        "done": sum(counts.values()),
        **counts,
        "notWritten": job.counts.get(NOT_WRITTEN, 0),
        "columns": [column_shown(Column(i, heading, tuple(keys), guessed)) for i, heading, keys, guessed in body["columns"]],
        "ignored": body["ignored"],
        "ignoredReasons": body.get("reasons", {}),
        "requestedAt": job.requested_at,
        "requestedBy": job.requested_by,
        "endedAt": job.ended_at,
        "problem": job.problem,
    }


def column_shown(column: Column) -> dict[str, Any]:
    """A column and where it goes: a key, several, or null and the reason."""
    keys: list[str] | str | None = list(column.keys) if len(column.keys) > 1 else next(iter(column.keys), None)
    shown = {"column": column.heading, "key": keys, "guessed": column.guessed}
    return shown if column.reason is None else {**shown, "reason": column.reason.value}


def lead_id(job: Job, number: int) -> UUID:
    """The id of the lead that a row makes: the same each time, of version 7 (RFC 9562), in the order of the rows."""
    moment = to_millis(from_wire(job.requested_at)) + (number >> 12)
    digest = hashlib.sha256(job.id.bytes + number.to_bytes(8, "big")).digest()
    rest = int.from_bytes(digest[:8], "big") & (2**62 - 1)
    return UUID(int=(moment & (2**48 - 1)) << 80 | 0x7 << 76 | (number & 0xFFF) << 64 | 0b10 << 62 | rest)
