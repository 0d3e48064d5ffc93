"""Reads a filter as people and programs write it, or refuses it with the place and the reason; never anything between."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.errors import Unprocessable
from common.filters.text import as_kept
from common.filters.tree import BUILT_INS, And, Condition, FieldType, Missing, Node, Not, Operator, Or
from common.filters.values import READERS, Reader, Refusal
from common.pointer import escape

MAX_DEPTH, MAX_CONDITIONS, MAX_VALUES = 10, 500, 10_000


class FilterRefused(Unprocessable):
    """The filter is not understood; carries a code and the JSON pointer of the node, or of a place within it."""

    code = "invalidFilter"


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """What a filter must know of a profile field."""

    type: FieldType
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What the words of a channel's filters mean: its country and zone, profile fields by bare key, segments, term sets' keys.

    Segments and term sets go by their ids in lower case.

    `segments` None takes any segment's id: whoever inlines them finds out which exist.
    """

    country: str = "KR"
    zone: str = "Asia/Seoul"
    fields: Mapping[str, FieldDefinition] = field(default_factory=dict[str, FieldDefinition])
    segments: Collection[str] | None = frozenset()
    term_sets: Mapping[str, str] = field(default_factory=dict[str, str])


_ALIASES = {"in": Operator.EQ, "notIn": Operator.NE}
_LIST_ALIASES = {"in": Operator.HAS_ANY, "notIn": Operator.HAS_NONE}
_WITHOUT_VALUES = frozenset({Operator.EXISTS, Operator.NOT_EXISTS})
_TERM_SET_OPERATORS = frozenset({Operator.EQ, Operator.NE, Operator.HAS_ANY, Operator.HAS_NONE})
# As operators, as keys, and as members of a node: their shape is not settled.
_STILL_TO_COME = {"event", "performed", "notPerformed", "changedWithin", "wasInSegment"}
_MEMBERS = {"key", "operator", "values", "type", "missing", "termSet"}


def parse(raw: object, context: Context, pointer: str = "/filter") -> Node:
    """The tree of a filter. `pointer` is where the filter stands in the request's body. Raises FilterRefused."""
    return _Parser(context).node(raw, pointer, 1)


def written_nodes(raw: object) -> Iterator[dict[str, object]]:
    """Every node of a filter as it is written, whether or not it can be read: a walk without recursion."""
    open_ = [raw]
    while open_:
        match open_.pop():
            case dict() as node:
                yield node
                open_ += [node[word] for word in ("and", "or", "not") if word in node]
            case list() as nodes:
                open_ += nodes
            case _:
                pass


def named_term_sets(raw: object) -> set[str]:
    """The term sets that a filter names, in lower case, whether or not it can be read."""
    return {name.lower() for node in written_nodes(raw) if isinstance(name := node.get("termSet"), str)}


def _bare(word: str) -> str:
    return word.removeprefix("user.").removeprefix("$")


