"""Who is calling: bearer tokens read with fixed algorithms and required claims, and short tokens for calls between services."""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

from common.caller import BROWSER_KEY as BROWSER_KEY
from common.caller import EVERYTHING
from common.caller import PERMISSIONS as PERMISSIONS
from common.caller import Caller as Caller
from common.changing import Changing
from common.errors import BadSettings, Forbidden, Unauthorized
from common.issuers import AUDIENCE, Issuer, caller_of, own_issuer
from common.jwks import Keys, keys_of
from common.loop import repeat

_LEEWAY_SECONDS = 5
_MOST_ACCEPTED = 1000
_LOOK_SECONDS = 15.0
_NO_TOKEN = (JoseError, ValueError, TypeError, KeyError, RecursionError)


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
    """A token that was checked, by whose keys, and up to when (seconds) it is good."""

    key_id: str | None
    source: Keys
    keys: KeySet
    caller: Caller
    ends: float


class _Trusted:
    """An issuer with its keys, and how its tokens are checked."""

    def __init__(self, issuer: Issuer, monotonic: Callable[[], float], *, own: bool) -> None:
        self.issuer = issuer
        self.keys = keys_of(issuer, monotonic)
        self._own = own
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer.issuer},
            aud={"essential": True, "value": issuer.audience},
            exp={"essential": True},
        )

    async def check(self, text: str, key_id: str | None) -> _Accepted:
        """Raises JoseError, ValueError, TypeError, KeyError for a token that is not this issuer's or out of time; Unauthorized,
        Forbidden for what it may not say; Unavailable.
        """
        keys = await self.keys.current(key_id)
        claims = jwt.decode(text, keys, algorithms=self.issuer.algorithms).claims
        self._claims.validate(claims)
        caller = caller_of(self.issuer, claims, own=self._own)
        return _Accepted(key_id, self.keys, keys, caller, claims["exp"] + _LEEWAY_SECONDS)


class Verifier:
    """Checks tokens of each issuer that counts here against its keys (JWKS), in a file or behind an address.

    `jwks` and `issuer` are the services' own, which may give `most`; `others` are whoever else gives out tokens. A token that was
    accepted is not checked again until it ends or the keys are read anew: a signature costs more than an answer.
    """

    def __init__(
        self, jwks: str, issuer: str, others: Sequence[Issuer] = (), *, most: Collection[str] = (EVERYTHING,),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._own = _Trusted(own_issuer(issuer, jwks, most), monotonic, own=True)
        trusted = [self._own, *(_Trusted(each, monotonic, own=False) for each in others)]
        self._trusted = {each.issuer.issuer: each for each in trusted}
        self._accepted: OrderedDict[str, _Accepted] = OrderedDict()

    async def check(self) -> None:
        """For /readyz. Raises Unavailable while there are no keys to check the services' own tokens with."""
        await self._own.keys.current(None)

    async def refresh(self) -> None:
        """Read the keys of each issuer again where it is time, whether anybody comes or not."""
        await asyncio.gather(*(each.keys.refresh() for each in self._trusted.values()))

    async def watch(self, stop: asyncio.Event) -> None:
        """A loop: refreshes until told to stop."""
        await repeat(self.refresh, stop, every=_LOOK_SECONDS, name="keys")

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        """The caller that a request's token names. Raises as `verify` does."""
        return await self.verify(headers.get("authorization"))

    async def verify(self, authorization: str | None) -> Caller:
        """The caller that an `Authorization` header names.

        Raises Unauthorized, Unavailable, Forbidden for a browser key and for a channel that the issuer may not speak for.
        """
        text = bearer(authorization)
        if text.startswith(BROWSER_KEY):
            raise Forbidden("A browser key is for `POST /v1/visits` and `PUT /v1/contacts/@{memberId}` alone.")
        known = self._accepted.get(text)
        if known is not None and int(time.time()) < known.ends and await known.source.current(known.key_id) is known.keys:
            return known.caller
        return await self._checked(text)

    async def _checked(self, text: str) -> Caller:
        self._accepted.pop(text, None)
        try:
            key_id, issuer = _named(text)
            accepted = await self._trusted[issuer].check(text, key_id)
        except _NO_TOKEN:
            raise Unauthorized("This token is not accepted. Get a new one and send it again.") from None
        self._accepted[text] = accepted
        if len(self._accepted) > _MOST_ACCEPTED:
            self._accepted.popitem(last=False)
        return accepted.caller


def _named(token: str) -> tuple[str | None, str]:
    """The key that a token says it is signed with, and the issuer that it says it is of.

    Raises JoseError, ValueError, KeyError, TypeError for what is no token.
    """
    said = jws.extract_compact(token.encode("ascii"))
    key_id, issuer = said.headers().get("kid"), json.loads(said.payload)["iss"]
    return key_id if isinstance(key_id, str) else None, issuer


class Signer:
    """Signs the short tokens with which one service calls another, for one channel at a time.

    Its key (JWK: P-256 or Ed25519) is read again when its file changes. While that is missing or half written, the old one signs.
    """

    def __init__(self, key_file: Path, issuer: str, subject: str) -> None:
        self._file = Changing(key_file, _signing_key, "the signing key")
        self._issuer = issuer
        self._subject = subject
        if self._file.look()[0] is None:
            raise BadSettings("The file of signing_key is none of a private key (JWK, P-256 or Ed25519) that can be read.")

    def authorization(self, channel: str, *permissions: str, seconds: int = 60) -> dict[str, str]:
        """The header of a call made for `channel` with these permissions, good for `seconds`."""
        signing, _ = self._file.look()
        assert signing is not None, "it was there at the start"
        algorithm, key = signing
        now = int(time.time())
        claims = {
            "iss": self._issuer, "aud": AUDIENCE, "sub": self._subject, "channel": channel,
            "permissions": list(permissions), "iat": now, "exp": now + seconds,
        }  # fmt: skip
        header = {"alg": algorithm, "kid": key.kid}
        return {"Authorization": "Bearer " + jwt.encode(header, claims, key, algorithms=[algorithm])}


def _signing_key(content: bytes) -> tuple[str, ECKey | OKPKey]:
    given = json.loads(content)
    if given["kty"] == "OKP":
        return "Ed25519", OKPKey.import_key(given)
    return "ES256", ECKey.import_key(given)
