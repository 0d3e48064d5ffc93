"""In which encoding a file is: found where there is no doubt, obeyed where it is said, refused where it is wrong."""

from pathlib import Path

import pytest

from common.errors import Unprocessable
from contacts.imports.tables.encoding import NAMES, check_name, encoding_of, shown_name
from contacts.imports.tables.table import UnreadableFile
from contacts.imports.tables.text import layout_of, lines
from tests.support.tables import written

NAMES_BY_ENCODING = {
    "utf-8": ["홍길동", "山田花子", "José"],
    "utf-16": ["홍길동", "山田花子", "José"],
    "cp949": ["홍길동", "똠방각하", "김"],
    "shift_jis": ["山田花子", "髙橋①", "ヤマダ"],
    "euc-jp": ["山田花子", "ヤマダ", "佐藤①"],
    "gb18030": ["王小明", "李伟", "𠀀"],
    "big5": ["王小明", "陳怡君", "臺北市"],
}
PYTHON = {"euc-jp": "euc_jis_2004", "shift_jis": "cp932", "big5": "cp950"}
SENT = [(encoding, name) for encoding, names in NAMES_BY_ENCODING.items() for name in names]


def table(name: str, encoding: str) -> bytes:
    return f"memberId,name\r\na,{name}\r\n".encode(PYTHON.get(encoding, encoding))


@pytest.mark.parametrize(("encoding", "name"), SENT)
def test_the_encoding_that_is_said_is_obeyed(tmp_path: Path, encoding: str, name: str) -> None:
    layout = layout_of(written(tmp_path, table(name, encoding)), encoding)
    assert [list(line.cells) for line in lines(tmp_path / "table", layout)] == [["memberId", "name"], ["a", name]]
    assert shown_name(layout.encoding) == encoding


@pytest.mark.parametrize(("encoding", "name"), SENT)
def test_without_a_word_it_is_found_or_refused_but_never_another(tmp_path: Path, encoding: str, name: str) -> None:
    path = written(tmp_path, table(name, encoding))
    if encoding in ("utf-8", "utf-16") or (encoding == "cp949" and name != "똠방각하"):
        assert [list(line.cells) for line in lines(path, layout_of(path))][1] == ["a", name]
        return
    with pytest.raises(UnreadableFile) as refused:
        encoding_of(path)
    assert refused.value.code == "unknownEncoding"
    assert all(encoding in refused.value.detail for encoding in NAMES)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_read_where_it_is_said(tmp_path: Path, codec: str) -> None:
    path = written(tmp_path, "회원번호,이름\r\na,홍길동\r\n".encode(codec))
    assert encoding_of(path, "utf-16") == codec
    with pytest.raises(UnreadableFile):
        encoding_of(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("이름\n홍길동".encode("cp949"), "utf-8"), ("이름\n홍길동".encode(), "cp949"), ("이름\n홍길동".encode(), "shift_jis"),
        ("이름\n홍길동".encode("utf-8-sig"), "cp949"), ("이름".encode("utf-16"), "utf-8"),
        ("이름".encode("utf-8-sig"), "utf-16"),
        ("이름\n홍길동".encode(), "gb18030"), (b"a\xff\n", "big5"), (b"a\x00b", "cp949"), (b"abc", "utf-16"),
        (b"\xff\xfe\x00\xd8a\x00", "utf-16"),
    ],
)  # fmt: skip
def test_an_encoding_that_the_bytes_are_not_in_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        encoding_of(written(tmp_path, content), said)
    assert (refused.value.code, refused.value.pointer) == ("wrongEncoding", "/encoding")


def test_only_the_known_names_are_taken() -> None:
    assert [check_name(name) for name in (None, "utf-8", " Shift_JIS ", "EUC-JP")] == [None, "utf-8", "shift_jis", "euc-jp"]
    for name in ("", "latin-1", "utf8", "base64", "../x"):
        with pytest.raises(Unprocessable) as refused:
            check_name(name)
        assert refused.value.pointer == "/encoding"
        assert name not in refused.value.detail or not name
