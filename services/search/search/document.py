"""A contact as the index holds it: everything that a filter or the quick search asks is computed here, in one place.

Profile values lie in typed slots, `string.17` or `date.3`: the mapping is the same for every channel and never grows.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from common.answers import contact_shown
from common.built_ins import value_at
from common.clock import to_millis
from common.events.contacts import Contact
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

UNIT = "\u0004"
"""Stands before the first key of each syllable: the index has that key with it and without it in one place."""

SYLLABLE = "\u0005"
"""Stands before each syllable and its initial: the index has the one and the other in one place."""

MOST_WRITTEN = 1_000
"""Characters of a value that is counted by how it is written; a longer one is looked up."""

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


def unit_keys(text: str) -> str:
    """The keys of a text with the first of each unit marked, so that a match begins where a syllable does."""
    return "".join(UNIT + unit for unit in hangul.units(text))


def with_initials(text: str) -> str:
    """A text, each of its syllables with its initial: whoever looks for it may write the one or the other."""
    return "".join(f"{SYLLABLE}{i}{c}" if (i := hangul.initial(c)) is not None else c for c in text)


def document(channel: str, contact: Contact, slots: Slots) -> dict[str, Any]:
    """The whole document. Every profile key of the contact is among the slots; those of archived fields are left out."""
    shown = contact_shown(contact)
    made: dict[str, Any] = {
        "channel": channel,
        "id": str(contact.id),
        "version": contact.version,
        "deleted": False,
        "seen": to_millis(contact.last_seen_at) if contact.last_seen_at else None,
        "quick": _quick(shown),
        "source": shown,
    }
    for key, kind in BUILT_INS.items():
        if (value := _value(kind, value_at(shown, key))) is not None:
            *holders, member = key.split(".")
            holder = made.setdefault("builtin", {})
            for name in holders:
                holder = holder.setdefault(name, {})
            holder[member] = value
    for key, raw in contact.profile.items():
        if key in slots:
            kind, slot = slots[key]
            if (value := _value(kind, raw)) is not None:
                made.setdefault(SLOT_TYPES[kind], {})[str(slot)] = value
    return made


def tombstone(channel: str, contact_id: str, version: int, *, erased: bool = False) -> dict[str, Any]:
    """What is left of a contact that is no more: its id and version, so that nothing older comes back.

    Of one that was erased it is told: lists that were begun before show the merged and the hidden still, but never the erased.
    """
    made: dict[str, Any] = {"channel": channel, "id": contact_id, "version": version, "deleted": True}
    return made | {"source": {"erased": True}} if erased else made


def _value(kind: FieldType, value: object) -> object:
    if value is None:
        return None
    return _PROJECTIONS[kind](value)


def _folded(value: object) -> dict[str, Any] | None:
    if not isinstance(value, str) or is_blank(value):
        return None
    folded = fold(value)
    return {"term": term(folded), "chars": marked(folded), "initials": initials(folded)}


def _text(value: object) -> dict[str, Any] | None:
    made = _folded(value)
    return made | {"written": _written([value])} if made is not None else None


def _written(values: Sequence[object]) -> list[str]:
    """Each as it is compared and as it is written, so that of what is the same the commonest writing can be told."""
    texts = (value.strip(WHITE_SPACE) for value in values if isinstance(value, str))
    return [f"{folded}{START}{text}" for text in dict.fromkeys(texts) if len(text) <= MOST_WRITTEN and (folded := fold(text))]


def _email(value: object) -> dict[str, Any] | None:
    made = _folded(value)
    if made is not None and isinstance(value, str):
        made["domain"] = term(fold(value).rpartition("@")[2])
    return made


def _phone(value: object) -> dict[str, Any] | None:
    if not isinstance(value, str) or is_blank(value):
        return None
    return {
        "term": term(value),
        "chars": [marked(form) for form in dict.fromkeys(phone_forms(value))],
        "code": country_code(value),
    }


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) + 0.0  # -0.0 is another term than 0.0
    except OverflowError:  # a whole number beyond all doubles: contacts takes none
        return None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _list(value: object) -> dict[str, Any] | None:
    if not isinstance(value, list) or not value:
        return None
    elements = sorted({fold(e) for e in value if isinstance(e, str)} - {""})
    return {
        "term": [term(e) for e in elements],
        "chars": [marked(e) for e in elements],
        "size": len(value),
        "distinct": len(elements),
        "written": _written(value),
    }


_PROJECTIONS: Mapping[FieldType, Callable[[object], object]] = {
    FieldType.STRING: _text,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: instant_of,
    FieldType.LIST: _list,
}


def _quick(shown: Mapping[str, Any]) -> dict[str, list[str]]:
    texts = [squeezed(shown[key]) for key in ("name", "email", "memberId") if shown[key]]
    numbers = [form for key in ("mobileNumber", "landlineNumber") if shown[key] for form in phone_forms(shown[key])]
    syllables = [text for text in texts if initials(text)]
    # Initials alone are looked for past what is no syllable, too: ㄱㅅ is in 김a수.
    sequences = [sequence for text in syllables if len(sequence := initials(text)) < len(text)]
    typed = [unit_keys(text) for text in texts]
    return {
        "text": [marked(t) for t in texts],
        "digits": [marked(n) for n in dict.fromkeys(numbers)],
        "initials": [marked(s) for s in (*map(with_initials, syllables), *sequences)],
        "keys": [marked(k) for k in typed if k],
    }


def settings() -> dict[str, Any]:
    """The index's settings: one-character tokens, limits that the filter language needs."""
    return {
        "index": {
            "number_of_shards": 1,
            "number_of_replicas": 0,
            "refresh_interval": "500ms",
            "max_terms_count": 1_000_000,
            "mapping.total_fields.limit": 4000,
        },
        "analysis": {
            "tokenizer": {
                "character": {"type": "ngram", "min_gram": 1, "max_gram": 1, "token_chars": []},
                "pair": {"type": "ngram", "min_gram": 2, "max_gram": 2, "token_chars": []},
                "triple": {"type": "ngram", "min_gram": 3, "max_gram": 3, "token_chars": []},
                "key": {"type": "pattern", "pattern": f"(?s){UNIT}?.", "group": 0},
                "syllable": {"type": "pattern", "pattern": f"(?s){SYLLABLE}..|.", "group": 0},
            },
            "filter": {
                "bare": {"type": "pattern_replace", "pattern": UNIT, "replacement": ""},
                "marked_and_bare": {"type": "multiplexer", "filters": ["bare"]},
                "two": _run(2),
                "three": _run(3),
                # Where the run itself begins with a unit is told; where another begins within it is not.
                "first_mark": {"type": "pattern_replace", "pattern": f"(?<!^){UNIT}", "replacement": ""},
                **_either(1),
                **_either(2),
                **_either(3),
            },
            "analyzer": {
                "characters": {"type": "custom", "tokenizer": "character"},
                "pairs": {"type": "custom", "tokenizer": "pair"},
                "triples": {"type": "custom", "tokenizer": "triple"},
                "keys": _keys_analyzer("marked_and_bare"),
                "keys_pairs": _keys_analyzer("two", "first_mark", "marked_and_bare"),
                "keys_triples": _keys_analyzer("three", "first_mark", "marked_and_bare"),
                "typed": _keys_analyzer(),
                "typed_pairs": _keys_analyzer("two", "first_mark"),
                "typed_triples": _keys_analyzer("three", "first_mark"),
                "initials": {"type": "custom", "tokenizer": "syllable", "filter": ["either_1"]},
                "initials_pairs": {"type": "custom", "tokenizer": "syllable", "filter": ["two", "either_2"]},
                "initials_triples": {"type": "custom", "tokenizer": "syllable", "filter": ["three", "either_3"]},
            },
        },
    }


