"""A block of a file from some lines of a stream: what is pure work, and may be done in any process."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from common.language import Language
from common.long_values import LONG_VALUES
from exports.rows.decoding import Field, Lines
from exports.workbook.block import Block, make_block


class Plan(msgspec.Struct, frozen=True):
    """What a file's rows are made of: its columns, the zone of its dates, its language."""

    fields: Sequence[Field]
    zone: str
    language: Language


@dataclass(frozen=True, slots=True)
class Made:
    """Rows, and the ids of their contacts joined by new lines."""

    ids: str
    block: Block


class Maker:
    """Makes the rows of one file."""

    def __init__(self, plan: Plan) -> None:
        self._lines = Lines(plan.fields, plan.zone)
        self._words = LONG_VALUES[plan.language]

    def make(self, first: int, lines: bytes, count: int) -> Made:
        """The rows from the `first` on of `count` lines. Raises NoContact, CannotWrite."""
        ids, columns = self._lines.columns(lines, count)
        return Made("\n".join(ids), make_block(first, columns, self._words))
