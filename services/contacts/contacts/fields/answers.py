"""The shapes of what is answered of fields."""

from typing import TYPE_CHECKING

from pydantic import create_model

from common.answers import Shape, members_of
from common.events.contacts import FieldDefinition as Definition

if TYPE_CHECKING:

    class FieldDefinition(Shape):
        """A field's definition."""

        key: str

else:
    FieldDefinition = create_model("FieldDefinition", __base__=Shape, __doc__=Definition.__doc__, **members_of(Definition))


class ShownField(FieldDefinition):
    """A field's definition, and its version for `If-Match`; that of a built-in field that nobody has changed is 0."""

    version: int


def field_shown(definition: Definition, version: int) -> ShownField:
    """A field as it is shown."""
    return ShownField.model_validate(definition.members() | {"version": version})
