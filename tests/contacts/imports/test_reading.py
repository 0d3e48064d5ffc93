"""Rows that are read ahead: the same as those read in their turn, by whatever holds when they are written."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from common.events.contacts import FieldTypeName
from contacts.imports.mapping import Column, Headed
from contacts.imports.order import Order
from contacts.imports.reading import Chunk, Reading
from contacts.imports.source import Row, write_rows

SEOUL, UTC = "Asia/Seoul", "UTC"
DATE: dict[str, FieldTypeName] = {"profile.day": "Date"}
TEXT: dict[str, FieldTypeName] = {"profile.day": "String"}
COLUMNS = (Column(0, "id", ("memberId",), True), Column(1, "day", ("profile.day",), True))
ORDER = Order("members", None, Headed(1, COLUMNS))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [Row(2 + n, (f"m{n}", f"2026-01-0{1 + n}"), wide=False) for n in range(5)]
    write_rows(rows, COLUMNS, (), ZoneInfo(SEOUL), tmp_path / "rows")
    return tmp_path / "rows"


def days(reading: Reading, chunk: Chunk, types: dict[str, FieldTypeName], zone: str) -> list[Any]:
    return [body["profile"]["day"] for _, body in reading.bodies(chunk, types, zone).bodies]


def in_seoul(numbers: range) -> list[str]:
    return [f"2025-12-{31 + n}T15:00:00.000Z" if n < 1 else f"2026-01-0{n}T15:00:00.000Z" for n in numbers]


async def test_chunk_after_chunk_every_row_comes_once(file: Path) -> None:
    reading, place, seen = Reading(ORDER, file, 2, DATE, SEOUL), 0, list[Any]()
    while (chunk := await reading.chunk(place)).rows:
        seen += days(reading, chunk, DATE, SEOUL)
        place = chunk.following
    assert seen == in_seoul(range(5))


async def test_what_was_read_ahead_is_read_anew_where_a_type_or_the_zone_is_another_by_then(file: Path) -> None:
    reading = Reading(ORDER, file, 2, DATE, SEOUL)
    first = await reading.chunk(0)
    assert reading.bodies(first, DATE, SEOUL) is first.read
    second = await reading.chunk(first.following)
    assert days(reading, second, DATE, UTC) == ["2026-01-03T00:00:00.000Z", "2026-01-04T00:00:00.000Z"]
    third = await reading.chunk(second.following)
    assert days(reading, third, TEXT, UTC) == ["2026-01-05"]


async def test_a_chunk_of_which_only_a_part_was_written_is_followed_by_its_rest(file: Path) -> None:
    reading = Reading(ORDER, file, 3, DATE, SEOUL)
    chunk = await reading.chunk(0)
    rest = await reading.chunk(chunk.rows[1].place)
    assert [row.number for row in rest.rows] == [3, 4, 5]
    assert days(reading, rest, DATE, SEOUL) == in_seoul(range(1, 4))
    reading.drop()


async def test_a_file_that_is_gone_is_told_of(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Reading(ORDER, file.with_name("gone"), 2, DATE, SEOUL).chunk(0)
