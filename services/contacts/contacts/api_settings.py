"""The routes of fields and of the channel's settings."""

from typing import Annotated, Literal
from zoneinfo import available_timezones

import phonenumbers
from fastapi import Depends, Request
from pydantic import Field, field_validator

from common.auth import Caller
from common.errors import Unprocessable
from common.events.contacts import Channel, FieldDefinition, FieldTypeName
from common.http import Wire, permit, router
from contacts.field_handlers import Fields
from contacts.handlers import Contacts
from contacts.managed_users import Users
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


class NewField(Wire):
    """A field to be defined."""

    key: str
    type: FieldTypeName
    display_name: dict[Literal["ko", "en"], str] = Field(default_factory=dict)
    visible: bool = True
    inbox_visible: bool = True
    once: bool = False


class FieldChange(Wire):
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


class ChannelChange(Wire):
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
        if value is not None and value not in available_timezones():
            raise ValueError("must be a zone of the IANA database, such as Asia/Seoul")
        return value


@routes.get("/fields")
async def list_fields(caller: Reader, reads: Reads) -> FieldList:
    """All fields in the channel's order, built-ins too."""
    return FieldList(items=await reads.fields(caller.channel))


@routes.post("/fields", status_code=201)
async def define_field(caller: FieldManager, body: NewField, commands: FieldCommands) -> FieldDefinition:
    """Define a profile field."""
    names = {str(language): name for language, name in body.display_name.items()}
    return await commands.define(
        caller, body.key, body.type, display_name=names, visible=body.visible, inbox_visible=body.inbox_visible, once=body.once
    )


@routes.put("/fields/order")
async def order_fields(caller: FieldManager, body: Order, commands: FieldCommands, reads: Reads) -> FieldList:
    """Put the fields in this order."""
    await commands.reorder(caller, body.keys)
    return FieldList(items=await reads.fields(caller.channel))


@routes.patch("/fields/{key}")
async def change_field(key: str, caller: FieldManager, body: FieldChange, commands: FieldCommands) -> FieldDefinition:
    """Change how a field is shown."""
    return await commands.change(caller, key, body.model_dump(exclude_none=True))


@routes.get("/channel")
async def get_channel(caller: Reader, reads: Reads) -> ChannelSettings:
    """The channel's settings."""
    return _settings(*await reads.channel(caller.channel))


@routes.patch("/channel")
async def change_channel(
    caller: ChannelManager, body: ChannelChange, commands: Annotated[Contacts, Depends(contacts)], reads: Reads
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
    if updates:
        await commands.change_channel(caller, lambda now: now.model_copy(update=updates))
    return _settings(*await reads.channel(caller.channel))


def _settings(settings: Channel, told: Users) -> ChannelSettings:
    users = ManagedUsers(limit=told.limit, count=told.count, hidden=told.hidden)
    return ChannelSettings(**settings.model_dump(), managed_users=users)
