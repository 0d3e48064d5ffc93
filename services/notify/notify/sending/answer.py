"""What came back from the other side, or why nothing did. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from common.invisible import without_invisible

MOST_TEXT = 200
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with its headers (names in lower case) and the beginning of its body; without a status `problem` says why."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    problem: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the other side has it."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def gone(self) -> bool:
        """Whether the other side says that it wants no more, ever."""
        return self.status == HTTPStatus.GONE

    @property
    def busy(self) -> bool:
        """Whether the other side takes it later: too much at once."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def away(self) -> bool:
        """Whether nothing could have been taken, whatever it was."""
        return self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.busy

    def without(self, secret: str) -> "Answer":
        """The same, where the other side repeats what it was sent."""
        return replace(self, body=self.body.replace(secret.encode(), b"***"))

    @property
    def text(self) -> str:
        """For a person: what it said, no longer than a line, or why it said nothing."""
        if self.problem is not None:
            return self.problem
        written = without_invisible(self.body[: 4 * MOST_TEXT].decode(errors="replace"))
        said = " ".join("".join(c if c.isprintable() else " " for c in written).split())
        return said if len(said) <= MOST_TEXT else said[: MOST_TEXT - 1] + "…"


def retry_after(answer: Answer, now: datetime) -> float | None:
    """The seconds that `Retry-After` asks to wait (RFC 9110, 10.2.3); None where it is missing or cannot be read."""
    written = answer.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(written):
        return float(written)
    try:
        at = parsedate_to_datetime(written)
    except (ValueError, OverflowError):  # the latter of figures that no date has
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