def _keys_analyzer(*filters: str) -> dict[str, Any]:
    return {"type": "custom", "tokenizer": "key", "filter": list(filters)}


def _either(length: int) -> dict[str, Any]:
    """A run of so many syllables and other characters in every writing: of each syllable either itself or its initial."""
    one = f"(?:{SYLLABLE}(.)(.)|(.))"
    filters: dict[str, Any] = {}
    for chosen in product((1, 2), repeat=length):
        written = "".join(f"${3 * place + each}${3 * place + 3}" for place, each in enumerate(chosen))
        name = "either_" + "".join(map(str, chosen)) + "_"
        filters[name] = {"type": "pattern_replace", "pattern": f"(?s)^{one * length}$", "replacement": written}
    return filters | {f"either_{length}": {"type": "multiplexer", "filters": list(filters), "preserve_original": False}}


def _run(length: int) -> dict[str, Any]:
    """So many keys or syllables that stand together, as one token."""
    return {
        "type": "shingle", "min_shingle_size": length, "max_shingle_size": length, "output_unigrams": False,
        "token_separator": "",
    }  # fmt: skip


def mapping() -> dict[str, Any]:
    """The strict mapping: the same for every channel."""
    by_type = {
        "string": _text_mapping(),
        "number": {"type": "double"},
        "boolean": {"type": "boolean"},
        "date": {"type": "long"},
        "list": _list_mapping(),
    }
    kinds: Mapping[FieldType, dict[str, Any]] = {
        FieldType.STRING: by_type["string"],
        FieldType.EMAIL: _object({**_folded_mapping(), "domain": {"type": "keyword"}}),
        FieldType.PHONE: _object({"term": {"type": "keyword"}, "chars": _characters(), "code": {"type": "keyword"}}),
        FieldType.NUMBER: by_type["number"],
        FieldType.BOOLEAN: by_type["boolean"],
        FieldType.DATE: by_type["date"],
        FieldType.LIST: by_type["list"],
    }
    return {
        "dynamic": "strict",
        "properties": {
            "channel": {"type": "keyword"},
            "id": {"type": "keyword"},
            "version": {"type": "long"},
            "deleted": {"type": "boolean"},
            "seen": {"type": "long"},
            "source": {"type": "object", "enabled": False},
            "quick": _object({**{name: _runs() for name in ("text", "digits")}, **_typed()}),
            "builtin": _built_ins(kinds),
            **{name: _object({str(slot): each for slot in range(SLOTS)}) for name, each in by_type.items()},
        },
    }


