"""What must outlive a request but be readable to nobody else: sealed under a service's own key, bound to what it belongs to."""

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Unsealable(Exception):
    """The sealed value belongs to something else, was sealed with another key, or is none."""


class Seal:
    """AES-256-GCM (NIST SP 800-38D)."""

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(key)
        self._random = random

    def close(self, plain: bytes, belongs_to: str) -> bytes:
        """The value, sealed."""
        nonce = self._random(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """The value again. Raises Unsealable."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], belongs_to.encode())
        except (InvalidTag, ValueError):  # the latter where it is too short to have been sealed
            raise Unsealable("a sealed value does not open") from None
