"""How texts are compared: folded the same way wherever a filter is read, so that no two interpreters disagree."""

import re
import unicodedata

from common.invisible import visible, without_invisible
from common.white_space import WHITE_SPACE as WHITE_SPACE
from common.white_space import is_blank as is_blank

_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FIRST_SYLLABLE, _LAST_SYLLABLE, _PER_INITIAL = 0xAC00, 0xD7A3, 588


# Characters of which none is written otherwise by a normal form or by another case, and which none joins.
_PLAIN = re.compile("[\\x00-\\x7f가-힣]*")


def is_plain(text: str) -> bool:
    """Whether a text is ASCII and Hangul syllables alone: nearly all are, and such a one needs no table of Unicode's."""
    return text.isascii() or _PLAIN.fullmatch(text) is not None


def fold(text: str) -> str:
    """NFC, full Unicode case folding (not Turkic), NFC again, without white space at both ends."""
    if is_plain(text):
        return text.lower().strip(WHITE_SPACE)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip(WHITE_SPACE)


def initials(text: str) -> str:
    """The initial consonants of the Hangul syllables, all else skipped: 홍 길동! → ㅎㄱㄷ (Unicode 3.12, conjoining jamo)."""
    if text.isascii():
        return ""
    return "".join(
        [
            _INITIALS[(ord(c) - _FIRST_SYLLABLE) // _PER_INITIAL]
            for c in unicodedata.normalize("NFC", text)
            if _FIRST_SYLLABLE <= ord(c) <= _LAST_SYLLABLE
        ]
    )


def is_initials(text: str) -> bool:
    """Whether a text is initial consonants and nothing else."""
    return bool(text) and all(c in _INITIALS for c in text)


_BLANKS = re.compile(f"[{re.escape(WHITE_SPACE)}]+")


def read_tag(text: str) -> str:
    """A tag as it is kept: nothing in it that nobody sees, blanks inside as one, none around; empty for a blank one."""
    return _BLANKS.sub(" ", visible(text)).strip(" ")


def as_kept(key: str, text: str) -> str:
    """A text that is looked for in the field, written as the field keeps what stands for one person or one thing."""
    match key:
        case "id" | "memberId":
            return without_invisible(text)
        case "tags":
            return read_tag(text)
        case _:
            return text
