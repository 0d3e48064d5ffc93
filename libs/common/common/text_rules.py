"""Which characters no text may have, and the one newline it may: the same for every body of every service."""

import re

from common.errors import Unprocessable
from common.pointer import escape

_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
    + "\ud800-\udfff]"
)
# In JSON bytes a refused character is either an escape or, past 0x7e, raw UTF-8: cheap to look for before any walk. Each
# alternative begins with one certain byte: the search skips to those bytes, several times as fast.
_SUSPICIOUS = re.compile(
    rb"\\(?:[rbf]|u(?:00[01789]|[fF][dD][dDeE]|[fF]{3}|[dD][89a-fA-F]))|\x7f|\xc2[\x80-\x9f]|\xef(?:\xb7|\xbf[\xbe\xbf])|"
    + b"|".join(rb"%c[\x80-\xbf]\xbf[\xbe\xbf]" % first for first in range(0xF0, 0xF5))
)


def suspicious(json: bytes) -> bool:
    """Whether JSON bytes may hold a text that is refused or a carriage return; never wrong when it says no."""
    return _SUSPICIOUS.search(json) is not None


def allowed(text: str) -> bool:
    """Whether a text holds no refused character."""
    # What can be printed is none of them, and is told ten times as fast.
    return text.isprintable() or _REFUSED.search(text) is None


def clean_text(text: str, pointer: str | None = None) -> str:
    """The text with CR LF and CR as LF. Raises Unprocessable for NUL, control characters and noncharacters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if not allowed(text):
        raise Unprocessable(
            "A text holds a character that is not allowed (NUL, a control character or a noncharacter). Remove it.",
            code="badCharacter",
            pointer=pointer,
        )
    return text


def cleaned(value: object, pointer: str = "") -> object:
    """JSON values with every text (keys too) cleaned. Raises Unprocessable with the pointer of the first refused one.

    Depth is bounded by the JSON reader's own limit (1024), so the walk keeps its own stack.
    """
    if isinstance(value, str):
        return clean_text(value, pointer)
    root: list[object] = [value]
    stack: list[tuple[dict[str, object] | list[object], str]] = [(root, "")]
    while stack:
        holder, place = stack.pop()
        items = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
        if isinstance(holder, dict):
            holder.clear()
        for key, item in items:
            name = clean_text(key, place) if isinstance(key, str) else key
            here = pointer if holder is root else f"{place}/{escape(str(name))}"
            if isinstance(item, str):
                item = clean_text(item, here)
            elif isinstance(item, dict | list):
                stack.append((item, here))
            holder[name] = item  # type: ignore[index]
    return root[0]
