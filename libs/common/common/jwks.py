"""The keys that tokens are checked against: of a file, or of an issuer behind http, whose old keys serve while it is away."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from common.errors import Unavailable
from common.telemetry import log

_REFRESH_SECONDS = 300.0
_PAUSE_SECONDS = 5.0
_PATIENCE_SECONDS = 5.0


class Keys(Protocol):
    """Where the keys come from."""

    async def current(self, key_id: str | None) -> KeySet:
        """All keys, as fresh as they need to be to know the one that a token names. Raises Unavailable."""
        ...


def keys_of(place: str, monotonic: Callable[[], float] = time.monotonic) -> Keys:
    """The keys in a file, or behind an address."""
    return KeysOfIssuer(place, monotonic) if place.startswith(("https://", "http://")) else KeysInFile(Path(place))


class KeysInFile:
    """A key set in a file, read again as it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: KeySet | None = None
        self._stamp: object = None

    async def current(self, key_id: str | None) -> KeySet:
        """All keys of the file."""
        stat = self._path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if self._keys is None or stamp != self._stamp:
            self._keys, self._stamp = KeySet.import_key_set(json.loads(self._path.read_bytes())), stamp
        return self._keys


class KeysOfIssuer:
    """A key set behind an address, read again every five minutes, and for a key that is not in it; at most every 5 seconds."""

    def __init__(self, address: str, monotonic: Callable[[], float]) -> None:
        self._address = address
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._known: frozenset[str | None] = frozenset()
        self._read_at = self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def current(self, key_id: str | None) -> KeySet:
        """All keys; only who names one that is not known waits for a reading. Raises Unavailable where none was ever read."""
        now = self._monotonic()
        known = key_id in self._known
        wanted = not known or now - self._read_at >= _REFRESH_SECONDS
        if wanted and self._reading is None and now - self._tried_at >= _PAUSE_SECONDS:
            self._tried_at = now
            self._reading = asyncio.create_task(self._read())
        if not known and self._reading is not None:
            # Many may wait for one reading: that one of them goes away does not end it.
            await asyncio.shield(self._reading)
        if self._keys is None:
            raise Unavailable(
                "Whoever gives out the tokens does not answer, so yours cannot be checked. Try again in a moment.",
                code="issuerAway",
                retry_after=int(_PAUSE_SECONDS),
            )
        return self._keys

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
                answer = await client.get(self._address)
                answer.raise_for_status()
            keys = KeySet.import_key_set(answer.json())
            # A token that names no key is tried against all of them.
            self._known = frozenset({None, *(key.kid for key in keys.keys)})
            self._keys, self._read_at = keys, self._monotonic()
        except (httpx.HTTPError, TimeoutError, JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("the issuer's keys cannot be read, the old ones stay", had=self._keys is not None, exc_info=error)
        finally:
            self._reading = None
