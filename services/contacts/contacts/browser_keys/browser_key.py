"""Browser keys: public keys with which pages of known origins tell of visits and of who somebody is, and read nothing. Pure.

A key stands in the source of a page, so it is no secret: what it may do is little, and it names its own channel.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from common.caller import BROWSER_KEY
from common.clock import to_wire
from common.errors import Conflict, NotFound, Unprocessable
from common.invisible import shows_nothing
from contacts.identifying import Page

PERMISSIONS = frozenset({"visits.write", "contacts.identify"})
MOST_KEYS, MOST_ORIGINS, MOST_NAME = 20, 20, 100
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_TEXT = re.compile(re.escape(BROWSER_KEY) + r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})~([A-Za-z0-9_-]{20,64})")


@dataclass(frozen=True, slots=True)
class BrowserKey:
    """A key of a channel; it ends at `ends_at`. `secret` verifies members, once that was asked for."""

    id: UUID
    channel: str
    word: str
    name: str
    origins: tuple[str, ...]
    created_at: datetime
    created_by: str
    ends_at: datetime | None = None
    verify_members: bool = False
    secret: str | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The key as a page carries it."""
        return f"{BROWSER_KEY}{self.channel}~{self.word}"

    def is_live(self, now: datetime) -> bool:
        """Whether it is accepted."""
        return self.ends_at is None or now < self.ends_at

    def caller(self, origin: str | None) -> Page:
        """Whoever comes with this key from a page of that origin; from any other it may do nothing."""
        barred = None
        if origin not in self.origins:
            barred = "This browser key is not for pages of this origin. Whoever manages the channel can add the origin to it."
        return Page(f"browser:{self.id}", self.channel, PERMISSIONS, barred, secret=self.secret if self.verify_members else None)

    def members(self, now: datetime, *, with_secret: bool = False) -> dict[str, object]:
        """The key as the API shows it; its secret only in the answer that makes it."""
        shown: dict[str, object] = {
            "id": str(self.id),
            "key": self.text,
            "name": self.name,
            "origins": list(self.origins),
            "status": "live" if self.ends_at is None else "ending" if self.is_live(now) else "revoked",
            "createdAt": to_wire(self.created_at),
            "createdBy": self.created_by,
            "endsAt": None if self.ends_at is None else to_wire(self.ends_at),
            "verifyMembers": self.verify_members,
        }
        return shown | ({"secret": self.secret} if with_secret and self.secret is not None else {})


def parse(text: str) -> tuple[str, str] | None:
    """The channel and the word of a key's text."""
    match = _TEXT.fullmatch(text)
    return None if match is None else (match[1], match[2])


def read_name(name: str) -> str:
    """Raises Unprocessable for a blank or too long name."""
    if shows_nothing(name) or len(name) > MOST_NAME:
        raise Unprocessable(f"A key's name has 1 to {MOST_NAME} characters.", pointer="/name", extra={"most": MOST_NAME})
    return name


def read_origins(given: Sequence[str]) -> tuple[str, ...]:
    """Origins as browsers write them, each once. Raises Unprocessable."""
    if not 1 <= len(given) <= MOST_ORIGINS:
        detail = f"A browser key is for 1 to {MOST_ORIGINS} origins."
        raise Unprocessable(detail, code="invalidOrigin", pointer="/origins", extra={"most": MOST_ORIGINS})
    return tuple(dict.fromkeys(_origin(text, f"/origins/{n}") for n, text in enumerate(given)))


def _origin(text: str, pointer: str) -> str:
    refusal = Unprocessable(
        "An origin is a scheme and a host as the browser sends them, with a port where it is an unusual one, and nothing else: "
        "https://shop.example or http://localhost:3000. A host outside ASCII is written in its xn-- form.",
        code="invalidOrigin",
        pointer=pointer,
    )
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        raise refusal from None
    scheme, _, rest = text.strip().lower().partition("://")
    host = rest.removesuffix("/") if port is None else rest.removesuffix("/").rpartition(":")[0]
    if scheme not in _PORTS or _HOST.fullmatch(host) is None or ".." in host or port == 0:
        raise refusal
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def verifying(key: BrowserKey, verify: bool, secret: str) -> BrowserKey:
    """The key, switched to verifying members or off; the first time it takes this secret, and keeps it from then on."""
    return replace(key, verify_members=verify, secret=key.secret or (secret if verify else None))


def rotated(
    old: BrowserKey, id_: UUID, word: str, secret: str, by: str, now: datetime, keep: timedelta
) -> tuple[BrowserKey, BrowserKey]:
    """The old key, which ends after `keep`, and the one in its place, with a secret of its own.

    Raises Conflict for one that has ended.
    """
    if not old.is_live(now):
        raise Conflict("This key has been revoked. Make a new one.", code="keyEnded")
    new = replace(
        old, id=id_, word=word, created_at=now, created_by=by, ends_at=None, secret=secret if old.verify_members else None
    )
    return ended(old, now + keep), new


def ended(key: BrowserKey, at: datetime) -> BrowserKey:
    """The key, which ends then, or earlier where that was said before."""
    return key if key.ends_at is not None and key.ends_at <= at else replace(key, ends_at=at)


def no_key() -> NotFound:
    """The same words for another channel's key as for one that never was."""
    return NotFound("There is no such browser key.")
