"""Who is calling: bearer tokens read with fixed algorithms and required claims, and short tokens for calls between services."""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

from common.caller import BROWSER_KEY as BROWSER_KEY
from common.caller import Caller as Caller
from common.clock import from_millis
from common.errors import Forbidden, Unauthorized
from common.jwks import keys_of

ALGORITHMS = ["ES256", "Ed25519", "EdDSA", "RS256"]
AUDIENCE = "dangol"
PERMISSIONS = frozenset({
    "contacts.read", "contacts.edit", "contacts.erase", "contacts.identify", "visits.write", "fields.manage", "segments.manage",
    "exports.create", "exports.approve", "notices.manage", "audit.read", "channel.manage", "plan.manage",
})  # fmt: skip

_LEEWAY_SECONDS = 5
_MOST_ACCEPTED = 1000
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z: what ends later than that does not end
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Door(Protocol):
    """Who comes in: by a token, or by what a service takes besides."""

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        """The caller that a request's headers name. Raises Unauthorized."""
        ...


def bearer(authorization: str | None) -> str:
    """The token of an `Authorization` header. Raises Unauthorized."""
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Unauthorized("Send `Authorization: Bearer <token>`.")
    return text.strip()


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A token that was checked, by which keys, and up to when (seconds) it is good."""

    key_id: str | None
    keys: KeySet
    caller: Caller
    ends: float


class Verifier:
    """Checks tokens against a key set (JWKS) in a file or behind an address, read again as it changes.

    A token that was accepted is not checked again until it ends or the keys are read anew: a signature costs more than an answer.
    """

    def __init__(self, jwks: str, issuer: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys_of(jwks, monotonic)
        self._accepted: OrderedDict[str, _Accepted] = OrderedDict()
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
            channel={"essential": True},
        )

    async def check(self) -> None:
        """For /readyz. Raises Unavailable while there are no keys to check any token with."""
        await self._keys.current(None)

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        """The caller that a request's token names. Raises as `verify` does."""
        return await self.verify(headers.get("authorization"))

    async def verify(self, authorization: str | None) -> Caller:
        """The caller that an `Authorization` header names. Raises Unauthorized, Unavailable, Forbidden for a browser key."""
        text = bearer(authorization)
        if text.startswith(BROWSER_KEY):
            raise Forbidden("A browser key is for `POST /v1/visits` and `PUT /v1/contacts/@{memberId}` alone.")
        known = self._accepted.get(text)
        if known is not None and await self._keys.current(known.key_id) is known.keys and int(time.time()) < known.ends:
            return known.caller
        return await self._checked(text)

    async def _checked(self, text: str) -> Caller:
        self._accepted.pop(text, None)
        try:
            key_id = _key_id(text)
            keys = await self._keys.current(key_id)
            token = jwt.decode(text, keys, algorithms=ALGORITHMS)
            self._claims.validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError):
            raise Unauthorized("This token is not accepted. Get a new one and send it again.") from None
        caller = _caller(token.claims)
        self._accepted[text] = _Accepted(key_id, keys, caller, token.claims["exp"] + _LEEWAY_SECONDS)
        if len(self._accepted) > _MOST_ACCEPTED:
            self._accepted.popitem(last=False)
        return caller


def _key_id(token: str) -> str | None:
    """The key that a token says it is signed with. Raises JoseError, ValueError for what is no token."""
    named = jws.extract_compact(token.encode("ascii")).headers().get("kid")
    return named if isinstance(named, str) else None


def _caller(claims: Mapping[str, object]) -> Caller:
    subject, channel, permissions = claims["sub"], claims["channel"], claims.get("permissions", [])
    if not isinstance(subject, str) or not 0 < len(subject) <= 200 or not subject.isprintable():
        raise Unauthorized("The token's `sub` must be a text of 1 to 200 printable characters.")
    if not isinstance(channel, str) or _CHANNEL.fullmatch(channel) is None:
        raise Unauthorized("The token's `channel` must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit.")
    if not isinstance(permissions, list) or not all(isinstance(p, str) for p in permissions):
        raise Unauthorized("The token's `permissions` must be a list of texts.")
    ends = claims["exp"]
    assert isinstance(ends, int | float), "the claim is checked"
    return Caller(subject, channel, frozenset(permissions), expires=from_millis(int(min(_LAST_SECOND, ends) * 1000)))


class Signer:
    """Signs the short tokens with which one service calls another, for one channel at a time."""

    def __init__(self, key_file: Path, issuer: str, subject: str) -> None:
        key = json.loads(key_file.read_bytes())
        self._key = OKPKey.import_key(key) if key["kty"] == "OKP" else ECKey.import_key(key)
        self._algorithm = "Ed25519" if key["kty"] == "OKP" else "ES256"
        self._issuer = issuer
        self._subject = subject

    def authorization(self, channel: str, *permissions: str, seconds: int = 60) -> dict[str, str]:
        """The header of a call made for `channel` with these permissions, good for `seconds`."""
        now = int(time.time())
        claims = {
            "iss": self._issuer, "aud": AUDIENCE, "sub": self._subject, "channel": channel,
            "permissions": list(permissions), "iat": now, "exp": now + seconds,
        }  # fmt: skip
        header = {"alg": self._algorithm, "kid": self._key.kid}
        return {"Authorization": "Bearer " + jwt.encode(header, claims, self._key, algorithms=ALGORITHMS)}
