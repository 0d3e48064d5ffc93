"""The routes of fields."""

from typing import Annotated, Literal

from fastapi import Depends, Response
from pydantic import Field

from common.answers import ETAG, POSITION, answers
from common.auth import Caller
from common.events.contacts import FieldTypeName
from common.http import Change, IfMatch, Wire, part, permit, router, tell
from contacts.fields.answers import FieldDefinition, ShownField, field_shown
from contacts.fields.handlers import Defined, Fields
from contacts.fields.queries import Queries
from contacts.profile_field import PRESET_FIELDS, NewField

Reader = Annotated[Caller, Depends(permit("contacts.read"))]
FieldManager = Annotated[Caller, Depends(permit("fields.manage"))]
FieldCommands = Annotated[Fields, Depends(part(Fields))]
Reads = Annotated[Queries, Depends(part(Queries))]

routes = router("/v1", tags=["Fields"])


class FieldToDefine(Wire):
    """A field to be defined; a well-known commerce key brings its own type, names and `once`."""

    key: str
    type: FieldTypeName | None = None
    display_name: dict[Literal["ko", "en"], str] = Field(default_factory=dict)
    visible: bool = True
    inbox_visible: bool = True
    once: bool | None = None


class FieldChange(Change):
    """What may be changed of a field; what is not named stays."""

    display_name: dict[Literal["ko", "en"], str] | None = None
    visible: bool | None = None
    inbox_visible: bool | None = None
    once: bool | None = None


class Order(Wire):
    """All keys, built-in and `profile.` ones, in their order."""

    keys: list[str] = Field(max_length=1000)


class FieldList(Wire):
    """The fields in their order."""

    items: list[ShownField]
    next: None = None


class PresetList(Wire):
    """The fields that are known by their keys."""

    items: list[FieldDefinition]
    next: None = None


@routes.get("/fields", responses=answers(None, headers=ETAG))
async def list_fields(caller: Reader, reads: Reads, response: Response) -> FieldList:
    """All fields in the channel's order, built-ins too; the `ETag` is that of the order."""
    return await _listed(caller, reads, response)


@routes.get("/fields/presets")
async def list_presets(caller: Reader) -> PresetList:
    """The well-known commerce keys as they are defined on first sight or by name, whether or not they are yet."""
    return PresetList(items=[FieldDefinition.model_validate(preset.members()) for preset in PRESET_FIELDS])


@routes.get("/fields/{key}", responses=answers(None, headers=ETAG))
async def get_field(key: str, caller: Reader, reads: Reads, response: Response) -> ShownField:
    """One field."""
    definition, version = await reads.field(caller.channel, key)
    response.headers["ETag"] = f'"{version}"'
    return field_shown(definition, version)


@routes.post("/fields", status_code=201, responses=answers(None, 201, headers=ETAG | POSITION))
async def define_field(caller: FieldManager, body: FieldToDefine, commands: FieldCommands, response: Response) -> ShownField:
    """Define a profile field."""
    names = {str(language): name for language, name in body.display_name.items()}
    wanted = NewField(body.key, body.type, names, body.visible, body.inbox_visible, body.once)
    return _field(await commands.define(caller, wanted), response)


@routes.put("/fields/order", responses=answers(None, headers=ETAG | POSITION))
async def order_fields(
    caller: FieldManager, body: Order, commands: FieldCommands, reads: Reads, response: Response, expected: IfMatch
) -> FieldList:
    """Put the fields in this order, if it is still the one that the caller saw."""
    tell(response, await commands.reorder(caller, body.keys, expected))
    return await _listed(caller, reads, response)


@routes.patch("/fields/{key}", responses=answers(None, headers=ETAG | POSITION))
async def change_field(
    key: str, caller: FieldManager, body: FieldChange, commands: FieldCommands, response: Response, expected: IfMatch
) -> ShownField:
    """Change how a field is shown, if it is still at the version that the caller saw."""
    return _field(await commands.change(caller, key, body.model_dump(exclude_none=True), expected), response)


@routes.post("/fields/{key}/archive", responses=answers(None, headers=ETAG | POSITION))
async def archive_field(
    key: str, caller: FieldManager, commands: FieldCommands, response: Response, expected: IfMatch
) -> ShownField:
    """Stop collecting and showing a field; its values are kept aside."""
    return _field(await commands.archive(caller, key, expected), response)


@routes.post("/fields/{key}/restore", responses=answers(None, headers=ETAG | POSITION))
async def restore_field(
    key: str, caller: FieldManager, commands: FieldCommands, response: Response, expected: IfMatch
) -> ShownField:
    """Collect and show an archived field again, with the values it had.

    It is `restoring`, and cannot be used in filters yet, until searches and segments have all its values.
    """
    return _field(await commands.restore(caller, key, expected), response)


async def _listed(caller: Caller, reads: Queries, response: Response) -> FieldList:
    fields_, order = await reads.ordered(caller.channel)
    response.headers["ETag"] = f'"{order}"'
    return FieldList(items=[field_shown(definition, version) for definition, version in fields_])


def _field(written: Defined, response: Response) -> ShownField:
    tell(response, written.position)
    response.headers["ETag"] = f'"{written.version}"'
    return field_shown(written.definition, written.version)
