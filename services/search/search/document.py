"""A contact as the index holds it: everything that a filter or the quick search asks is computed here, in one place.

Profile values lie in typed slots, `string.17` or `date.3`: the mapping is the same for every channel and never grows.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from common.answers import contact_shown
from common.events.contacts import Contact
from common.fields import MOBILE, WEB
from common.filters.kept import KEPT, as_kept_today
from common.filters.outcomes import instant_of
from common.filters.text import WHITE_SPACE, fold, initials, is_blank
from common.filters.tree import BUILT_INS, FieldType
from common.phone import country_code, phone_forms
from search import hangul
from search.plain import squeezed

SLOTS = 200
"""Slots of each type: a channel has 200 fields at most, of whatever types."""

START, END = "\u0002", "\u0003"
"""Stand before and after every text that is searched by its characters; no text of a caller's may have them."""

WITHIN = "\u0004"
"""Stands in the place of every key with which no syllable begins."""

SHORT = 3
"""So many keys from the beginning of a syllable are one term."""

MOST_WRITTEN = 1_000
"""Characters of a value that is counted by how it is written; a longer one is looked up."""

MOST_PLAIN = 250
"""Code points of a text that tells no writing where it is written as it is compared.

What is too long to be counted never comes to so few: a normal form makes one code point of four at the most.
"""

_SHORT, _SHORT_TOGETHER = 64, 128  # of a text, and of texts, whose projections are remembered
_TEXTS, _PEOPLE = 16_384, 8_192  # so many are
_MOST_TERM = 8_000  # Lucene refuses a term of over 32,766 bytes; a folded code point has 4 at most

SLOT_TYPES = {
    FieldType.STRING: "string",
    FieldType.NUMBER: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "date",
    FieldType.LIST: "list",
}

Slots = Mapping[str, tuple[FieldType, int]]
"""By profile key (bare): its type and its slot."""


def field_name(key: str, slots: Slots) -> str:
    """Where the index holds a key's value."""
    if key.startswith("profile."):
        kind, slot = slots[key[8:]]
        return f"{SLOT_TYPES[kind]}.{slot}"
    return f"builtin.{key}"


def term(folded: str) -> str:
    """A folded text as one exact term: a long one by its beginning and its hash, so that equality stays exact."""
    if len(folded) <= _MOST_TERM:
        return folded
    return folded[:_MOST_TERM] + START + hashlib.sha256(folded.encode()).hexdigest()


def marked(text: str) -> str:
    """A text between its marks, to be searched by its characters."""
    return f"{START}{text}{END}"


def as_initials(text: str) -> str:
    """A text of the same length with the initial of each of its syllables in its place."""
    return "".join([hangul.initial(c) or c for c in text])


def document(channel: str, contact: Contact, slots: Slots) -> bytes:
    """The whole document's JSON. Every profile key of the contact is among the slots; those of archived fields are left out.

    Each part is JSON as soon as it is made: so that it can be remembered, and a batch of them is not thousands of objects.
    """
    shown = contact_shown(contact)
    made: dict[str, Any] = {
        "channel": channel,
        "id": shown["id"],
        "version": contact.version,
        "deleted": False,
        "seen": instant_of(contact.last_seen_at),
        "quick": _quick(tuple(map(shown.__getitem__, _LOOKED_FOR))),
        "source": shown,
        "builtin": _built_ins(shown),
    }
    for key, raw in contact.profile.items():
        if key in slots:
            kind, slot = slots[key]
            if raw is not None and (value := _PROJECTIONS[kind](raw)) is not None:
                made.setdefault(SLOT_TYPES[kind], {})[str(slot)] = value
    return orjson.dumps(made)


def _built_ins(shown: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, project in _OF_CONTACTS:
        if (raw := shown[key]) is not None and (value := project(raw)) is not None:
            made[key] = value
    for device, facts in _OF_DEVICES.items():
        of_device = shown[device]
        told = {name: project(raw) for name, project in facts if (raw := of_device[name]) is not None}
        if held := {name: value for name, value in told.items() if value is not None}:
            made[device] = held
    return made


def tombstone(channel: str, contact_id: str, version: int, *, erased: bool = False) -> dict[str, Any]:
    """What is left of a contact that is no more: its id and version, so that nothing older comes back.

    Of one that was erased it is told: lists that were begun before show the merged and the hidden still, but never the erased.
    """
    made: dict[str, Any] = {"channel": channel, "id": contact_id, "version": version, "deleted": True}
    return made | {"source": {"erased": True}} if erased else made


def _json(value: object) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(value))


def _remembered(make: Callable[[str], dict[str, Any] | None]) -> Callable[[object], orjson.Fragment | None]:
    """What is made of a text, as JSON.

    That of a short one is kept: names of cities and browsers come again and again, and so does a contact that is visited often.
    """

    def of_text(text: str) -> orjson.Fragment | None:
        return None if (made := make(text)) is None else _json(made)

    of_short = lru_cache(maxsize=_TEXTS)(of_text)

    def project(value: object) -> orjson.Fragment | None:
        if not isinstance(value, str):
            return None
        return of_short(value) if len(value) <= _SHORT else of_text(value)

    return project


def _folded(text: str) -> dict[str, Any] | None:
    if is_blank(text):
        return None
    folded = fold(text)
    made = {"term": term(folded), "chars": marked(folded)}
    return made | {"initials": lone} if (lone := initials(folded)) else made


