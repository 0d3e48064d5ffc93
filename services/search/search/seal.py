"""Words that callers carry back to us unchanged: cursors and fingerprints, signed (HMAC-SHA-256, RFC 2104)."""

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson


class NotOurs(ValueError):
    """The word is not one that was signed with this key for this purpose."""


class Sealer:
    """Signs JSON values for one purpose each."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, purpose: str, value: object) -> str:
        """The value and its signature as one word for a header or a body."""
        body = orjson.dumps(value)
        return _text(self._sign(purpose, body) + body)

    def open(self, purpose: str, word: str) -> Any:
        """The value again. Raises NotOurs."""
        try:
            data = base64.b64decode(word + "=" * (-len(word) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise NotOurs from None
        signature, body = data[:32], data[32:]
        if not hmac.compare_digest(signature, self._sign(purpose, body)):
            raise NotOurs
        return orjson.loads(body)

    def _sign(self, purpose: str, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + body, hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def digest(value: object) -> str:
    """A hash of JSON values that does not depend on the order of members."""
    return _text(hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest())
