"""Which columns a file has, and what they are called."""

from collections.abc import Sequence

from common.errors import Unprocessable
from common.events.contacts import FieldDefinition
from common.language import ENGLISH, KOREAN, Language
from exports.events import Column


def choose(keys: Sequence[str] | None, fields: Sequence[FieldDefinition], *, names: bool, language: Language) -> list[Column]:
    """The columns asked for, or the visible fields in the channel's order. Raises Unprocessable for an unknown key."""
    known = {field.key: field for field in fields}
    if keys is None:
        chosen = [field for field in fields if field.visible and not field.archived]
    else:
        chosen = []
        for n, key in enumerate(keys):
            field = known.get({"sessionCount": "sessionsCount"}.get(key, key))
            if field is None:
                raise Unprocessable(
                    "There is no such field. `GET /v1/fields` lists them.", code="unknownField", pointer=f"/columns/{n}"
                )
            if field.archived:
                raise Unprocessable(
                    "This field is archived. Restore it, or leave its column out.", code="archivedField", pointer=f"/columns/{n}"
                )
            chosen.append(field)
    if not chosen:
        raise Unprocessable("No field is visible, so the file would have no column. Name some in `columns`.", pointer="/columns")
    return [Column(key=f.key, type=f.type, heading=_heading(f, language) if names else f.key) for f in chosen]


def _heading(field: FieldDefinition, language: Language) -> str:
    other = ENGLISH if language == KOREAN else KOREAN
    return field.display_name.get(language) or field.display_name.get(other) or field.key