def _text(text: str) -> dict[str, Any] | None:
    made = _folded(text)
    if made is None or (len(text) <= MOST_PLAIN and made["term"] == text.strip(WHITE_SPACE)):
        return made
    return made | {"written": _written([text])}


def _written(values: Sequence[object]) -> list[str]:
    """Each as it is compared and as it is written, so that of what is the same the commonest writing can be told."""
    texts = (value.strip(WHITE_SPACE) for value in values if isinstance(value, str))
    return [f"{folded}{START}{text}" for text in dict.fromkeys(texts) if len(text) <= MOST_WRITTEN and (folded := fold(text))]


def _email(text: str) -> dict[str, Any] | None:
    made = _folded(text)
    return made | {"domain": term(fold(text).rpartition("@")[2])} if made is not None else None


def _phone(text: str) -> dict[str, Any] | None:
    if is_blank(text):
        return None
    return {"term": term(text), "chars": [marked(form) for form in dict.fromkeys(phone_forms(text))], "code": country_code(text)}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) + 0.0  # -0.0 is another term than 0.0
    except OverflowError:  # a whole number beyond all doubles: contacts takes none
        return None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _list(value: object) -> orjson.Fragment | None:
    if not isinstance(value, list) or not value:
        return None
    texts = [each for each in value if isinstance(each, str)]
    if len(texts) == len(value) and sum(map(len, texts)) <= _SHORT_TOGETHER:
        return _of_short_list(tuple(texts))
    return _json(_of_list(texts, len(value)))


@lru_cache(maxsize=_TEXTS)
def _of_short_list(texts: tuple[str, ...]) -> orjson.Fragment:
    return _json(_of_list(texts, len(texts)))


def _of_list(texts: Sequence[str], size: int) -> dict[str, Any]:
    elements = sorted({fold(text) for text in texts} - {""})
    return {
        "term": [term(e) for e in elements],
        "chars": [marked(e) for e in elements],
        "size": size,
        "distinct": len(elements),
        "written": _written(texts),
    }


_PROJECTIONS: Mapping[FieldType, Callable[[object], object]] = {
    FieldType.STRING: _remembered(_text),
    FieldType.EMAIL: _remembered(_email),
    FieldType.PHONE: _remembered(_phone),
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: instant_of,
    FieldType.LIST: _list,
}


def _of_contact(key: str) -> Callable[[object], object]:
    project, keep = _PROJECTIONS[BUILT_INS[key]], KEPT.get(key)
    return project if keep is None else lambda raw: project(keep(raw))


_OF_CONTACTS = tuple((key, _of_contact(key)) for key in BUILT_INS if "." not in key)
_OF_DEVICES = {
    kind: tuple((key.removeprefix(f"{kind}."), _PROJECTIONS[BUILT_INS[key]]) for key in BUILT_INS if key.startswith(f"{kind}."))
    for kind in (WEB, MOBILE)
}
_NAMES, _NUMBERS = ("name", "email", "memberId"), ("mobileNumber", "landlineNumber")
_LOOKED_FOR = (*_NAMES, *_NUMBERS)


def _quick(looked_for: tuple[str | None, ...]) -> orjson.Fragment:
    length = sum([len(text) for text in looked_for if text])
    return _of_short_people(looked_for) if length <= _SHORT_TOGETHER else _json(_of_people(looked_for))


@lru_cache(maxsize=_PEOPLE)
def _of_short_people(looked_for: tuple[str | None, ...]) -> orjson.Fragment:
    """Of all that befalls a contact little changes how it is called."""
    return _json(_of_people(looked_for))


def _of_people(looked_for: Sequence[str | None]) -> dict[str, list[str]]:
    """What the quick search asks, of the values of `_LOOKED_FOR`."""
    kept = [as_kept_today(key, text) for key, text in zip(_NAMES, looked_for, strict=False)]
    texts = [squeezed(text) for text in kept if isinstance(text, str) and text]
    numbers = [form for number in looked_for[len(_NAMES) :] if number for form in phone_forms(number)]
    lone = {text: initials(text) for text in texts}
    syllabic = [text for text in texts if lone[text]]
    others = [text for text in texts if not lone[text]]
    # Initials alone are looked for past what is no syllable, too: ㄱㅅ is in 김a수.
    sequences = [lone[text] for text in syllabic if len(lone[text]) < len(text)]
    typed = [units for text in texts if not text.isascii() and "".join(units := hangul.units(text)) != text]
    made = {
        # Each initial has the same place in its field as its syllable has in that of texts: those with syllables come first.
        "text": [marked(t) for t in (*syllabic, *others)],
        "initials": [marked(s) for s in (*map(as_initials, syllabic), *sequences)],
        "digits": [marked(n) for n in dict.fromkeys(numbers)],
        # Of texts whose keys are other characters; each key that begins a syllable has its own place in the second field.
        "keys": [marked("".join(units)) for units in typed],
        "starts": [marked("".join([unit[0] + WITHIN * (len(unit) - 1) for unit in units])) for units in typed],
        "begins": sorted({run for units in typed for run in _beginnings(units)}),
    }
    return {name: values for name, values in made.items() if values}


def _beginnings(units: Sequence[str]) -> Iterator[str]:
    """The first keys, up to SHORT, of what begins at each unit."""
    keys, place = "".join(units), 0
    for unit in units:
        yield from (keys[place : place + length] for length in range(1, SHORT + 1) if place + length <= len(keys))
        place += len(unit)
