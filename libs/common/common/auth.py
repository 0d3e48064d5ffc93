"""Who is calling: bearer tokens read with fixed algorithms and required claims, and short tokens for calls between services."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

from common.errors import Forbidden, Unauthorized

ALGORITHMS = ["ES256", "Ed25519", "EdDSA", "RS256"]
AUDIENCE = "dangol"
PERMISSIONS = frozenset({
    "contacts.read", "contacts.edit", "contacts.erase", "contacts.identify", "visits.write", "fields.manage", "segments.manage",
    "exports.create", "notices.manage", "audit.read", "channel.manage", "plan.manage",
})  # fmt: skip

BROWSER_KEY = "pk~"
"""How the text of a browser key begins. Only contacts takes them, for what little they may do."""

_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REFRESH_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the token: a manager or a program, within one channel; `barred` says why it may do nothing from here."""

    subject: str
    channel: str
    permissions: frozenset[str]
    barred: str | None = None

    def may(self, *permissions: str) -> bool:
        """Whether any one of these permissions is held."""
        if self.barred is not None:
            return False
        return "*" in self.permissions or not self.permissions.isdisjoint(permissions)

    def require(self, *permissions: str) -> None:
        """Raises Forbidden unless any one of these permissions is held."""
        if self.barred is not None:
            raise Forbidden(self.barred)
        if not self.may(*permissions):
            wanted = " or ".join(f"`{p}`" for p in permissions)
            raise Forbidden(f"This needs the permission {wanted}. Ask whoever manages your team's roles for it.")


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


class Verifier:
    """Checks tokens against a key set (JWKS) in a file or behind https, read again as it changes."""

    def __init__(self, jwks: str, issuer: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._jwks = jwks
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._stamp: object = None
        self._read_at = float("-inf")
        self._claims = jwt.JWTClaimsRegistry(
            leeway=5,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
            channel={"essential": True},
        )

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        """The caller that a request's token names. Raises as `verify` does."""
        return await self.verify(headers.get("authorization"))

    async def verify(self, authorization: str | None) -> Caller:
        """The caller that an `Authorization` header names. Raises Unauthorized, Forbidden for a browser key."""
        text = bearer(authorization)
        if text.startswith(BROWSER_KEY):
            raise Forbidden("A browser key is for `POST /v1/visits` and `PUT /v1/contacts/@{memberId}` alone.")
        keys = await self._current_keys()
        try:
            token = jwt.decode(text, keys, algorithms=ALGORITHMS)
            self._claims.validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError):
            raise Unauthorized("This token is not accepted. Get a new one and send it again.") from None
        return _caller(token.claims)

    async def _current_keys(self) -> KeySet:
        if self._jwks.startswith(("https://", "http://")):
            if self._keys is None or self._monotonic() - self._read_at > _REFRESH_SECONDS:
                async with httpx.AsyncClient(timeout=5) as client:
                    answer = await client.get(self._jwks)
                    answer.raise_for_status()
                self._keys, self._read_at = KeySet.import_key_set(answer.json()), self._monotonic()
            return self._keys
        return self._keys_in_file(Path(self._jwks))

    def _keys_in_file(self, path: Path) -> KeySet:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if self._keys is None or stamp != self._stamp:
            self._keys, self._stamp = KeySet.import_key_set(json.loads(path.read_bytes())), stamp
        return self._keys


def _caller(claims: Mapping[str, object]) -> Caller:
    subject, channel, permissions = claims["sub"], claims["channel"], claims.get("permissions", [])
    if not isinstance(subject, str) or not 0 < len(subject) <= 200 or not subject.isprintable():
        raise Unauthorized("The token's `sub` must be a text of 1 to 200 printable characters.")
    if not isinstance(channel, str) or _CHANNEL.fullmatch(channel) is None:
        raise Unauthorized("The token's `channel` must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit.")
    if not isinstance(permissions, list) or not all(isinstance(p, str) for p in permissions):
        raise Unauthorized("The token's `permissions` must be a list of texts.")
    return Caller(subject, channel, frozenset(permissions))


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
