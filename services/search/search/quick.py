"""The quick search: one box for names, numbers and addresses, however they are typed."""

import unicodedata
from collections.abc import Callable, Iterable
from itertools import groupby

from common.filters.text import fold, is_blank
from common.invisible import without_invisible
from common.phone import UnreadablePhone, digits_of, read_phone
from search import hangul
from search.compile import Query, phrase
from search.document import END, SHORT, START, as_initials
from search.plain import squeezed, usual_width, without_accents

EXACT, PREFIX, INFIX = 3.0, 2.0, 1.0
_UNSHIFTED, _APART = 0.1, 0.05  # times those; below all of those
_STROKES = "\u3161\u30fc"  # letters that are typed for a hyphen: the Korean vowel ㅡ, the Japanese long sound
_MOST_DRAWN = 64  # characters of a term in which is looked for what an input method drew together; longer ones nobody types so
_SHIFTED = frozenset("QWERTOP")  # the keys whose capital is another letter of the Korean layout


def quick(text: str, country: str) -> Query | None:
    """The query of a search term; it scores 3 for an exact match, 2 for a prefix, 1 for a part. None for a blank term.

    Either the whole term is found, or every one of its words. `country` reads phone numbers that are written without theirs.
    What an input method drew together is taken apart in terms of up to 64 characters: each such place multiplies the query.
    Characters that nobody sees come along when one copies: it is found without them too.
    """
    if is_blank(text):
        return None
    seen = without_invisible(text)
    if seen == text or is_blank(seen):
        return _read(text, country)
    return {"dis_max": {"queries": [_read(text, country), _read(seen, country)]}}


def _read(text: str, country: str) -> Query:
    drawn = len(squeezed(text)) <= _MOST_DRAWN
    whole = _found(text, country, drawn=drawn)
    words = text.split()
    if len(words) == 1:
        return whole
    each: Query = {"bool": {"must": [_found(word, country, drawn=drawn) for word in words]}}
    # Words found apart rank below the whole found together, however many they are.
    return {"dis_max": {"queries": [whole, {"constant_score": {"filter": each, "boost": _APART}}]}}


def _found(text: str, country: str, *, drawn: bool) -> Query:
    wanted = squeezed(text)
    ways = _ranked("quick.text", wanted) if wanted else []
    for digits in _numbers(text, country):
        ways += _ranked("quick.digits", digits)
    ways += _by_initials(wanted, drawn=drawn)
    together = without_accents("".join(usual_width(text).split()))
    pressed = hangul.keys(together)
    if any(key.isascii() and key.isalpha() for key in pressed):
        ways += _typed(together, pressed)
    return {"dis_max": {"queries": ways}}


def _by_initials(wanted: str, *, drawn: bool) -> list[Query]:
    """Where it has initials, or an input method may have hidden some: each stands for any syllable that begins with it."""
    readings = hangul.meant(wanted) if drawn else [hangul.apart(wanted)]
    return [_mixed(written) for written in readings if any(map(hangul.is_consonant, written))]


def _mixed(written: str) -> Query:
    """Initials among whole syllables, of which the last may go on: ㅎ길도 is the beginning of ㅎ길동."""
    endings = "".join(hangul.completions(written[-1]))

    def found(wanted: str, boost: float) -> Query:
        return _in_their_places(wanted, boost, "" if wanted.endswith(END) else endings)

    return _better_where(found, written)


def _in_their_places(written: str, boost: float, endings: str) -> Query:
    """The last one is any of `endings`, where there are some.

    Whoever has it has its initials, and few do: only with these are the syllables looked for in their places.
    """
    found = phrase(_by_runs("quick.initials", len(written)), as_initials(written))
    if any(map(hangul.initial, written)):
        runs = [_run(characters, lone) for lone, characters in groupby(written[:-1] if endings else written, hangul.is_consonant)]
        if endings:
            runs.append({"regexp": {"pattern": f"[{endings}]"}})
        together = {"all_of": {"mode": "ordered", "max_gaps": 0, "intervals": runs}}
        found = {"bool": {"filter": [found, {"intervals": {"quick.text": together}}]}}
    return {"constant_score": {"filter": found, "boost": boost}}


