"""Texts as the quick search compares them: without regard to case, white space, width and accents."""

import unicodedata
from functools import lru_cache

from common.filters.text import fold, is_plain

_WIDTHS = ("<wide>", "<narrow>")
_ACCENTED = ("LATIN ", "GREEK ", "CYRILLIC ")


def squeezed(text: str) -> str:
    """A text as it is compared: ＡＢＣ is abc, ﾔﾏﾀﾞ is ヤマダ, José is jose; 가 and 각, か and が stay two."""
    if is_plain(text):
        return "".join(text.lower().split())
    return without_accents("".join(fold(usual_width(text)).split()))


def usual_width(text: str) -> str:
    """The text with its full-width Latin letters, digits and signs, and its half-width kana and Hangul, of the usual width."""
    return unicodedata.normalize("NFC", "".join(map(_usual, text)))


def without_accents(text: str) -> str:
    """The text, NFC, without the combining marks of Latin, Greek and Cyrillic letters."""
    if text.isascii():
        return text
    kept: list[str] = []
    accented = False
    for character in unicodedata.normalize("NFD", text):
        if unicodedata.category(character) == "Mn":
            if accented:
                continue
        else:
            accented = _takes_accents(character)
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


@lru_cache(maxsize=4096)
def _usual(character: str) -> str:
    width, _, code = unicodedata.decomposition(character).partition(" ")
    if width not in _WIDTHS:
        return character
    return chr(int(code, 16))


@lru_cache(maxsize=4096)
def _takes_accents(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_ACCENTED)
