"""The quick search: one box for names, numbers and addresses, however they are typed."""

import re

from common.filters.text import digits_of, is_blank
from search import hangul
from search.compile import Query, phrase
from search.document import END, START, squeezed, unit_start

EXACT, PREFIX, INFIX = 3.0, 2.0, 1.0
_NUMBER = re.compile(r"[\d\s+().\-\u2010-\u2015/]+")
_MOST_KEYS = 60


def quick(text: str) -> Query | None:
    """The query of a search term; it scores 3 for an exact match, 2 for a prefix, 1 for a part. None for a blank term.

    Either the whole term is found, or every one of its words.
    """
    if is_blank(text):
        return None
    whole = _found(text)
    words = text.split()
    if len(words) == 1:
        return whole
    each: Query = {"bool": {"must": [_found(word) for word in words]}}
    # Words found apart rank below the whole found together, however many they are.
    return {"dis_max": {"queries": [whole, {"constant_score": {"filter": each, "boost": 0.5}}]}}


def _found(text: str) -> Query:
    squeezed_text = squeezed(text)
    ways = _ranked("quick.text", squeezed_text)
    digits = digits_of(text)
    if digits and _NUMBER.fullmatch(text):
        ways += _ranked("quick.digits", digits)
    consonants = hangul.consonants("".join(text.split()))
    if consonants is not None:
        ways += _ranked("quick.initials", consonants)
    pressed = hangul.keys("".join(text.split()))
    for keys in dict.fromkeys((pressed, pressed.lower())):
        if keys.isascii() and keys.isalpha() and len(keys) <= _MOST_KEYS:
            ways += _typed(keys)
    return {"dis_max": {"queries": ways}}


def _ranked(name: str, characters: str) -> list[Query]:
    return [
        phrase(name, START + characters + END, EXACT),
        phrase(name, START + characters, PREFIX),
        phrase(name, characters, INFIX),
    ]


def _typed(keys: str) -> list[Query]:
    """Keys that begin where a syllable does: the first key is a unit's first; each later one may be, or may not."""
    steps: list[Query] = [_key(unit_start(keys[0]))]
    steps += [{"any_of": {"intervals": [_key(key), _key(unit_start(key))]}} for key in keys[1:]]
    start, end = _key(START), _key(END)
    return [
        _in_order("quick.keys", [start, *steps, end], EXACT),
        _in_order("quick.keys", [start, *steps], PREFIX),
        _in_order("quick.keys", steps, INFIX),
    ]


def _key(character: str) -> Query:
    return {"match": {"query": character}}


def _in_order(name: str, steps: list[Query], boost: float) -> Query:
    intervals = {"intervals": {name: {"all_of": {"intervals": steps, "ordered": True, "max_gaps": 0}}}}
    return {"constant_score": {"filter": intervals, "boost": boost}}
