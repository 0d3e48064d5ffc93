"""Null is not absence: where a member that is left out has a meaning, such as everyone, null must not slip into that meaning."""

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_before_validator_function

WRONG_TYPE = "wrongType"


def _not_null(value: object) -> object:
    if value is None:
        raise PydanticCustomError(WRONG_TYPE, "This must not be null: leave it out instead.")
    return value


class Given:
    """Marks a member whose absence has a meaning, such as everyone: null is not read as absence, and is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validates as without the mark, after null is refused."""
        return no_info_before_validator_function(_not_null, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Documents as without the mark, but for the null."""
        shown = handler(schema)
        kinds = [kind for kind in shown.pop("anyOf", []) if kind != {"type": "null"}]
        return {**kinds[0], **shown} if len(kinds) == 1 else shown | ({"anyOf": kinds} if kinds else {})
