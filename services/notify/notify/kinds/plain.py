"""Makes a text plain: what a customer or a manager typed becomes no mention, no link and no markup of a chat. Pure."""

import re
from collections.abc import Callable

from common.invisible import without_invisible

MARK = "…"
# Each looks like what it stands for, and no client takes it for that.
_AT, _DOT, _SLASHES, _COLON, _HASH, _LESS = "＠", "․", "∕∕", "꞉", "＃", "‹"
_IN_A_NAME = re.compile(r"(?<=\S)[.．。｡](?=[^\W\d_])|(?<=www)[.．。｡]", re.IGNORECASE)
_EMOJI = re.compile(r":(?=[\w+-]+:)|(?<=\w):(?=\s|$)")
_MARKS = re.compile(r"[\\`*_{}\[\]()+\-!|~>]")
_NUMBERED = re.compile(r"^(\d+)([.)])")


def plain(text: str) -> str:
    """One line in which nothing is an address or calls anybody."""
    seen = "".join(c if c.isprintable() else " " for c in without_invisible(text))
    line = " ".join(seen.split())
    return _IN_A_NAME.sub(_DOT, line.replace("@", _AT).replace("//", _SLASHES))


def escaped(text: str) -> str:
    """A plain text for those who read Markdown: every mark stands for itself."""
    text = _EMOJI.sub(_COLON, text.replace("<", _LESS).replace("#", _HASH).replace("&", "＆"))
    return _NUMBERED.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", text))


def units(text: str) -> int:
    """Its length as JavaScript counts, as most of these services do: in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def fitted(text: str, most: int, write: Callable[[str], str] = lambda text: text) -> str:
    """As much of a plain text as fits when it is written; what was cut ends with a mark."""
    written = write(text)
    if units(written) <= most:
        return written
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if units(write(text[:middle].rstrip() + MARK)) <= most:
            low = middle
        else:
            high = middle - 1
    return write(text[:low].rstrip() + MARK)
