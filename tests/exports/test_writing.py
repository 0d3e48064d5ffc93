"""A file from a stream of contacts: nothing of the stream missing, counted again from the bytes, with little memory."""

import contextlib
import hashlib
import io
import resource
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

import orjson
import psutil
import pytest

from exports.events import Column
from exports.rows.makers import MakerEnded
from exports.stream import batches
from exports.workbook.agile_format import Stretched, Tampered, WrongPassword
from exports.workbook.agile_reader import decrypt
from exports.workbook.long_values import Proof
from exports.writing import Ids, Incomplete, ReadBack, Writing, read_back

LOCK = Stretched.of("abc-123!")
ID = Column(key="id", type="String", heading="id")
NAME = Column(key="name", type="String", heading="<row></row>")


def line(n: int, name: str = "홍길동</row>") -> bytes:
    return orjson.dumps({"id": str(UUID(int=n)), "name": name, "profile": {}})


class Tray:
    """What is put aside, in memory; `altered` changes it on its way back."""

    def __init__(self, altered: Callable[[bytes], bytes] = bytes) -> None:
        self._altered = altered
        self._file = io.BytesIO()
        self.write, self.read = self._file.write, self._file.read

    def turn(self) -> None:
        content = self._altered(self._file.getvalue())
        self._file.seek(0)
        self._file.truncate()
        self._file.write(content)
        self._file.seek(0)


def wrote(
    lines: Sequence[bytes], columns: Sequence[Column], tray: Tray | None = None, processes: int = 0, *, spread_at: int = -1
) -> tuple[io.BytesIO, Writing]:
    file = io.BytesIO()
    with contextlib.closing(Writing(file, tray or Tray(), LOCK, columns, "Asia/Seoul", "ko", processes)) as writing:
        for begin in range(0, len(lines), 100):
            if begin == spread_at:
                assert writing.spread(2)
            writing.add(lines[begin : begin + 100])
        writing.finish()
    return file, writing


def written(lines: Sequence[bytes], columns: Sequence[Column]) -> io.BytesIO:
    return wrote(lines, columns)[0]


NO_LONG = Proof().told()


def ids_sha256(count: int) -> str:
    ids = Ids()
    ids.add([str(UUID(int=n)) for n in range(count)])
    return ids.sha256()


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 1000])
@pytest.mark.parametrize("columns", [[ID], [NAME, ID], [NAME, NAME, ID, NAME]], ids=len)
def test_rows_and_ids_are_counted_again_from_the_file(count: int, columns: list[Column]) -> None:
    file = written([line(n) for n in range(count)], columns)
    assert read_back(file, LOCK, columns) == ReadBack(count, ids_sha256(count), *NO_LONG)


def test_without_a_column_of_ids_the_rows_alone_are_counted() -> None:
    assert read_back(written([line(n) for n in range(20)], [NAME]), LOCK, [NAME]) == ReadBack(20, None, *NO_LONG)


@pytest.mark.parametrize(("processes", "spread_at"), [(2, -1), (0, 500)], ids=["from the start", "later"])
def test_processes_of_rows_write_the_same_rows(processes: int, spread_at: int) -> None:
    lines = [line(n, "가" * 40_000 if n % 90 == 0 else f"{n}") for n in range(1000)]
    beside, writing = wrote(lines, [ID, NAME], processes=processes, spread_at=spread_at)
    here, alone = wrote(lines, [ID, NAME])
    assert writing.told() == alone.told() == read_back(beside, LOCK, [ID, NAME])
    assert writing.held == alone.held
    first, second = (b"".join(decrypt(file, LOCK)) for file in (beside, here))
    assert first == second


def test_where_no_process_can_be_started_rows_are_made_as_before() -> None:
    lines = [line(n) for n in range(10)]
    file = io.BytesIO()
    with contextlib.closing(Writing(file, Tray(), LOCK, [ID, NAME], "Asia/Seoul", "ko", 0)) as writing:
        writing.add(lines[:5])
        most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, most[1]))  # no file and no pipe more
        try:
            assert not writing.spread(2)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, most)
        writing.add(lines[5:])
        writing.finish()
    assert read_back(file, LOCK, [ID, NAME]) == writing.told()
    assert writing.rows == len(lines)


def test_a_killed_process_of_rows_ends_the_writing_and_leaves_no_file_that_opens() -> None:
    file = io.BytesIO()
    with contextlib.closing(Writing(file, Tray(), LOCK, [ID, NAME], "Asia/Seoul", "ko", 2)) as writing:
        writing.add([line(1)])
        processes = psutil.Process().children()
        assert len(processes) >= 2
        for process in processes:
            process.kill()
        with pytest.raises(MakerEnded, match="SIGKILL"):
            for n in range(2, 100):
                writing.add([line(n)])
            writing.finish()
    with pytest.raises(Tampered):
        read_back(file, LOCK, [ID, NAME])
    assert psutil.wait_procs(processes, timeout=20)[1] == []


