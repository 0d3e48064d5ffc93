"""How the index is laid out: one mapping for every channel, the analysis of its texts, and the word by which versions tell it."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from common.filters.tree import BUILT_INS, FieldType
from search.document import SLOTS

FIELDS, QUICK = "fields", "quick"
"""What of an index filters, sorting and counting ask, and what the quick search asks besides."""

_MADE = {FIELDS: 2, QUICK: 3}
"""Raised where the same contact becomes another document and neither mapping nor settings tell."""


def settings() -> dict[str, Any]:
    """The index's settings: one-character tokens, limits that the filter language needs."""
    return {
        "index": {
            "number_of_shards": 1,
            "number_of_replicas": 0,
            # Made searchable every so often (`cluster_settings.FRESH`) while somebody searches. An interval of its own would go
            # on for ever.
            "search.idle.after": "10s",
            "max_terms_count": 1_000_000,
            "mapping.total_fields.limit": 4000,
        },
        "analysis": {
            "tokenizer": {
                "character": {"type": "ngram", "min_gram": 1, "max_gram": 1, "token_chars": []},
                "pair": {"type": "ngram", "min_gram": 2, "max_gram": 2, "token_chars": []},
                "triple": {"type": "ngram", "min_gram": 3, "max_gram": 3, "token_chars": []},
            },
            "analyzer": {
                "characters": {"type": "custom", "tokenizer": "character"},
                "pairs": {"type": "custom", "tokenizer": "pair"},
                "triples": {"type": "custom", "tokenizer": "triple"},
            },
        },
    }


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
        # Of a text without norms and values it would keep each part of its name once more; nobody asks whether there is one.
        "properties": {
            "channel": {"type": "keyword"},
            "id": {"type": "keyword"},
            "version": {"type": "long"},
            "deleted": {"type": "boolean"},
            "seen": {"type": "long"},
            "source": {"type": "object", "enabled": False},
            "quick": _object(
                {**{name: _runs() for name in ("text", "digits", "initials", "keys")}, "starts": _characters(), "begins": _BEGINS}
            ),
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


@cache
def layout() -> Mapping[str, str]:
    """A word for each part of an index as this version makes it; where an index has another, it is another version's."""
    settings_, whole = settings(), mapping()
    index, analysis = settings_["index"], settings_["analysis"]
    quick = whole["properties"].pop("quick")
    characters = [analysis["tokenizer"]["character"], analysis["analyzer"]["characters"]]
    parts = {FIELDS: [_MADE[FIELDS], index, characters, whole], QUICK: [_MADE[QUICK], analysis, quick]}
    return {part: hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16] for part, told in parts.items()}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"dynamic": "strict", "properties": dict(properties)}


def _characters() -> dict[str, Any]:
    return {"type": "text", "analyzer": "characters", "norms": False}


def _runs() -> dict[str, Any]:
    """By characters, and by two and three that stand together: those are in few documents where one alone is in nearly all."""
    fields = {name: {"type": "text", "analyzer": name, "norms": False} for name in ("pairs", "triples")}
    return {**_characters(), "fields": fields}


def _folded_mapping() -> dict[str, Any]:
    return {"term": {"type": "keyword"}, "chars": _characters(), "initials": _characters()}


def _text_mapping() -> dict[str, Any]:
    return _object({**_folded_mapping(), "written": _WRITTEN})


def _list_mapping() -> dict[str, Any]:
    whole = {"type": "integer"}
    return _object({"term": {"type": "keyword"}, "chars": _characters(), "size": whole, "distinct": whole, "written": _WRITTEN})


_WRITTEN = {"type": "keyword", "index": False}  # counted, never looked for; of a text written as it is compared there is none
_BEGINS = {"type": "keyword", "doc_values": False}  # looked for, neither sorted by nor counted
