"""The routes of fields and of the channel's settings."""

from typing import Annotated, Literal

import phonenumbers
from fastapi import Depends, Request, Response
from pydantic import Field, field_validator

from common.answers import POSITION, answers
from common.auth import Caller
from common.errors import Unprocessable
from common.events.contacts import Channel, FieldDefinition, FieldTypeName
from common.http import Change, Wire, permit, router, tell
from common.position import Position
from common.zones import zone_names
from contacts.fields.handlers import Fields
from contacts.handlers import Contacts
from contacts.managed_users.limit import Users
from contacts.profile_field import PRESET_FIELDS, NewField
from contacts.queries import Queries

Reader = Annotated[Caller, Depends(permit("contacts.read"))]
FieldManager = Annotated[Caller, Depends(permit("fields.manage"))]
ChannelManager = Annotated[Caller, Depends(permit("channel.manage", "plan.manage"))]

routes = router("/v1")


def fields(request: Request) -> Fields:
    """The commands on fields."""
    found: Fields = request.app.state.fields
    return found


def contacts(request: Request) -> Contacts:
    """The commands on the channel."""
    found: Contacts = request.app.state.contacts
    return found


def queries(request: Request) -> Queries:
    """The reads."""
    found: Queries = request.app.state.queries
    return found


FieldCommands = Annotated[Fields, Depends(fields)]
Reads = Annotated[Queries, Depends(queries)]


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

    items: list[FieldDefinition]
    next: None = None


class ManagedUsers(Wire):
    """How many contacts the plan shows (null: any number), how many there are, how many of them are hidden."""

    limit: int | None
    count: int
    hidden: int


class ChannelSettings(Wire):
    """A channel's settings."""

    country: str
    time_zone: str
    session_minutes: int
    export_minutes: int
    export_scope: Literal["manager", "channel"]
    managed_users: ManagedUsers


class LimitChange(Wire):
    """Another managed-user limit; null is none."""

    limit: int | None = Field(ge=0, le=1_000_000_000)


class ChannelChange(Change):
    """What may be changed of a channel's settings; what is not named stays."""

    country: str | None = None
    time_zone: str | None = None
    session_minutes: int | None = Field(default=None, ge=1, le=1440)
    export_minutes: int | None = Field(default=None, ge=0, le=1440)
    export_scope: Literal["manager", "channel"] | None = None
    managed_users: LimitChange | None = None

    @field_validator("country")
    @classmethod
    def _country(cls, value: str | None) -> str | None:
        if value is not None and value not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("must be a country of two capital letters, such as KR")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        if value is not None and value not in zone_names():
            raise ValueError("must be a zone of the IANA database, such as Asia/Seoul")
        return value


@routes.get("/fields")
async def list_fields(caller: Reader, reads: Reads) -> FieldList:
    """All fields in the channel's order, built-ins too."""
    return FieldList(items=await reads.fields(caller.channel))


@routes.get("/fields/presets")
async def list_presets(caller: Reader) -> FieldList:
    """The well-known commerce keys as they are defined on first sight or by name, whether or not they are yet."""
    return FieldList(items=PRESET_FIELDS)


@routes.post("/fields", status_code=201, responses=answers(None, 201, headers=POSITION))
async def define_field(caller: FieldManager, body: FieldToDefine, commands: FieldCommands, response: Response) -> FieldDefinition:
    """Define a profile field."""
    names = {str(language): name for language, name in body.display_name.items()}
    wanted = NewField(body.key, body.type, names, body.visible, body.inbox_visible, body.once)
    return _field(await commands.define(caller, wanted), response)


@routes.put("/fields/order", responses=answers(None, headers=POSITION))
async def order_fields(caller: FieldManager, body: Order, commands: FieldCommands, reads: Reads, response: Response) -> FieldList:
    """Put the fields in this order."""
    tell(response, await commands.reorder(caller, body.keys))
    return FieldList(items=await reads.fields(caller.channel))


@routes.patch("/fields/{key}", responses=answers(None, headers=POSITION))
async def change_field(
    key: str, caller: FieldManager, body: FieldChange, commands: FieldCommands, response: Response
) -> FieldDefinition:
    """Change how a field is shown."""
    return _field(await commands.change(caller, key, body.model_dump(exclude_none=True)), response)


@routes.post("/fields/{key}/archive", responses=answers(None, headers=POSITION))
async def archive_field(key: str, caller: FieldManager, commands: FieldCommands, response: Response) -> FieldDefinition:
    """Stop collecting and showing a field; its values are kept aside."""
    return _field(await commands.archive(caller, key, True), response)


@routes.post("/fields/{key}/restore", responses=answers(None, headers=POSITION))
async def restore_field(key: str, caller: FieldManager, commands: FieldCommands, response: Response) -> FieldDefinition:
    """Collect and show an archived field again, with the values it had."""
    return _field(await commands.archive(caller, key, False), response)


def _field(written: tuple[FieldDefinition, Position], response: Response) -> FieldDefinition:
    definition, where = written
    tell(response, where)
    return definition


@routes.get("/channel")
async def get_channel(caller: Reader, reads: Reads) -> ChannelSettings:
    """The channel's settings."""
    return _settings(*await reads.channel(caller.channel))


@routes.patch("/channel", responses=answers(None, headers=POSITION))
async def change_channel(
    caller: ChannelManager,
    body: ChannelChange,
    commands: Annotated[Contacts, Depends(contacts)],
    reads: Reads,
    response: Response,
) -> ChannelSettings:
    """Change some of the channel's settings (`channel.manage`), or its managed-user limit (`plan.manage`)."""
    if not body.model_fields_set:
        raise Unprocessable("Name at least one setting to change.")
    updates = body.model_dump(exclude_none=True, exclude={"managed_users"})
    if body.model_fields_set - {"managed_users"}:
        caller.require("channel.manage")
    if body.managed_users is not None:
        caller.require("plan.manage")
        await commands.limit_users(caller, body.managed_users.limit)
    tell(response, await commands.change_channel(caller, lambda now: now.model_copy(update=updates)))
    return _settings(*await reads.channel(caller.channel))


def _settings(settings: Channel, told: Users) -> ChannelSettings:
    users = ManagedUsers(limit=told.limit, count=told.count, hidden=told.hidden)
    return ChannelSettings(**settings.model_dump(), managed_users=users)
