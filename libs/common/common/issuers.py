"""Whose tokens count here: where each issuer's keys are, how its claims are read, and what it may give at the most. Pure."""

import json
from collections.abc import Collection, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from common.caller import CHANNEL, EVERYTHING, PERMISSIONS, Caller
from common.clock import from_millis
from common.errors import Forbidden, Unauthorized
from common.pointer import parts_of

AUDIENCE = "dangol"
Algorithm = Literal[
    "ES256", "ES384", "ES512", "Ed25519", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
]  # fmt: skip
"""Those of a private key alone: what is signed with a secret that others share proves nothing."""
ALGORITHMS: tuple[Algorithm, ...] = ("ES256", "Ed25519", "EdDSA", "RS256")

_OURS = ("service:", "browser:")
"""So begin the names of services and of pages, which nobody may come by whose tokens are not our own."""
_AS_TEXT = frozenset({"scope", "scp"})
"""Claims that list things in one text, with spaces between them (RFC 8693)."""
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z: what ends later than that does not end


def _known(permission: str) -> str:
    if permission != EVERYTHING and permission not in PERMISSIONS:
        raise ValueError(f"no such permission; there are {', '.join(sorted(PERMISSIONS))}, and {EVERYTHING} for all of them")
    return permission


Permission = Annotated[str, BeforeValidator(_known)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)


class Claims(_Said):
    """In which claims things stand: a name, or a JSON pointer (`/realm_access/roles`) to what lies deeper."""

    subject: str = Field(default="sub", min_length=1)
    channel: str = Field(default="channel", min_length=1)
    permissions: str = Field(default="permissions", min_length=1)
    roles: str = Field(default="roles", min_length=1)


class Issuer(_Said):
    """Whoever gives out tokens: `issuer` is their `iss`, `jwks` a file or an address.

    `permissions` and `channels` are what it may give at the most, `*` stands for all. `roles` says which permissions a role
    means. What a token's subject is called begins with `subject_prefix` here, so that two issuers' people are not taken for one.
    """

    issuer: str = Field(min_length=1)
    jwks: str = Field(min_length=1)
    permissions: frozenset[Permission]
    channels: frozenset[str] = Field(min_length=1)
    audience: str = Field(default=AUDIENCE, min_length=1)
    algorithms: tuple[Algorithm, ...] = Field(default=ALGORITHMS, min_length=1)
    claims: Claims = Claims()
    roles: Mapping[str, frozenset[Permission]] = {}
    subject_prefix: str = ""
    ca: str | None = None

    @model_validator(mode="after")
    def _fit(self) -> "Issuer":
        for channel in self.channels - {EVERYTHING}:
            if CHANNEL.fullmatch(channel) is None:
                raise ValueError("a channel is 1 to 64 of A-Z a-z 0-9 . _ - and starts with a letter or digit")
        if self.subject_prefix.startswith(_OURS):
            raise ValueError("subjectPrefix is for people and programs; service: and browser: are our own")
        for permissions in self.roles.values():
            if EVERYTHING not in self.permissions and not permissions <= self.permissions:
                raise ValueError("a role means more than permissions let this issuer give")
        return self


def own_issuer(issuer: str, jwks: str, most: Collection[str]) -> Issuer:
    """The services themselves, with whose keys they sign their calls to each other."""
    return Issuer(issuer=issuer, jwks=jwks, permissions=frozenset(most), channels=frozenset({EVERYTHING}))


def read_issuers(text: object) -> object:
    """The setting's JSON, yet to be looked through. Raises ValueError."""
    if not isinstance(text, str):
        return text
    try:
        found = json.loads(text) if text.strip() else []
    except ValueError:
        raise ValueError("must be JSON: a list of issuers, as docs/tokens.md has it") from None
    if not isinstance(found, list):
        raise ValueError("must be a list of issuers, as docs/tokens.md has it")
    return found


def caller_of(issuer: Issuer, claims: Mapping[str, Any], *, own: bool) -> Caller:
    """Whoever holds a token with these claims, which was checked to be this issuer's and in time.

    `own`: it is one of our own. Raises Unauthorized, Forbidden.
    """
    subject = _subject(issuer, claims, own=own)
    channel = _channel(issuer, claims)
    named = _permissions(issuer, claims)
    given, withheld = _at_most(named, issuer.permissions)
    ends = int(min(_LAST_SECOND, claims["exp"]) * 1000)
    return Caller(subject, channel, given, expires=from_millis(ends), withheld=withheld)


def _subject(issuer: Issuer, claims: Mapping[str, Any], *, own: bool) -> str:
    name = issuer.claims.subject
    subject = _claim(claims, name)
    whole = f"{issuer.subject_prefix}{subject}"
    if not isinstance(subject, str) or not subject or len(whole) > 200 or not whole.isprintable():
        raise Unauthorized(f"The token's `{name}` must be a text of 1 to 200 printable characters.")
    if not own and whole.startswith(_OURS):
        raise Unauthorized(f"The token's `{name}` begins as the name of a service does. Only services may come by such a name.")
    return whole


def _channel(issuer: Issuer, claims: Mapping[str, Any]) -> str:
    name = issuer.claims.channel
    channel = _claim(claims, name)
    if channel is None and EVERYTHING not in issuer.channels and len(issuer.channels) == 1:
        (channel,) = issuer.channels  # whoever speaks for one alone need not name it
    if isinstance(channel, list) and len(channel) == 1:
        (channel,) = channel
    if isinstance(channel, list):
        raise Unauthorized(f"The token's `{name}` must name one channel. Get a token for the one that you mean.")
    if not isinstance(channel, str) or CHANNEL.fullmatch(channel) is None:
        raise Unauthorized(f"The token's `{name}` must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit.")
    if EVERYTHING not in issuer.channels and channel not in issuer.channels:
        raise Forbidden("Whoever issued this token may not give tokens for its channel here. Operators: look at its `channels`.")
    return channel


def _permissions(issuer: Issuer, claims: Mapping[str, Any]) -> frozenset[str]:
    """All that a token names and its roles mean. Other programs' permissions and roles mean nothing here."""
    texts = partial(_texts, claims)
    roles = texts(issuer.claims.roles) if issuer.roles else []
    return frozenset(texts(issuer.claims.permissions)).union(*(issuer.roles.get(role, ()) for role in roles))


def _at_most(named: frozenset[str], most: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """What an issuer that may give `most` gives by naming these, and what it names and may not give."""
    if EVERYTHING in most:
        return named, frozenset()
    if EVERYTHING in named:
        return most, PERMISSIONS - most
    return named & most, (named & PERMISSIONS) - most


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """The list of texts in a claim, empty where there is none. Raises Unauthorized."""
    found = _claim(claims, name)
    if found is None:
        return []
    if isinstance(found, str) and name in _AS_TEXT:
        return found.split()
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise Unauthorized(f"The token's `{name}` must be a list of texts.")
    return found


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """What stands there; None where nothing does."""
    found: Any = claims
    for part in parts_of(name) if name.startswith("/") else [name]:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
