"""What must outlive a request but be readable to nobody else: a password's stretched form, sealed while its job runs."""

from collections.abc import Callable

from common.sealing import Seal
from common.sealing import Unsealable as Unsealable
from exports.workbook.agile_format import SALT, Stretched


class Sealing:
    """Under the service's own key; each value is bound to what it belongs to."""

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        self._seal = Seal(key, random)

    def seal(self, lock: Stretched, belongs_to: str) -> bytes:
        """The stretched password, sealed."""
        return self._seal.close(lock.salt + lock.digest, belongs_to)

    def open(self, sealed: bytes, belongs_to: str) -> Stretched:
        """The stretched password again. Raises Unsealable."""
        plain = self._seal.open(sealed, belongs_to)
        return Stretched(plain[:SALT], plain[SALT:])
