"""An encrypted workbook opens with its password in other programs, with no other, and not once a byte was changed."""

import contextlib
import io
import random
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import msoffcrypto
import olefile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msoffcrypto.exceptions import InvalidKeyError

from exports.workbook import compound
from exports.workbook.agile import EncryptedPackage
from exports.workbook.agile_format import FOR_KEY, KEY, Tampered, WrongPassword, aes_decrypt, sha512, stretched
from exports.workbook.agile_reader import DecryptedPackage, decrypt, open_package
from exports.workbook.compound import CompoundWriter, PackageTooLong, directory

PASSWORD = "Tr0ub4dor&3"
FAT_SECTOR_COVERS = 128 * 512
HEADER_COVERS = 109 * FAT_SECTOR_COVERS


def seeded(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def encrypted(plain: bytes, password: str = PASSWORD, piece: int = 100_003) -> io.BytesIO:
    file = io.BytesIO()
    with EncryptedPackage(file, password, seeded(1)) as package:
        for start in range(0, len(plain), piece):
            package.write(plain[start : start + piece])
    return file


def zipped(size: int) -> bytes:
    """A ZIP file of exactly `size` bytes that do not compress."""
    name = "x"
    overhead = len(_stored(name, b""))
    return _stored(name, seeded(size)(size - overhead))


def _stored(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def opened_by_msoffcrypto(file: BinaryIO, password: str = PASSWORD) -> bytes:
    office: Any = msoffcrypto.OfficeFile(file)
    office.load_key(password=password, verify_password=True)
    out = io.BytesIO()
    office.decrypt(out, verify_integrity=True)
    return out.getvalue()


@pytest.mark.parametrize(
    "size",
    [
        *(200, 4079, 4080, 4081, 4087, 4088, 4089, 4095, 4096, 4097, 8192, 64 * 4096, 64 * 4096 + 1),
        *(FAT_SECTOR_COVERS - 9 * 512, FAT_SECTOR_COVERS),
        # Around the size where a first DIFAT sector is needed, and where a second is.
        *(HEADER_COVERS - 64 * 1024, HEADER_COVERS - 32 * 1024, HEADER_COVERS, 7_500_000),
        (109 + 127) * FAT_SECTOR_COVERS - 64 * 1024,
        30_000_000,
    ],
)
def test_another_program_opens_a_package_of_any_size(size: int) -> None:
    plain = zipped(size)
    file = encrypted(plain)
    assert len(plain) == size
    assert opened_by_msoffcrypto(file) == plain
    assert b"".join(decrypt(file, PASSWORD)) == plain
    ole: Any = olefile.OleFileIO(io.BytesIO(file.getvalue()), raise_defects=olefile.DEFECT_POTENTIAL)
    assert ole.parsing_issues == []
    assert ole.get_size("EncryptedPackage") == 8 + size + -size % 16


@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_tables_are_right_wherever_their_number_grows(step: int) -> None:
    """Each sector more around the first DIFAT sector and around the second, through the container alone."""
    for fats in (109, 109 + 127):
        edge = fats * 128 - fats - 2
        for count in range(edge - 10 + step, edge + 10, 3):
            file = io.BytesIO()
            writer = CompoundWriter(file)
            writer.write(bytes(512 * count))
            writer.finish({"Long": compound.LONG_STREAM})
            assert len(file.getvalue()) % 512 == 0
            ole: Any = olefile.OleFileIO(file, raise_defects=olefile.DEFECT_POTENTIAL)
            assert ole.get_size("Long") == 512 * count
            assert len(ole.openstream("Long").read()) == 512 * count


@settings(max_examples=40)
@given(
    plain=st.binary(max_size=20_000) | st.integers(0, 3 * 64 * 4096).map(lambda size: seeded(size)(size)),
    piece=st.integers(1, 300_000),
    password=st.text(st.characters(min_codepoint=33, max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=255),
)
def test_what_is_decrypted_is_what_was_encrypted(plain: bytes, piece: int, password: str) -> None:
    assert b"".join(decrypt(encrypted(plain, password, max(piece, len(plain) // 50 + 1)), password)) == plain


def test_the_container_holds_what_excel_writes() -> None:
    ole: Any = olefile.OleFileIO(encrypted(zipped(10_000)))
    assert sorted(ole.listdir()) == [
        ["\x06DataSpaces", "DataSpaceInfo", "StrongEncryptionDataSpace"],
        ["\x06DataSpaces", "DataSpaceMap"],
        ["\x06DataSpaces", "TransformInfo", "StrongEncryptionTransform", "\x06Primary"],
        ["\x06DataSpaces", "Version"],
        ["EncryptedPackage"],
        ["EncryptionInfo"],
    ]
    info = ole.openstream("EncryptionInfo").read()
    assert info[:8] == b"\x04\x00\x04\x00\x40\x00\x00\x00"
    assert info.count(b'keyBits="256"') == 2
    assert b'spinCount="100000"' in info


@pytest.mark.parametrize("count", range(1, 40))
def test_a_storage_is_a_red_black_tree(count: int) -> None:
    entries = directory({f"{index:03}" + "n" * (index % 7): b"" for index in range(count)})

    def black_height(index: int, parent_red: bool) -> int:
        if index == compound.NOSTREAM:
            return 0
        entry = entries[index]
        red = entry.color == compound.RED
        assert not (red and parent_red)
        for side, wrong in ((entry.left, 1), (entry.right, -1)):
            if side != compound.NOSTREAM:
                mine, other = ((len(each.name), each.name) for each in (entry, entries[side]))
                assert (other > mine) == (wrong == -1)
        left, right = black_height(entry.left, red), black_height(entry.right, red)
        assert left == right
        return left + (not red)

    black_height(entries[0].child, True)


@pytest.mark.parametrize("other", ["tr0ub4dor&3", PASSWORD + "x", PASSWORD[:-1], ""])
def test_another_password_is_refused(other: str) -> None:
    file = encrypted(zipped(5000))
    with pytest.raises(WrongPassword):
        open_package(file, other)
    if other:
        with pytest.raises(InvalidKeyError):
            opened_by_msoffcrypto(file, other)


def test_the_longest_password_works_and_a_longer_or_empty_one_is_refused() -> None:
    assert b"".join(decrypt(encrypted(b"x", "a1!" * 85), "a1!" * 85)) == b"x"
    for password in ("", "a" * 256):
        with pytest.raises(ValueError, match="1 to 255"):
            EncryptedPackage(io.BytesIO(), password)


@pytest.mark.parametrize("at", [512, 519, 520, 521, 4000, 50_000, 99_000])
def test_a_flipped_byte_of_the_package_is_detected(at: int) -> None:
    damaged = bytearray(encrypted(zipped(100_000)).getvalue())
    damaged[at] ^= 1
    with pytest.raises(Tampered):
        decrypt(io.BytesIO(damaged), PASSWORD)


SAMPLE = zipped(6000)
WHOLE = encrypted(SAMPLE).getvalue()


@settings(max_examples=120)
@given(at=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_never_reads_as_something_else(at: int, bit: int) -> None:
    """It is refused, or it was a bit without a meaning: a name's colour, filling."""
    damaged = bytearray(WHOLE)
    damaged[at] ^= 1 << bit
    with contextlib.suppress(Tampered, WrongPassword):
        assert b"".join(decrypt(io.BytesIO(damaged), PASSWORD)) == SAMPLE


@settings(max_examples=60)
@given(length=st.integers(0, len(WHOLE) - 513))
def test_a_file_cut_short_is_refused(length: int) -> None:
    with pytest.raises(Tampered):
        decrypt(io.BytesIO(WHOLE[:length]), PASSWORD)


@given(data=st.binary(max_size=2000))
def test_any_other_file_is_refused(data: bytes) -> None:
    with pytest.raises(Tampered):
        decrypt(io.BytesIO(data), PASSWORD)


def test_an_export_that_breaks_off_leaves_no_file_that_opens() -> None:
    file = io.BytesIO()
    plain = zipped(900_000)
    package = EncryptedPackage(file, PASSWORD)

    def break_off() -> None:
        with package:
            package.write(plain)
            raise OSError("broke off")

    with pytest.raises(OSError, match="broke off"):
        break_off()
    package.close()
    with pytest.raises(ValueError, match="closed"):
        package.write(b"more")
    assert not olefile.isOleFile(io.BytesIO(file.getvalue().ljust(2000, b"\0")))
    with pytest.raises(Tampered):
        decrypt(file, PASSWORD)


class LyingDisk(io.BytesIO):
    """Gives back another byte than it was given, as failing disks do."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = bytearray(super().read(size))
        if len(data) > 9000:
            data[9000] ^= 4
        return bytes(data)


def test_a_disk_that_lies_is_found_out_before_the_file_is_finished() -> None:
    file = LyingDisk()
    package = EncryptedPackage(file, PASSWORD)
    package.write(zipped(50_000))
    with pytest.raises(Tampered):
        package.close()
    assert file.getvalue()[:8] == bytes(8)


def test_no_plain_byte_reaches_the_file() -> None:
    marker = "홍길동 010-1234-5678".encode()
    assert marker not in encrypted(marker * 20_000).getvalue()


def test_the_same_plain_bytes_encrypt_differently_each_time() -> None:
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        with EncryptedPackage(file, PASSWORD) as package:
            package.write(bytes(8192))
    first, second = (file.getvalue() for file in files)
    assert first[520 : 520 + 8192] != second[520 : 520 + 8192]
    assert first[520 : 520 + 4096] != first[520 + 4096 : 520 + 8192]


def test_a_package_is_read_from_anywhere() -> None:
    plain = zipped(300_000)
    package = open_package(encrypted(plain), PASSWORD)
    assert isinstance(package, DecryptedPackage)
    for at, count in ((0, 10), (4090, 12), (4096, 4096), (299_990, 50), (123_456, 70_000), (400_000, 5)):
        package.seek(at)
        assert package.read(count) == plain[at : at + count]
    assert package.seek(-5, io.SEEK_END) == len(plain) - 5
    assert package.read() == plain[-5:]
    with zipfile.ZipFile(io.BufferedReader(package, 1 << 18)) as archive:
        assert archive.testzip() is None


def test_a_package_past_two_gibibytes_is_refused() -> None:
    file = io.BytesIO()
    writer = CompoundWriter(file)
    writer.length = compound.LONGEST - 10
    writer.write(bytes(10))
    with pytest.raises(PackageTooLong):
        writer.write(b"x")


def test_memory_does_not_grow_with_the_package() -> None:
    piece = seeded(3)(1 << 20)
    with tempfile.TemporaryFile() as file:
        tracemalloc.start()
        with EncryptedPackage(file, PASSWORD) as package:
            for _ in range(48):
                package.write(piece)
        assert sum(map(len, decrypt(file, PASSWORD))) == 48 << 20
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_the_password_is_stretched_as_the_standard_says() -> None:
    """The key of msoffcrypto-tool's published example, which Word made."""
    salt = bytes.fromhex("4c725d45dc610f939412a04da7910466")
    value = bytes.fromhex("a16cd5165a7ab9d271113ed386a78cf49692e8e527b0c5fc0055ed080b7cb94b")
    key = aes_decrypt(sha512(stretched("Password1234_", salt), FOR_KEY)[:KEY], salt, value)
    assert key.hex() == "40206609d9faadf24b076aebf2c435b74292c8b8a7aa81bc679be89711b02ac2"
