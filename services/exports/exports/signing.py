"""Proves where a file came from: what its manifest says, signed with a key whose public part anybody may fetch.

A JWS (RFC 7515) by Ed25519 (RFC 8037), with a type of its own, so that it can be taken for no token and no token for it.
"""

import json
from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from common.clock import WireInstant
from exports.events import Manifest

ALGORITHM = "Ed25519"
TYPE = "export-manifest"


class NotSigned(Exception):
    """What should be a signed manifest is none, or is signed with another key."""


class Statement(msgspec.Struct, frozen=True, rename="camel"):
    """What is signed of a file: whose export it is, and its manifest."""

    issuer: str
    channel: str
    export: UUID
    rows: int
    columns: list[str]
    instant: WireInstant
    bytes: int
    file_sha256: str
    ids_sha256: str
    long_values: int


class ManifestKeys:
    """The first signs, all are published: a key can be replaced, and what it signed is still proven."""

    def __init__(self, keys: Sequence[OKPKey], issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer

    @classmethod
    def of(cls, content: bytes, issuer: str) -> Self:
        """From a private key (JWK), or several (JWKS) of which the first is private.

        One without a `kid` is named by its thumbprint.
        """
        given = json.loads(content)
        return cls([_named(OKPKey.import_key(key)) for key in given.get("keys", [given])], issuer)

    def sign(self, channel: str, export: UUID, manifest: Manifest) -> str:
        """The manifest of a file as a compact JWS."""
        statement = Statement(
            self._issuer, channel, export, manifest.rows, manifest.columns, manifest.instant, manifest.bytes,
            manifest.file_sha256, manifest.ids_sha256, manifest.long_values,
        )  # fmt: skip
        header = {"alg": ALGORITHM, "kid": self._keys[0].kid, "typ": TYPE}
        return jws.serialize_compact(header, msgspec.json.encode(statement), self._keys[0], algorithms=[ALGORITHM])

    def public(self) -> dict[str, Any]:
        """What everybody may know of them, as a JWKS."""
        told = {"use": "sig", "alg": ALGORITHM}
        return {"keys": [key.as_dict(private=False) | told | {"kid": key.kid} for key in self._keys]}


def _named(key: OKPKey) -> OKPKey:
    key.ensure_kid()
    return key


def signed(text: str, keys: dict[str, Any]) -> Statement:
    """What a signed manifest says, by keys of a JWKS. Raises NotSigned."""
    try:
        known = KeySet.import_key_set(keys)  # type: ignore[arg-type]
        found = jws.deserialize_compact(text.strip(), known, algorithms=[ALGORITHM])
        if found.headers().get("typ") != TYPE:
            raise NotSigned("It is signed, but it is no manifest of an export.")
        return msgspec.json.decode(found.payload, type=Statement)
    except (JoseError, ValueError, TypeError, KeyError, msgspec.DecodeError):
        raise NotSigned("The signature is not of these keys, or what was signed was changed.") from None
