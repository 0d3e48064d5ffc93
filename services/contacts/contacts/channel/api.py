"""The routes of the channel's settings."""

from typing import Annotated, Literal

import phonenumbers
from fastapi import Depends, Response
from msgspec.structs import asdict
from pydantic import Field, field_validator

from common.answers import ETAG, POSITION, answers
from common.auth import Caller
from common.errors import Unprocessable
from common.events.contacts import Channel
from common.http import Change, IfMatch, Wire, part, permit, router, tell
from common.zones import zone_names
from contacts.channel.handlers import Channels, NewLimit
from contacts.channel.queries import Queries
from contacts.managed_users.limit import Users

Reader = Annotated[Caller, Depends(permit("contacts.read"))]
ChannelManager = Annotated[Caller, Depends(permit("channel.manage", "plan.manage"))]
Commands = Annotated[Channels, Depends(part(Channels))]
Reads = Annotated[Queries, Depends(part(Queries))]

routes = router("/v1", tags=["Channel"])


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
    export_approval_rows: int | None
    managed_users: ManagedUsers


class LimitChange(Wire):
    """Another managed-user limit; null is none."""

    limit: int | None = Field(ge=0, le=1_000_000_000)


class ChannelChange(Change):
    """What may be changed of a channel's settings; what is not named stays."""

    nullable = frozenset({"export_approval_rows"})

    country: str | None = None
    time_zone: str | None = None
    session_minutes: int | None = Field(default=None, ge=1, le=1440)
    export_minutes: int | None = Field(default=None, ge=0, le=1440)
    export_scope: Literal["manager", "channel"] | None = None
    export_approval_rows: Annotated[
        int | None, Field(ge=0, le=1_000_000, description="More contacts than these need a second person's word; null is off.")
    ] = None
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


@routes.get("/channel", responses=answers(None, headers=ETAG))
async def get_channel(caller: Reader, reads: Reads, response: Response) -> ChannelSettings:
    """The channel's settings."""
    return _settings(*await reads.channel(caller.channel), response)


@routes.patch("/channel", responses=answers(None, headers=ETAG | POSITION))
async def change_channel(
    caller: ChannelManager, body: ChannelChange, commands: Commands, reads: Reads, response: Response, expected: IfMatch
) -> ChannelSettings:
    """Change some of the channel's settings (`channel.manage`), its managed-user limit (`plan.manage`), or both at once."""
    if not body.model_fields_set:
        raise Unprocessable("Name at least one setting to change.")
    updates = body.model_dump(exclude_unset=True, exclude={"managed_users"})
    if body.model_fields_set - {"managed_users"}:
        caller.require("channel.manage")
    if body.managed_users is not None:
        caller.require("plan.manage")
    limit = None if body.managed_users is None else NewLimit(body.managed_users.limit)
    tell(response, await commands.change(caller, updates, limit=limit, expected=expected))
    return _settings(*await reads.channel(caller.channel), response)


def _settings(settings: Channel, told: Users, version: int, response: Response) -> ChannelSettings:
    response.headers["ETag"] = f'"{version}"'
    users = ManagedUsers(limit=told.limit, count=told.count, hidden=told.hidden)
    return ChannelSettings(**asdict(settings), managed_users=users)
