"""The distinct values of a field with their counts, for a list to choose from while one types."""

import re
from dataclasses import dataclass
from typing import Any

from common.errors import Unprocessable
from common.filters import BUILT_INS, FieldType, fold
from common.filters.outcomes import value_of
from search import hangul
from search.document import MOST_PLAIN, START, field_name
from search.index import Index
from search.points import Points
from search.request import canonical
from search.store import Fields
from search.understanding import Understanding, Wanted

MOST_VALUES = 50
MOST_PREFIX = 100
_CANDIDATES = 5000  # that each shard tells of: among those that are the commonest anywhere, the commonest of all are
_MOST_PATTERN = 900  # characters; the index takes 1,000
_IDS = frozenset({"id", "memberId", "avatarUrl"})


@dataclass(frozen=True, slots=True)
class Values:
    """The commonest values with their counts, whether there are more, and how many contacts have none."""

    items: list[tuple[str | bool, int]]
    more: bool
    without: int


class Distinct:
    """Counts values over the index."""

    def __init__(self, understanding: Understanding, index: Index) -> None:
        self._understanding = understanding
        self._index = index
        self._points = Points(index)

    async def values(self, channel: str, wanted: Wanted, written: str, prefix: str | None, limit: int) -> Values:
        """The commonest first, equal ones in the order of texts. Values that are compared as one count as one.

        Raises Unprocessable for a field whose values are not listed.
        """
        prepared = await self._understanding.prepare(channel, wanted)
        key, kind = _listable(canonical(written), prepared.fields)
        name = field_name(key, prepared.fields.slots)
        place = name if kind is FieldType.BOOLEAN else f"{name}.term"
        terms: dict[str, Any] = {
            "field": place, "size": limit + 1, "shard_size": _CANDIDATES, "order": [{"_count": "desc"}, {"_key": "asc"}],
        }  # fmt: skip
        if prefix is not None and (begins := fold(prefix)):
            if kind is FieldType.BOOLEAN:
                raise Unprocessable(
                    "A Boolean field's values have no beginning. Leave `prefix` out.", code="wrongType", pointer="/prefix"
                )
            terms["include"] = pattern(begins)
        point = await self._points.fresh()
        asked = {"values": {"terms": terms}, "without": {"missing": {"field": place}}}
        told = await self._index.counted(prepared.query, asked, point)
        buckets, without = told["values"]["buckets"], int(told["without"]["doc_count"])
        more = len(buckets) > limit
        if kind is FieldType.BOOLEAN:
            return Values([(bucket["key_as_string"] == "true", bucket["doc_count"]) for bucket in buckets[:limit]], more, without)
        found = [str(bucket["key"]) for bucket in buckets[:limit]]
        return Values(await self._shown(prepared.query, key, kind, name, found, point), more, without)

    async def _shown(
        self, query: dict[str, Any], key: str, kind: FieldType, name: str, found: list[str], point: str
    ) -> list[tuple[str | bool, int]]:
        """Each value in its commonest writing with its exact count, of the same moment."""
        if not found:
            return []
        asked = {
            str(n): {
                "filter": {"term": {f"{name}.term": value}},
                "aggs": {
                    "written": {
                        "terms": {
                            "field": f"{name}.written", "size": 1, "shard_size": _CANDIDATES, "include": _beginning(value),
                            "order": [{"_count": "desc"}, {"_key": "asc"}],
                        }
                    }
                },
            }
            for n, value in enumerate(found)
        }  # fmt: skip
        told = await self._index.counted(query, asked, point)
        items: list[tuple[str | bool, int]] = []
        for n, value in enumerate(found):
            count: int = told[str(n)]["doc_count"]
            shown = _commonest(value, count, told[str(n)]["written"], whole=kind is FieldType.STRING)
            items.append((await self._looked_up(query, key, name, value, point) if shown is None else shown, count))
        return items

    async def _looked_up(self, query: dict[str, Any], key: str, name: str, value: str, point: str) -> str:
        """A value too long to be counted by its writings, as somebody has it."""
        having = {"bool": {"filter": [query, {"term": {f"{name}.term": value}}]}}
        hits = await self._index.search(having, [{"id": "asc"}], 1, point=point, counted=False)
        told = value_of(hits.sources[0]["source"], key)
        texts = told if isinstance(told, list) else [told]
        return next(text for text in map(str, texts) if fold(text).startswith(value.partition(START)[0]))


def _commonest(value: str, count: int, written: dict[str, Any], *, whole: bool) -> str | None:
    """Of a value that so many have the commonest writing, the first of equal ones; None where it must be looked up.

    A whole text that is written as it is compared tells no writing (`document.MOST_PLAIN`), an element of a list always does.
    """
    ways = [(-each["doc_count"], *str(each["key"]).partition(START)[::2]) for each in written["buckets"]]
    told = [(less, writing) for less, folded, writing in ways if folded == value]
    if whole and len(value) <= MOST_PLAIN:
        others = sum(each["doc_count"] for each in written["buckets"]) + written["sum_other_doc_count"]
        told += [(others - count, value)] if others < count else []
    return min(told)[1] if told else None


def pattern(begins: str) -> str:
    """The regular expression of folded texts that begin so: initials stand for syllables, and the last syllable may go on."""
    ways: list[str] = []
    for way in hangul.meant(begins):
        written = "".join(map(_character, way[:-1])) + _last(way[-1])
        if sum(map(len, ways)) + len(written) < _MOST_PATTERN:
            ways.append(written)
    return f"({'|'.join(ways)}).*"


def _last(character: str) -> str:
    following = hangul.completions(character)
    return f"[{''.join(following)}]" if following else _character(character)


def _character(character: str) -> str:
    if not hangul.is_consonant(character):
        return _literally(character)
    first, last = hangul.syllables(character)
    return f"[{character}{first}-{last}]"


def _beginning(value: str) -> str:
    """Of the writings those of one value."""
    return (
        f"{''.join(map(_literally, value))}{START}.*"
        if len(value) * 2 < _MOST_PATTERN
        else f"{''.join(map(_literally, value[:400]))}.*"
    )


def _literally(character: str) -> str:
    return f"\\{character}" if re.fullmatch(r"[!-/:-@\[-`{-~]", character) else character


def _listable(key: str, fields: Fields) -> tuple[str, FieldType]:
    definition = fields.context.fields.get(key[8:]) if key.startswith("profile.") else None
    kind = BUILT_INS.get(key) if definition is None else definition.type
    if kind is None:
        raise Unprocessable("There is no such field.", code="unknownField", pointer="/key")
    if definition is not None and definition.archived:
        raise Unprocessable("This field is archived. Restore it first.", code="archivedField", pointer="/key")
    if key in _IDS or kind not in {FieldType.STRING, FieldType.LIST, FieldType.BOOLEAN}:
        words = (
            "The values of this field are not listed: ids, addresses and numbers are as many as the contacts. Search for them."
        )
        raise Unprocessable(words, code="notListable", pointer="/key")
    return key, kind
