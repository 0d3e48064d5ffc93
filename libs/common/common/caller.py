"""Whoever calls and what they may do, apart from how that is found out, for those who only decide."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from common.errors import Forbidden

BROWSER_KEY = "pk~"
"""How the text of a browser key begins. Only contacts takes them, for what little they may do."""

CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a channel may be called."""
EVERYTHING = "*"
"""Stands for every permission."""
PERMISSIONS = frozenset({
    "contacts.read", "contacts.edit", "contacts.erase", "contacts.identify", "visits.write", "fields.manage", "segments.manage",
    "exports.create", "exports.approve", "notices.manage", "audit.read", "channel.manage", "plan.manage",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the token: a manager or a program, within one channel; `barred` says why it may do nothing from here.

    `expires` is when the token ends; None for what does not end by the clock. `withheld` are permissions that the token names and
    whoever issued it may not give.
    """

    subject: str
    channel: str
    permissions: frozenset[str]
    barred: str | None = None
    expires: datetime | None = field(default=None, compare=False)
    withheld: frozenset[str] = field(default=frozenset(), compare=False)

    def may(self, *permissions: str) -> bool:
        """Whether any one of these permissions is held."""
        if self.barred is not None:
            return False
        return EVERYTHING in self.permissions or not self.permissions.isdisjoint(permissions)

    def require(self, *permissions: str) -> None:
        """Raises Forbidden unless any one of these permissions is held."""
        if self.barred is not None:
            raise Forbidden(self.barred)
        if not self.may(*permissions):
            wanted = " or ".join(f"`{p}`" for p in permissions)
            words = f"This needs the permission {wanted}. Ask whoever manages your team's roles for it."
            if not self.withheld.isdisjoint(permissions):
                words = f"This needs the permission {wanted}. Your token names it, but whoever issued it may not give it here."
            raise Forbidden(words, extra={"permissions": list(permissions)})