def _run(characters: Iterable[str], lone: bool) -> Query:
    """Characters next to each other: as they are in the texts, lone consonants in the initials, where each stands as well."""
    run: Query = {"query": "".join(characters), "mode": "ordered", "max_gaps": 0}
    return {"match": run | {"use_field": "quick.initials"} if lone else run}


def _numbers(text: str, country: str) -> list[str]:
    """The digits of a phone number or a part of one: as they stand, and those of the international form of a whole one."""
    written = text[4:] if text[:4].lower() == "tel:" else text
    digits = digits_of(written)
    if not digits or not all(c.isdecimal() or _is_between(c) for c in written):
        return []
    try:
        return list(dict.fromkeys((digits, digits_of(read_phone(written, country)))))
    except UnreadablePhone:
        return [digits]


def _is_between(character: str) -> bool:
    """Whether it may stand between the digits of a number, or around them: whatever makes no word of them, and no address."""
    kind = unicodedata.category(character)
    return character != "@" and (character.isspace() or character in _STROKES or kind[0] == "P" or kind == "Sm")


def _ranked(name: str, characters: str) -> list[Query]:
    def found(wanted: str, boost: float) -> Query:
        return phrase(_by_runs(name, len(wanted)), wanted, boost)

    return [_better_where(found, characters)]


def _typed(text: str, pressed: str) -> list[Query]:
    """By the keys pressed for a text, on either layout.

    Shift is another key for five consonants and two vowels alone. Where it was held for letters of the other layout (Caps Lock,
    or ㄸ for the last letter of alice), these are looked for as well: after all others, or among Latin letters alone.
    """
    as_pressed = "".join(key if key in _SHIFTED else fold(key) for key in pressed)
    ways = [_better_where(_by_keys, as_pressed)]
    if pressed != text:  # keys that are no letters of the text may be another text's
        ways += _ranked("quick.text", as_pressed)
    unshifted = "".join(map(fold, pressed))
    if unshifted != as_pressed:
        if pressed == unicodedata.normalize("NFC", text):
            ways.append({"bool": {"must": [_better_where(_by_keys, unshifted)], "boost": _UNSHIFTED}})
        else:
            ways += _ranked("quick.text", unshifted)
    return ways


def _by_keys(keys: str, boost: float) -> Query:
    """Keys that begin where a syllable does; any later one may begin another, or not.

    A text begins with a syllable, so of the beginning of one nothing else is to be asked. The first three keys of a syllable are
    one term. Of more, whoever has them and the whole run may have each elsewhere: only there the places are compared.
    """
    runs = _by_runs("quick.keys", len(keys))
    if keys.startswith(START):
        return phrase(runs, keys, boost)
    found: Query = {"term": {"quick.begins": keys[:SHORT]}}
    if len(keys) > SHORT:
        first = {"match": {"query": keys[0], "use_field": "quick.starts"}}
        others = {"match": {"query": keys[1:], "mode": "ordered", "max_gaps": 0}}
        together = {"all_of": {"mode": "ordered", "max_gaps": 0, "intervals": [first, others]}}
        found = {"bool": {"filter": [found, phrase(runs, keys), {"intervals": {"quick.keys": together}}]}}
    return {"constant_score": {"filter": found, "boost": boost}}


def _by_runs(name: str, length: int) -> str:
    """Where so many characters or keys are looked for: by the longest runs of them, which the fewest contacts have."""
    return name if length == 1 else f"{name}.pairs" if length == 2 else f"{name}.triples"


def _better_where(found: Callable[[str, float], Query], text: str) -> Query:
    """Whatever is whole is a beginning, and that a part: the narrower two are tried on the matches of the widest alone."""
    beginning, whole = found(START + text, PREFIX - INFIX), found(START + text + END, EXACT - PREFIX)
    return {"bool": {"must": [found(text, INFIX)], "should": [beginning, whole]}}
