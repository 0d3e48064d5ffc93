"""The routes of browser keys."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response
from pydantic import Field

from common.answers import POSITION, answers
from common.auth import Caller
from common.http import Change, Cursor, Limit, Page, Wire, json_response, part, permit, router, where_written
from common.ids import parse_id
from contacts.browser_keys.answers import BrowserKeyShown
from contacts.browser_keys.browser_key import no_key
from contacts.browser_keys.handlers import BrowserKeys

DAY = 1440

ChannelManager = Annotated[Caller, Depends(permit("channel.manage"))]
Commands = Annotated[BrowserKeys, Depends(part(BrowserKeys))]

routes = router("/v1", tags=["Browser keys"])


class NewKey(Wire):
    """A key for pages of these origins, such as `https://shop.example`."""

    name: str
    origins: list[str]
    verify_members: bool = False


class KeyChange(Change):
    """What may be changed of a key; what is not named stays."""

    name: str | None = None
    origins: list[str] | None = None
    verify_members: bool | None = None


class Rotation(Wire):
    """For how long the old key goes on beside the new one; 0 ends it at once."""

    keep_minutes: int = Field(default=DAY, ge=0, le=30 * DAY)


def key_id(key_id: str, _: ChannelManager) -> UUID:
    """The id in a path. Raises NotFound where it can be none."""
    parsed = parse_id(key_id)
    if parsed is None:
        raise no_key()
    return parsed


KeyId = Annotated[UUID, Depends(key_id)]


def _answer(key: dict[str, object], status: int = 200) -> Response:
    # No reader waits for a key, so its writes stand nowhere in what they read.
    return json_response(key, status, where_written())


@routes.get("/browser-keys", responses=answers(Page[BrowserKeyShown]))
async def list_browser_keys(caller: ChannelManager, commands: Commands, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The channel's browser keys, the newest first, those that have ended too."""
    page = await commands.listed(caller, limit, cursor)
    return json_response({"items": page.items, "next": page.next})


@routes.post("/browser-keys", status_code=201, responses=answers(BrowserKeyShown, 201, headers=POSITION))
async def create_browser_key(caller: ChannelManager, body: NewKey, commands: Commands) -> Response:
    """Make a public key with which pages of these origins send visits and identify, and read nothing.

    With `verifyMembers` a page that names a `memberId` has to send `memberHash` beside it: its HMAC-SHA256 by the key's secret,
    in hexadecimal, which the business's server makes. The `secret` is told in this answer alone.
    """
    key = await commands.make(caller, body.name, body.origins, verify=body.verify_members)
    return _answer(commands.key_shown(key, with_secret=True), 201)


@routes.patch("/browser-keys/{key_id}", responses=answers(BrowserKeyShown, headers=POSITION))
async def change_browser_key(key: KeyId, caller: ChannelManager, body: KeyChange, commands: Commands) -> Response:
    """Give a key another name or other origins, or let it verify members: the first time that tells its `secret`."""
    changed, is_new = await commands.change(caller, key, body.name, body.origins, body.verify_members)
    return _answer(commands.key_shown(changed, with_secret=is_new))


@routes.post("/browser-keys/{key_id}/rotate", status_code=201, responses=answers(BrowserKeyShown, 201, headers=POSITION))
async def rotate_browser_key(key: KeyId, caller: ChannelManager, commands: Commands, body: Rotation | None = None) -> Response:
    """Put a new key in this one's place; the old one goes on for `keepMinutes` (a day by default), as pages still carry it.

    Of a key that verifies members the new one has a new `secret`, told here alone; the old one goes on with its own.
    """
    keep = timedelta(minutes=(body or Rotation()).keep_minutes)
    return _answer(commands.key_shown(await commands.rotate(caller, key, keep), with_secret=True), 201)


@routes.delete("/browser-keys/{key_id}", status_code=204, responses=answers(None, 204, headers=POSITION))
async def revoke_browser_key(key: KeyId, caller: ChannelManager, commands: Commands) -> Response:
    """End a key at once. It stays in the list, as revoked."""
    await commands.revoke(caller, key)
    return Response(status_code=204, headers=where_written())
