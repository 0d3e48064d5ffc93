"""The quick search: one box for names, numbers and addresses, however they are typed."""

import re
from collections.abc import Callable

from common.filters.text import UnreadablePhone, digits_of, is_blank, read_phone
from search import hangul
from search.compile import Query, phrase
from search.document import END, START, UNIT, squeezed

EXACT, PREFIX, INFIX = 3.0, 2.0, 1.0
# Digits of any script, and what stands between them in numbers, in half and full width.
_NUMBER = re.compile(r"[\d\s+.()\[\]/~\-\u00ad\u200b\u2010-\u2015\u2060\u2212\u223c\u30fc\uff08\uff09\uff0b\uff0d-\uff0f\uff5e]+")
_MOST_KEYS = 60
_SHIFTED = frozenset("QWERTOP")  # the keys whose capital is another letter of the Korean layout


def quick(text: str, country: str) -> Query | None:
    """The query of a search term; it scores 3 for an exact match, 2 for a prefix, 1 for a part. None for a blank term.

    Either the whole term is found, or every one of its words. `country` reads phone numbers that are written without theirs.
    """
    if is_blank(text):
        return None
    whole = _found(text, country)
    words = text.split()
    if len(words) == 1:
        return whole
    each: Query = {"bool": {"must": [_found(word, country) for word in words]}}
    # Words found apart rank below the whole found together, however many they are.
    return {"dis_max": {"queries": [whole, {"constant_score": {"filter": each, "boost": 0.5}}]}}


def _found(text: str, country: str) -> Query:
    ways = _ranked("quick.text", squeezed(text))
    for digits in _numbers(text, country):
        ways += _ranked("quick.digits", digits)
    together = "".join(text.split())
    consonants = hangul.consonants(together)
    if consonants is not None:
        ways += _ranked("quick.initials", consonants)
    pressed = hangul.keys(together)
    if pressed.isascii() and len(pressed) <= _MOST_KEYS and any(key.isalpha() for key in pressed):
        as_pressed = "".join(key if key in _SHIFTED else key.lower() for key in pressed)
        for keys in dict.fromkeys((as_pressed, pressed.lower())):
            ways += _typed(keys)
    return {"dis_max": {"queries": ways}}


def _numbers(text: str, country: str) -> list[str]:
    """The digits of a phone number or a part of one: as they stand, and those of the international form of a whole one."""
    digits = digits_of(text)
    if not digits or not _NUMBER.fullmatch(text):
        return []
    try:
        return list(dict.fromkeys((digits, digits_of(read_phone(text, country)))))
    except UnreadablePhone:
        return [digits]


def _ranked(name: str, characters: str) -> list[Query]:
    def found(wanted: str, boost: float) -> Query:
        return phrase(_by_runs(name, len(wanted)), wanted, boost)

    return [_better_where(found, characters)]


def _typed(keys: str) -> list[Query]:
    """Keys that begin where a syllable does; any later one may begin another, or not."""

    def found(wanted: str, boost: float) -> Query:
        name = _by_runs("quick.keys", len(wanted.replace(UNIT, "")))
        return {"constant_score": {"filter": {"match_phrase": {name: wanted}}, "boost": boost}}

    return [_better_where(found, UNIT + keys)]


def _by_runs(name: str, length: int) -> str:
    """Where so many characters or keys are looked for: by the longest runs of them, which the fewest contacts have."""
    return name if length == 1 else f"{name}.pairs" if length == 2 else f"{name}.triples"


def _better_where(found: Callable[[str, float], Query], text: str) -> Query:
    """Whatever is whole is a beginning, and that a part: the narrower two are tried on the matches of the widest alone."""
    beginning, whole = found(START + text, PREFIX - INFIX), found(START + text + END, EXACT - PREFIX)
    return {"bool": {"must": [found(text, INFIX)], "should": [beginning, whole]}}
