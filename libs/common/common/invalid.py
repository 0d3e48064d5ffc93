"""What is wrong with a body or a parameter of another shape than was declared: in words of our own, its figures as members."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

# A value as Python spells it, which is how the validator tells those that it knows: `'asc' or 'desc'`, `True`, `1, 2 or None`.
_SPELLED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\bTrue\b|\bFalse\b|\bNone\b|-?\b\d+(?:\.\d+)?\b""")
_PLAIN: Mapping[str, str] = {
    "missing": "This is missing. Send it.",
    "extra_forbidden": "There is no such member here. Leave it out, or mend its name.",
    "string_type": "This must be a text.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_parsing_size": "This number is too large.",
    "int_from_float": "This must be a whole number.",
    "float_type": "This must be a number.",
    "float_parsing": "This must be a number.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
}


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _known(told: Mapping[str, Any]) -> list[object]:
    return [ast.literal_eval(spelled) for spelled in _SPELLED.findall(told["expected"])]


def _one_of(told: Mapping[str, Any]) -> str:
    known = [orjson.dumps(value).decode() for value in _known(told)]
    return f"This must be {known[0]}." if len(known) == 1 else f"This must be one of these: {', '.join(known)}."


_FIGURED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "literal_error": _one_of,
    "enum": _one_of,
    "greater_than_equal": lambda told: f"This must be {told['ge']:,} or more.",
    "less_than_equal": lambda told: f"This must be {told['le']:,} or less.",
    "string_too_short": lambda told: f"This must have {_counted(told['min_length'], 'character')} or more.",
    "string_too_long": lambda told: f"This must have {_counted(told['max_length'], 'character')} or fewer.",
    "too_short": lambda told: f"This must have {_counted(told['min_length'], 'element')} or more.",
    "too_long": lambda told: f"This must have {_counted(told['max_length'], 'element')} or fewer.",
}
_OWN = "value_error"


def words(error: Mapping[str, Any]) -> str:
    """What a validation error means, as a sentence; a value's own reader has its own, such as \"must be an id\"."""
    kind = error["type"]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _FIGURED:
        return _FIGURED[kind](error["ctx"])
    told = str(error["msg"]).removeprefix("Value error, ")
    if kind == _OWN and told.startswith("must "):
        told = f"This {told}"
    told = told[:1].upper() + told[1:]
    return told if told.endswith((".", "!", "?")) else f"{told}."


def figures(error: Mapping[str, Any]) -> dict[str, object]:
    """The bounds and the known values that the words tell, as members."""
    bounds: Mapping[str, Any] = error.get("ctx", {})
    told = {
        "least": bounds.get("ge", bounds.get("min_length")),
        "most": bounds.get("le", bounds.get("max_length")),
        "count": bounds.get("actual_length"),
    }
    known = {"known": _known(bounds)} if error["type"] in ("literal_error", "enum") else {}
    return {**{name: value for name, value in told.items() if isinstance(value, int)}, **known}
