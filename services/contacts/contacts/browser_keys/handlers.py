"""Commands on browser keys, and who comes with one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from common import cursor as cursors
from common.auth import BROWSER_KEY, Caller, Door, bearer
from common.clock import Clock
from common.cursor import Listed
from common.errors import Unauthorized, Unprocessable
from common.ids import Ids
from common.postgres import Database, Tx
from contacts.browser_keys import store as browser_key_store
from contacts.browser_keys.browser_key import (
    MOST_KEYS,
    BrowserKey,
    ended,
    no_key,
    parse,
    read_name,
    read_origins,
    rotated,
    verifying,
)


class BrowserKeys:
    """The commands and the reads; `words` makes what cannot be guessed of a key."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, words: Callable[[], str]) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._words = words

    async def make(self, caller: Caller, name: str, origins: Sequence[str], *, verify: bool = False) -> BrowserKey:
        """Make a key. Raises Unprocessable."""
        now = self._clock.now()
        key = BrowserKey(self._ids(), caller.channel, self._words(), read_name(name), read_origins(origins), now, caller.subject)
        key = verifying(key, verify, self._words())
        async with self._database.transaction() as tx:
            await self._check_room(tx, caller.channel)
            await browser_key_store.keep(tx, [key])
        return key

    async def change(
        self, caller: Caller, key_id: UUID, name: str | None, origins: Sequence[str] | None, verify: bool | None = None
    ) -> tuple[BrowserKey, bool]:
        """Give a key another name or other origins, let it verify members or not; answers also whether that made its secret.

        Raises NotFound, Unprocessable.
        """
        named = None if name is None else read_name(name)
        read = None if origins is None else read_origins(origins)
        async with self._database.transaction() as tx:
            before = await _existing(tx, caller.channel, key_id)
            key = replace(before, name=named or before.name, origins=read or before.origins)
            key = key if verify is None else verifying(key, verify, self._words())
            await browser_key_store.keep(tx, [key])
        return key, key.secret != before.secret

    async def rotate(self, caller: Caller, key_id: UUID, keep: timedelta) -> BrowserKey:
        """Put a new key in an old one's place, which goes on for a while. Raises NotFound, Conflict, Unprocessable."""
        async with self._database.transaction() as tx:
            old = await _existing(tx, caller.channel, key_id)
            old, new = rotated(old, self._ids(), self._words(), self._words(), caller.subject, self._clock.now(), keep)
            if keep:
                await self._check_room(tx, caller.channel)
            await browser_key_store.keep(tx, [old, new])
        return new

    async def revoke(self, caller: Caller, key_id: UUID) -> BrowserKey:
        """End a key now. Raises NotFound."""
        async with self._database.transaction() as tx:
            key = ended(await _existing(tx, caller.channel, key_id), self._clock.now())
            await browser_key_store.keep(tx, [key])
        return key

    async def listed(self, caller: Caller, limit: int, cursor: str | None) -> Listed:
        """The channel's keys, the newest first."""
        before = cursors.decode(cursor, cursors.identifier)[0] if cursor else None
        async with self._database.connection() as connection:
            found = await browser_key_store.listed(connection, caller.channel, before, limit + 1)
        now = self._clock.now()
        page = found[:limit]
        return Listed([k.members(now) for k in page], cursors.encode(str(page[-1].id)) if len(found) > limit else None)

    def key_shown(self, key: BrowserKey, *, with_secret: bool = False) -> dict[str, object]:
        """The key as it is at this moment."""
        return key.members(self._clock.now(), with_secret=with_secret)

    async def _check_room(self, tx: Tx, channel: str) -> None:
        if await browser_key_store.count_live(tx, channel, self._clock.now()) >= MOST_KEYS:
            detail = f"A channel has {MOST_KEYS} browser keys at most. Revoke one first."
            raise Unprocessable(detail, code="tooManyKeys", extra={"most": MOST_KEYS})


class BrowserDoor:
    """Lets browser keys in, and hands every other token on."""

    def __init__(self, tokens: Door, database: Database, clock: Clock) -> None:
        self._tokens = tokens
        self._database = database
        self._clock = clock

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        """Whoever comes with these headers. Raises Unauthorized, for a key that was revoked too, and Unavailable."""
        text = bearer(headers.get("authorization"))
        if not text.startswith(BROWSER_KEY):
            return await self._tokens.admit(headers)
        key = await self._find(text)
        if key is None or not key.is_live(self._clock.now()):
            raise Unauthorized(
                "This browser key is not accepted; it may have been revoked. Put a new one of the channel in its place."
            )
        return key.caller(headers.get("origin"))

    async def _find(self, text: str) -> BrowserKey | None:
        named = parse(text)
        if named is None:
            return None
        async with self._database.connection() as connection:
            return await browser_key_store.by_word(connection, *named)

    async def is_known(self, origin: str) -> bool:
        """Whether pages of this origin may call at all. Raises Unavailable."""
        async with self._database.connection() as connection:
            return await browser_key_store.is_known(connection, origin, self._clock.now())


async def _existing(tx: Tx, channel: str, key_id: UUID) -> BrowserKey:
    key = await browser_key_store.lock(tx, channel, key_id)
    if key is None:
        raise no_key()
    return key
