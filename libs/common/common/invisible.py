"""Characters that nobody sees: in what stands for one person or one thing, two that look alike would be two."""

import re
import unicodedata

from common.errors import Unprocessable

# The class Cf of Unicode (joiners, direction marks, soft hyphen, byte order mark), its Default_Ignorable_Code_Point (Hangul
# fillers, variation selectors, what is reserved for the like), and the Braille blank.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u17b4-\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

_JOINERS = "\u200c\u200d"
# Scripts in which a joiner changes how letters look: Arabic to Samaritan's neighbours, the Indic ones, Tibetan, Myanmar, Khmer,
# Mongolian, the forms of Arabic.
_JOINING = re.compile("[\u0600-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc]")
_VARIANTS, _KEYCAP = "\ufe0e\ufe0f", "\u20e3"
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]*\\Z")  # of a part of a country, spelled out by characters behind it


def has_invisible(text: str) -> bool:
    """Whether a text holds a character that nobody sees."""
    return not text.isascii() and INVISIBLE.search(text) is not None


def unseen(name: str, pointer: str) -> Unprocessable:
    """The refusal of such a character where nobody may guess what was meant: in an id."""
    detail = f"`{name}` holds a character that nobody sees, such as a zero-width space. Remove it."
    return Unprocessable(detail, code="invisibleCharacter", pointer=pointer)


def without_invisible(text: str) -> str:
    """The text without characters that nobody sees."""
    return text if text.isascii() else INVISIBLE.sub("", text)


def shows_nothing(text: str) -> bool:
    """Whether a text is blank to whoever reads it: white space and characters that nobody sees."""
    return not without_invisible(text).strip()


def visible(text: str) -> str:
    """The same for what people read: joiners and variants that shape an emoji or a letter stay."""
    if not has_invisible(text):
        return text
    kept = ""
    for n, c in enumerate(text):
        if INVISIBLE.match(c) is None or _shapes(c, kept, text[n + 1 : n + 2]):
            kept += c
    return kept


def _shapes(c: str, before: str, after: str) -> bool:
    """Whether an invisible character changes what is seen of those beside it."""
    last = before[-1:]
    if c in _JOINERS:
        letters = _is_joined(last) and _is_joined(after)
        return letters or (c == "\u200d" and _is_picture(before.rstrip(_VARIANTS)[-1:]) and _is_picture(after))
    if c in _VARIANTS:
        return _is_picture(last) or after == _KEYCAP
    return "\U000e0020" <= c <= "\U000e007f" and _FLAG.search(before) is not None


def _is_joined(c: str) -> bool:
    return _JOINING.match(c) is not None and INVISIBLE.match(c) is None


def _is_picture(c: str) -> bool:
    return c != "" and INVISIBLE.match(c) is None and (unicodedata.category(c) in {"So", "Sk", "Sm"} or c in "\u203c\u2049")