@pytest.mark.parametrize("broken", [b"{", b'{"id":"x"}', b'{"id":null}', b"{}", b'{"id":"00000000-0000-0000-0000-00000000000g"}'])
@pytest.mark.parametrize("processes", [0, 1])
def test_a_line_that_is_no_contact_ends_the_writing(broken: bytes, processes: int) -> None:
    with pytest.raises(Incomplete, match="no contact"):
        wrote([line(1), broken], [ID], processes=processes)


def test_a_contact_that_comes_twice_ends_the_writing() -> None:
    with pytest.raises(Incomplete):
        written([line(1), line(2), line(2)], [ID])


def test_a_changed_byte_anywhere_in_the_rows_or_another_lock_is_found() -> None:
    content = written(
        [line(n, hashlib.sha256(bytes([n % 256, n // 256])).hexdigest()) for n in range(500)], [ID, NAME]
    ).getvalue()
    places = range(4096, len(content) - 8192, 1024)
    assert len(places) > 20
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(Tampered):
            read_back(io.BytesIO(changed), LOCK, [ID, NAME])
    with pytest.raises(WrongPassword):
        read_back(io.BytesIO(content), Stretched.of("abc-123!"), [ID, NAME])


LONG = [line(1), line(2, "가" * 40_000), line(3, "x" * 32_768), line(4, "😀" * 40_000), line(5)]


def test_long_texts_are_put_together_again_from_the_file() -> None:
    file, writing = wrote(LONG, [ID, NAME])
    found = read_back(file, LOCK, [ID, NAME])
    assert found == writing.told()
    assert found.long_values == 3
    others = [line(1), line(2, "가" * 40_000), line(3, "x" * 32_767 + "y"), line(4, "😀" * 40_000), line(5)]
    assert wrote(others, [ID, NAME])[1].told().long_sha256 != found.long_sha256


@pytest.mark.parametrize("altered", [lambda b: b.replace(b"x", b"y", 1), lambda b: b[:-9], lambda b: b""])
def test_a_long_text_that_is_not_whole_in_the_file_is_found(altered: Callable[[bytes], bytes]) -> None:
    file, writing = wrote([line(1, "x" * 40_000), line(2, "z" * 40_000)], [ID, NAME], Tray(altered))
    assert read_back(file, LOCK, [ID, NAME]) != writing.told()


async def in_pieces(lines: Sequence[bytes], size: int) -> AsyncIterator[list[bytes]]:
    for begin in range(0, len(lines), size):
        yield list(lines[begin : begin + size])


async def gathered(lines: Sequence[bytes], size: int = 1) -> list[list[bytes]]:
    """In batches what comes so many lines at a time, the first of which come with the head."""
    return [batch async for batch in batches(in_pieces(lines[1:], size), list(lines[:1]))]


@pytest.mark.parametrize("size", [1, 7, 499, 500, 501, 1203, 5000])
async def test_a_stream_with_its_end_is_whole_in_whatever_pieces_it_comes(size: int) -> None:
    lines = [line(n) for n in range(1203)]
    found = await gathered([*lines, orjson.dumps({"end": True, "rows": 1203})], size)
    assert [each for batch in found for each in batch] == lines
    assert list(map(len, found)) == [500, 500, 203]
    assert await gathered([orjson.dumps({"end": True, "rows": 0})]) == []


async def test_a_batch_of_long_lines_ends_by_its_bytes() -> None:
    lines = [line(n, "x" * 250_000) for n in range(20)]
    found = await gathered([*lines, orjson.dumps({"end": True, "rows": 20})], 3)
    assert [each for batch in found for each in batch] == lines
    assert max(map(len, found)) <= 8


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [line(1)],
        [line(1), b'{"id":"000002","na'],
        [line(1), b'{"end":true,"rows":2}'],
        [line(1), b'{"end":true}'],
        [line(1), b'{"end":true,"rows":1}', line(2)],
        [line(1), b""],
    ],
)
async def test_a_stream_that_broke_off_is_not_taken_for_whole(lines: list[bytes]) -> None:
    for size in (1, 5):
        with pytest.raises(Incomplete):
            await gathered(lines, size)


def peak_of(count: int) -> int:
    """The most memory that writing and reading back so many rows took."""
    columns = [ID, *(Column(key=f"profile.k{n}", type="String", heading=f"k{n}") for n in range(9))]
    tracemalloc.start()
    try:
        with tempfile.TemporaryFile() as file:
            writing = Writing(file, Tray(), LOCK, columns, "Asia/Seoul", "ko", 0)
            for begin in range(0, count, 500):
                profile = {f"k{n}": f"값 {begin} {n}" for n in range(9)}
                writing.add([orjson.dumps({"id": str(UUID(int=n)), "profile": profile}) for n in range(begin, begin + 500)])
            writing.finish()
            assert read_back(file, LOCK, columns).rows == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_rows() -> None:
    few, many = peak_of(2_000), peak_of(16_000)
    assert many < few + (1 << 20)
