"""The keys that tokens are checked against: of a file, or of an issuer behind http; the old ones serve while either is away."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx
from joserfc.jwk import KeySet

from common.changing import NONSENSE, Changing
from common.errors import Unavailable
from common.issuers import Issuer
from common.loop import Outage
from common.tls import client_context

_REFRESH_SECONDS = 300.0
_PAUSE_SECONDS = 5.0
_PATIENCE_SECONDS = 5.0
_MOST_ASKED = 1000
_MOST_BYTES = 1 << 20


class Keys(Protocol):
    """Where the keys come from."""

    async def current(self, key_id: str | None) -> KeySet:
        """All keys, as fresh as they need to be to know the one that a token names (None: it names none).

        Raises Unavailable where there are none, and where nobody can say now whether there is that one.
        """
        ...

    async def refresh(self) -> None:
        """Read them again, if it is time."""
        ...


def keys_of(issuer: Issuer, monotonic: Callable[[], float]) -> Keys:
    """The keys in a file, or behind an address."""
    if issuer.jwks.startswith(("https://", "http://")):
        return KeysOfIssuer(issuer, monotonic)
    return KeysInFile(Path(issuer.jwks), monotonic)


class KeysInFile:
    """A key set in a file, read again as it changes. While it is missing or half written, the keys that it had serve."""

    def __init__(self, path: Path, monotonic: Callable[[], float]) -> None:
        self._file = Changing(path, _key_set, "the file of the keys that tokens are checked against", monotonic=monotonic)

    async def current(self, key_id: str | None) -> KeySet:
        """All keys of the file. Raises Unavailable where it cannot be read, to all but those whose key it had."""
        keys, fresh = self._file.look()
        if keys is None or not (fresh or key_id in _names(keys)):
            raise _away()
        return keys

    async def refresh(self) -> None:
        """Read it again, if it has changed."""
        self._file.look()


class KeysOfIssuer:
    """A key set behind an address, read again every five minutes, and for a key that is not in it; at most every 5 seconds."""

    def __init__(self, issuer: Issuer, monotonic: Callable[[], float]) -> None:
        self._address = issuer.jwks
        self._tls = client_context(issuer.ca, None, None, "issuers") if issuer.jwks.startswith("https://") else None
        self._monotonic = monotonic
        self._outage = Outage(f"the keys of {issuer.issuer}", monotonic=monotonic)
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
        self._begin(now, wanted=not known)
        first_asked = now if known else self._first_asked(key_id, now)
        if not known and self._reading is not None:
            # Many may wait for one reading: that one of them goes away does not end it.
            await asyncio.shield(self._reading)
        if self._keys is None or not (known or key_id in self._known or first_asked <= self._as_of):
            raise _away()
        return self._keys

    async def refresh(self) -> None:
        """Read them again where five minutes have passed."""
        self._begin(self._monotonic(), wanted=False)
        if self._reading is not None:
            await asyncio.shield(self._reading)

    def _begin(self, now: float, *, wanted: bool) -> None:
        """Begin to read them where that is wanted or it is time, and it was not just tried."""
        due = wanted or now - self._read_at >= _REFRESH_SECONDS
        if due and self._reading is None and now - self._tried_at >= _PAUSE_SECONDS:
            self._tried_at = now
            self._reading = asyncio.create_task(self._read(now))

    def _first_asked(self, key_id: str | None, now: float) -> float:
        """When a key that is not known was first asked for. Anybody can ask for any, so only so many are remembered."""
        if key_id not in self._asked and len(self._asked) >= _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        return self._asked.setdefault(key_id, now)

    async def _read(self, begun: float) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                keys = _key_set(await self._fetch())
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, *NONSENSE) as error:
            self._outage.met("its keys cannot be read; those that were read before count", error)
        else:
            self._known = _names(keys)
            self._asked = {key_id: at for key_id, at in self._asked.items() if key_id not in self._known}
            self._keys, self._read_at, self._as_of = keys, self._monotonic(), begun
            self._outage.over()
        finally:
            self._reading = None

    async def _fetch(self) -> bytes:
        """What the address answers. Raises ValueError for more than anybody has of keys, httpx's errors."""
        async with (
            httpx.AsyncClient(timeout=_PATIENCE_SECONDS, verify=self._tls or True) as client,
            client.stream("GET", self._address) as answer,
        ):
            answer.raise_for_status()
            content = bytearray()
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > _MOST_BYTES:
                    raise ValueError("too large for a set of keys")
            return bytes(content)


def _key_set(content: bytes) -> KeySet:
    return KeySet.import_key_set(json.loads(content))


def _names(keys: KeySet) -> frozenset[str | None]:
    """The keys that tokens may name; one that names none is tried against all of them."""
    return frozenset({None, *(key.kid for key in keys.keys)})


def _away() -> Unavailable:
    return Unavailable(
        "The keys of whoever gives out the tokens cannot be read just now, so yours cannot be checked. Try again in a moment.",
        code="issuerAway",
        retry_after=int(_PAUSE_SECONDS),
    )
