"""In which encoding a text file is: as its sender says, or found out where there is no doubt."""

import codecs
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from common.errors import Unprocessable
from common.korean import is_korean
from contacts.imports.tables.table import UnreadableFile

_PIECE = 1024 * 1024
_MOST_JUDGED = 4 * _PIECE
"""How much of a file is judged by its letters; the rest has to decode."""
_FEW = 8
"""Among how many bytes of a text one may be NUL: in UTF-16 without its mark, where letters are ASCII, every other one is."""

_CODECS: Mapping[str, tuple[str, ...]] = {
    "utf-8": ("utf-8-sig",),
    "utf-16": ("utf-16",),
    "cp949": ("cp949",),
    "shift_jis": ("cp932", "shift_jis_2004"),
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "gb18030": ("gb18030",),
    "big5": ("cp950", "big5hkscs"),
}
"""The codecs for each name that a sender may say: the one that programs really write, then the one with more characters."""

NAMES = tuple(_CODECS)
_BARE_UTF_16 = ("utf-16-le", "utf-16-be")


def shown_name(codec: str) -> str:
    """The name of a codec in the words of NAMES."""
    known = {codec: name for name, codecs_of in _CODECS.items() for codec in codecs_of}
    return known.get(codec, "utf-8" if codec == "utf-8" else "utf-16")


def encoding_of(file: Path, said: str | None = None) -> str:
    """The codec that reads the file: `said`, one of NAMES, is obeyed. Raises UnreadableFile, Unprocessable."""
    return _found(file) if said is None else _obeyed(file, said)


def check_name(said: str | None) -> str | None:
    """One of NAMES, in any case. Raises Unprocessable."""
    if said is None or said.strip().lower() in NAMES:
        return None if said is None else said.strip().lower()
    detail = f"`encoding` is one of {', '.join(NAMES)}; leave it out to have it found."
    raise Unprocessable(detail, pointer="/encoding", extra={"known": NAMES})


def _mark_of(file: Path) -> str | None:
    with file.open("rb") as opened:
        head = opened.read(4)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def _found(file: Path) -> str:
    marked = _mark_of(file)
    if marked is not None:
        if _letters(file, marked) is None:
            raise unknown_encoding()
        return marked
    if _letters(file, "utf-8") is not None:
        return "utf-8"
    letters = _letters(file, "cp949")
    if letters is None or not is_korean(letters):
        raise unknown_encoding()
    return "cp949"


def _obeyed(file: Path, said: str) -> str:
    marked = _mark_of(file)
    if marked is not None and marked not in _CODECS[said]:
        raise _wrong_encoding(said)
    if said == "utf-16" and marked is None:
        return _bare_utf_16(file)
    if said not in ("utf-8", "utf-16") and _is_surely_utf_8(file):
        raise _wrong_encoding(said)
    for codec in _CODECS[said]:
        if _letters(file, codec) is not None:
            return codec
    raise _wrong_encoding(said)


def _bare_utf_16(file: Path) -> str:
    """Without a mark, the order of the bytes in which there are more line ends and commas."""
    found = {codec: letters for codec in _BARE_UTF_16 if (letters := _letters(file, codec)) is not None}
    if not found:
        raise _wrong_encoding("utf-16")
    return max(found, key=lambda codec: sum(found[codec][sign] for sign in "\n\r,;\t"))


def _is_surely_utf_8(file: Path) -> bool:
    """Whether it holds letters of three bytes and all of it is UTF-8: no other encoding comes out so by chance."""
    letters = _letters(file, "utf-8")
    return letters is not None and any(letter > "\u07ff" for letter in letters)


def _letters(file: Path, codec: str) -> Counter[str] | None:
    """The characters of the file's beginning, all of which decodes; None where it does not."""
    decoder = codecs.getincrementaldecoder(codec)()
    letters: Counter[str] = Counter()
    judged = nothings = size = 0
    with file.open("rb") as opened:
        try:
            while piece := opened.read(_PIECE):
                nothings += piece.count(0)
                size += len(piece)
                # In an older encoding one may be half a letter of UTF-16, whose other half is taken for letters.
                if nothings and not codec.startswith("utf"):
                    return None
                text = decoder.decode(piece)
                if judged < _MOST_JUDGED:
                    letters.update(text)
                    judged += len(piece)
            letters.update(decoder.decode(b"", final=True))
        except UnicodeDecodeError:
            return None
    # One that got into a text is refused with its row; what has many is no text, but in UTF-16.
    return letters if codec.startswith("utf-16") or nothings * _FEW <= size else None


def unknown_encoding() -> UnreadableFile:
    """It is not certain how the file is written."""
    return UnreadableFile(
        "The file is neither a workbook nor text in UTF-8, UTF-16 (with its mark) or Korean CP949. Save it as UTF-8 and send it "
        f"again, or say in `encoding` how it is written: {', '.join(NAMES)}.",
        code="unknownEncoding",
        extra={"known": NAMES},
    )


def _wrong_encoding(said: str) -> Unprocessable:
    return Unprocessable(
        f"The file is not written in {said}. Leave `encoding` out, or say the one that it is saved in.",
        code="wrongEncoding",
        pointer="/encoding",
        extra={"encoding": said},
    )
