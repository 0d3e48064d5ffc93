"""What must outlive a request but be readable to nobody else: a password's stretched form, sealed while its job runs."""

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exports.workbook.agile_format import SALT, Stretched

_NONCE = 12


class Unsealable(Exception):
    """The sealed value is not this export's, or was sealed with another key."""


class Sealing:
    """AES-256-GCM (NIST SP 800-38D) under the service's own key; each value is bound to what it belongs to."""

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(key)
        self._random = random

    def seal(self, lock: Stretched, belongs_to: str) -> bytes:
        """The stretched password, sealed."""
        nonce = self._random(_NONCE)
        return nonce + self._cipher.encrypt(nonce, lock.salt + lock.digest, belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> Stretched:
        """The stretched password again. Raises Unsealable."""
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], belongs_to.encode())
        except InvalidTag:
            raise Unsealable("a sealed lock does not open") from None
        return Stretched(plain[:SALT], plain[SALT:])