def _built_ins(kinds: Mapping[FieldType, dict[str, Any]]) -> dict[str, Any]:
    """The built-ins by their keys: `web.os` is the `os` of the object `web`."""
    made = _object({})
    for key, kind in BUILT_INS.items():
        *holders, member = key.split(".")
        within = made
        for name in holders:
            within = within["properties"].setdefault(name, _object({}))
        within["properties"][member] = kinds[kind]
    return made


def layout() -> str:
    """A word for the settings and the mapping as this version makes them; an index of another word is another version's."""
    return hashlib.sha256(json.dumps([settings(), mapping()], sort_keys=True).encode()).hexdigest()[:16]


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"dynamic": "strict", "properties": dict(properties)}


def _characters() -> dict[str, Any]:
    return {"type": "text", "analyzer": "characters", "norms": False}


def _runs() -> dict[str, Any]:
    """By characters, and by two and three that stand together: those are in few documents where one alone is in nearly all."""
    fields = {name: {"type": "text", "analyzer": name, "norms": False} for name in ("pairs", "triples")}
    return {**_characters(), "fields": fields}


def _typed() -> dict[str, Any]:
    """The same of keys, and of syllables that may be written by their initials."""

    def field(analyzer: str, searched: str) -> dict[str, Any]:
        return {"type": "text", "analyzer": analyzer, "search_analyzer": searched, "norms": False}

    keys = {name: field(f"keys_{name}", f"typed_{name}") for name in ("pairs", "triples")}
    initials = {name: field(f"initials_{name}", name) for name in ("pairs", "triples")}
    return {
        "keys": {**field("keys", "typed"), "fields": keys},
        "initials": {**field("initials", "characters"), "fields": initials},
    }


def _folded_mapping() -> dict[str, Any]:
    return {"term": {"type": "keyword"}, "chars": _characters(), "initials": _characters()}


def _text_mapping() -> dict[str, Any]:
    return _object({**_folded_mapping(), "written": _WRITTEN})


def _list_mapping() -> dict[str, Any]:
    whole = {"type": "integer"}
    return _object({"term": {"type": "keyword"}, "chars": _characters(), "size": whole, "distinct": whole, "written": _WRITTEN})


_WRITTEN = {"type": "keyword", "index": False}  # counted, never looked for
