"""The keys that tokens are checked against: of a file, or of an issuer behind http; the old ones serve while either is away."""

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
_MOST_ASKED = 1000
_NONSENSE = (JoseError, ValueError, TypeError, KeyError, AttributeError)
_WHOLE = object()


class Keys(Protocol):
    """Where the keys come from."""

    async def current(self, key_id: str | None) -> KeySet:
        """All keys, as fresh as they need to be to know the one that a token names (None: it names none).

        Raises Unavailable where there are none, and where nobody can say now whether there is that one.
        """
        ...


def keys_of(place: str, monotonic: Callable[[], float] = time.monotonic) -> Keys:
    """The keys in a file, or behind an address."""
    return KeysOfIssuer(place, monotonic) if place.startswith(("https://", "http://")) else KeysInFile(Path(place))


class KeysInFile:
    """A key set in a file, read again as it changes. While it is missing or half written, the keys that it had serve."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: KeySet | None = None
        self._known: frozenset[str | None] = frozenset()
        self._stamp: object = None
        self._broken: object = _WHOLE

    async def current(self, key_id: str | None) -> KeySet:
        """All keys of the file. Raises Unavailable where it cannot be read, to all but those whose key it had."""
        fresh = self._read()
        if self._keys is None or not (fresh or key_id in self._known):
            raise _away()
        return self._keys

    def _read(self) -> bool:
        """Read the file where it has changed; answers whether the keys are those that it has now."""
        stamp: object = None
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp != self._stamp:
                keys = KeySet.import_key_set(json.loads(self._path.read_bytes()))
                self._keys, self._known, self._stamp = keys, _names(keys), stamp
        except (OSError, *_NONSENSE) as error:
            if self._broken != stamp:
                log.warning("the file of keys cannot be read, the old ones stay", had=self._keys is not None, exc_info=error)
            self._broken = stamp
            return False
        self._broken = _WHOLE
        return True


class KeysOfIssuer:
    """A key set behind an address, read again every five minutes, and for a key that is not in it; at most every 5 seconds."""

    def __init__(self, address: str, monotonic: Callable[[], float]) -> None:
        self._address = address
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._known: frozenset[str | None] = frozenset()
        self._asked: dict[str | None, float] = {}
        self._read_at = self._tried_at = self._as_of = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def current(self, key_id: str | None) -> KeySet:
        """All keys; only who names one that is not known waits for a reading.

        Raises Unavailable where none was ever read, or none since that key was first asked for: it may be a new one.
        """
        now = self._monotonic()
        known = key_id in self._known
        wanted = not known or now - self._read_at >= _REFRESH_SECONDS
        if wanted and self._reading is None and now - self._tried_at >= _PAUSE_SECONDS:
            self._tried_at = now
            self._reading = asyncio.create_task(self._read(now))
        first_asked = now if known else self._first_asked(key_id, now)
        if not known and self._reading is not None:
            # Many may wait for one reading: that one of them goes away does not end it.
            await asyncio.shield(self._reading)
        if self._keys is None or not (known or key_id in self._known or first_asked <= self._as_of):
            raise _away()
        return self._keys

    def _first_asked(self, key_id: str | None, now: float) -> float:
        """When a key that is not known was first asked for. Anybody can ask for any, so only so many are remembered."""
        if key_id not in self._asked and len(self._asked) >= _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        return self._asked.setdefault(key_id, now)

    async def _read(self, begun: float) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
                answer = await client.get(self._address)
                answer.raise_for_status()
            keys = KeySet.import_key_set(answer.json())
            self._known = _names(keys)
            self._asked = {key_id: at for key_id, at in self._asked.items() if key_id not in self._known}
            self._keys, self._read_at, self._as_of = keys, self._monotonic(), begun
        except (httpx.HTTPError, TimeoutError, *_NONSENSE) as error:
            log.warning("the issuer's keys cannot be read, the old ones stay", had=self._keys is not None, exc_info=error)
        finally:
            self._reading = None


def _names(keys: KeySet) -> frozenset[str | None]:
    """The keys that tokens may name; one that names none is tried against all of them."""
    return frozenset({None, *(key.kid for key in keys.keys)})


def _away() -> Unavailable:
    return Unavailable(
        "The keys of whoever gives out the tokens cannot be read just now, so yours cannot be checked. Try again in a moment.",
        code="issuerAway",
        retry_after=int(_PAUSE_SECONDS),
    )