class _Parser:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._conditions = 0
        self._values = 0

    def node(self, raw: object, pointer: str, depth: int) -> Node:
        if not isinstance(raw, dict):
            raise FilterRefused("A filter's node must be an object: `and`, `or`, `not` or a condition.", pointer=pointer)
        if depth > MAX_DEPTH:
            raise FilterRefused(
                f"A filter may be nested {MAX_DEPTH} deep at most.", code="tooDeep", pointer=pointer, extra={"most": MAX_DEPTH}
            )
        branches = raw.keys() & {"and", "or", "not"}
        if not branches:
            return self._condition(raw, pointer)
        if len(raw) > 1:
            raise FilterRefused(
                "A node is exactly one of `and`, `or`, `not` and a condition; this one has more members.", pointer=pointer
            )
        (word,) = branches
        if word == "not":
            return Not(self.node(raw["not"], f"{pointer}/not", depth + 1))
        children = raw[word]
        if not isinstance(children, list):
            raise FilterRefused(f"`{word}` takes a list of nodes.", pointer=f"{pointer}/{word}")
        read = tuple(self.node(child, f"{pointer}/{word}/{n}", depth + 1) for n, child in enumerate(children))
        return And(read) if word == "and" else Or(read)

    def _condition(self, raw: dict[str, Any], pointer: str) -> Condition:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise FilterRefused(
                f"A filter may have {MAX_CONDITIONS} conditions at most.",
                code="tooManyConditions",
                pointer=pointer,
                extra={"most": MAX_CONDITIONS},
            )
        if coming := sorted(raw.keys() & _STILL_TO_COME):
            raise FilterRefused("This is still to come.", code="notSupported", pointer=f"{pointer}/{coming[0]}")
        for member in ("key", "operator"):
            if isinstance(raw.get(member), str) and _bare(raw[member]) in _STILL_TO_COME:
                raise FilterRefused("This is still to come.", code="notSupported", pointer=f"{pointer}/{member}")
        if unknown := sorted(raw.keys() - _MEMBERS):
            raise FilterRefused(
                "A condition has no such member.", code="unknownMember", pointer=f"{pointer}/{escape(unknown[0])}"
            )
        written = self._word(raw, "operator", pointer).removeprefix("$")
        key, kind = self._key(self._word(raw, "key", pointer), pointer)
        self._check_type(raw, kind, pointer)
        operator = self._operator(written, kind, f"{pointer}/operator")
        missing = self._missing(raw, operator, kind, pointer)
        if "termSet" in raw:
            return self._with_term_set(raw, key, kind, operator, missing, pointer)
        if operator in _WITHOUT_VALUES:
            return self._without_values(raw, key, kind, operator, pointer)
        return self._with_values(raw, key, kind, operator, missing, READERS[kind][operator], pointer)

    def _operator(self, written: str, kind: FieldType, pointer: str) -> Operator:
        """The operator that the type has under this name. Raises FilterRefused."""
        has: list[Operator] = list(READERS[kind])
        aliases: Mapping[str, Operator] = {}
        if kind is not FieldType.SEGMENT:
            has = [Operator.EXISTS, Operator.NOT_EXISTS, *has]
            aliases = _LIST_ALIASES if kind is FieldType.LIST else _ALIASES
        named = aliases.get(written, written)
        operator = next((each for each in has if each == named), None)
        if operator is None:
            words = f"A {kind.value} field does not have this operator; it has {', '.join(has)}."
            raise FilterRefused(
                words, code="unknownOperator", pointer=pointer, extra={"fieldType": kind.value, "operators": [*map(str, has)]}
            )
        return operator

    def _word(self, raw: dict[str, Any], member: str, pointer: str) -> str:
        if member not in raw:
            raise FilterRefused(f"A condition needs `{member}`.", pointer=pointer)
        if not isinstance(raw[member], str):
            raise FilterRefused(f"`{member}` must be a text.", pointer=f"{pointer}/{member}")
        word: str = raw[member]
        return word

    def _key(self, written: str, pointer: str) -> tuple[str, FieldType]:
        key = written.removeprefix("user.")
        key = {"sessionCount": "sessionsCount"}.get(key, key)
        if key == "segment":
            return key, FieldType.SEGMENT
        if key in BUILT_INS:
            return key, BUILT_INS[key]
        definition = self._context.fields.get(key.removeprefix("profile.")) if key.startswith("profile.") else None
        if definition is None:
            raise FilterRefused("There is no such field.", code="unknownField", pointer=f"{pointer}/key")
        if definition.archived:
            raise FilterRefused(
                "This field is archived. Restore it, or take it out of the filter.",
                code="archivedField",
                pointer=f"{pointer}/key",
            )
        return key, definition.type

    def _check_type(self, raw: dict[str, Any], kind: FieldType, pointer: str) -> None:
        if raw.get("type") is None and "type" not in raw:
            return
        written = raw["type"]
        accepted = {kind.value} | ({"string"} if kind in {FieldType.PHONE, FieldType.EMAIL} else set())
        if kind is FieldType.SEGMENT or not isinstance(written, str) or written.lower() not in accepted:
            raise FilterRefused("The field is of another type.", code="wrongType", pointer=f"{pointer}/type")

    def _missing(self, raw: dict[str, Any], operator: Operator, kind: FieldType, pointer: str) -> Missing | None:
        if "missing" not in raw:
            return None
        if raw["missing"] not in ("include", "exclude"):
            raise FilterRefused('`missing` is "include" or "exclude".', pointer=f"{pointer}/missing")
        if operator in _WITHOUT_VALUES or kind is FieldType.SEGMENT:
            raise FilterRefused("`missing` has no meaning here.", pointer=f"{pointer}/missing")
        word: Missing = raw["missing"]
        return word

    def _with_term_set(
        self, raw: dict[str, Any], key: str, kind: FieldType, operator: Operator, missing: Missing | None, pointer: str
    ) -> Condition:
        place = f"{pointer}/termSet"
        if "values" in raw or operator not in _TERM_SET_OPERATORS or kind in {FieldType.NUMBER, FieldType.BOOLEAN}:
            raise FilterRefused("A term set stands in place of `values`, under `in` or `notIn` on texts.", pointer=place)
        name = raw["termSet"]
        made_for = self._context.term_sets.get(name.lower()) if isinstance(name, str) else None
        if made_for is None:
            raise FilterRefused("There is no such term set.", code="unknownTermSet", pointer=place)
        if made_for != key:
            raise FilterRefused("This term set was made for another field.", code="unknownTermSet", pointer=place)
        return Condition(key, kind, operator, missing=missing, term_set=name.lower(), zone=self._context.zone, pointer=pointer)

    def _without_values(self, raw: dict[str, Any], key: str, kind: FieldType, operator: Operator, pointer: str) -> Condition:
        if raw.get("values", []) != []:
            raise FilterRefused("This operator takes no values.", pointer=f"{pointer}/values")
        return Condition(key, kind, operator, zone=self._context.zone, pointer=pointer)

    def _with_values(
        self,
        raw: dict[str, Any],
        key: str,
        kind: FieldType,
        operator: Operator,
        missing: Missing | None,
        reader: Reader,
        pointer: str,
    ) -> Condition:
        written = raw.get("values")
        if not isinstance(written, list) or not written:
            raise FilterRefused("`values` must be a list with a value in it.", pointer=f"{pointer}/values")
        self._values += len(written)
        if self._values > MAX_VALUES:
            raise FilterRefused(
                f"A filter may have {MAX_VALUES:,} values at most. Make a term set of them and name it by `termSet`.",
                code="tooManyValues",
                pointer=f"{pointer}/values",
                extra={"most": MAX_VALUES},
            )
        try:
            values = reader([as_kept(key, v) if isinstance(v, str) else v for v in written], self._context.country)
        except Refusal as refusal:
            place = f"{pointer}/values" + (f"/{refusal.index}" if refusal.index is not None else "")
            raise FilterRefused(refusal.detail, code=refusal.code, pointer=place) from None
        if kind is FieldType.SEGMENT and self._context.segments is not None:
            for n, name in enumerate(values):
                if name not in self._context.segments:
                    raise FilterRefused("There is no such segment.", code="unknownSegment", pointer=f"{pointer}/values/{n}")
        return Condition(key, kind, operator, tuple(values), missing, None, self._context.zone, pointer)
