"""The shapes of what is answered of fields."""

from common.events.contacts import FieldDefinition


class ShownField(FieldDefinition):
    """A field's definition, and its version for `If-Match`; that of a built-in field that nobody has changed is 0."""

    version: int
