"""Whoever calls and what they may do, apart from how that is found out, for those who only decide."""

from dataclasses import dataclass, field
from datetime import datetime

from common.errors import Forbidden

BROWSER_KEY = "pk~"
"""How the text of a browser key begins. Only contacts takes them, for what little they may do."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the token: a manager or a program, within one channel; `barred` says why it may do nothing from here.

    `expires` is when the token ends; None for what does not end by the clock.
    """

    subject: str
    channel: str
    permissions: frozenset[str]
    barred: str | None = None
    expires: datetime | None = field(default=None, compare=False)

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
            words = f"This needs the permission {wanted}. Ask whoever manages your team's roles for it."
            raise Forbidden(words, extra={"permissions": list(permissions)})
