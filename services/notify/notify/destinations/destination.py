"""A destination: what may be asked for one, and what it is after a change. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from common.errors import NotFound, Unprocessable
from common.language import Language
from notify.kinds import matrix, webhook
from notify.kinds.kind import SECRET, Kind
from notify.kinds.message import EVENTS
from notify.sending.address import Target, read_url

MOST_DESTINATIONS = 100
MOST_SECRET = 1000
UNOPENED = "Its address does not open with this service's key. Give the address again, and the secret where it has one."
OF_SEGMENTS = frozenset({"segment.entered", "segment.left"})


@dataclass(frozen=True, slots=True)
class Destination:
    """Where notices of some events go, in one language. A room has no URL: it is that of whoever made the destination."""

    id: UUID
    channel: str
    version: int
    kind: Kind
    url: str | None = field(repr=False)
    secret: str | None = field(repr=False)
    events: tuple[str, ...]
    segment_id: UUID | None
    language: Language
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None
    disabled_by: str | None = None
    problem: str | None = None
    sealed: bytes | None = field(default=None, repr=False)
    """Address and secret as they are kept, where the service's key does not open them: it has none until they are given again."""

    @property
    def told_problem(self) -> str | None:
        """Why nothing arrives there, as far as that is known without trying."""
        return UNOPENED if self.problem is None and self.url is None and self.sealed is not None else self.problem

    @property
    def active(self) -> bool:
        """Whether anything is sent to it."""
        return self.disabled_at is None

    @property
    def of_segment_alone(self) -> bool:
        """Whether it is told of nothing but a segment."""
        return OF_SEGMENTS.issuperset(self.events)

    @property
    def host(self) -> str:
        """Whose it is, as far as may be told; empty for a room."""
        return self.target.host if self.url is not None else ""

    @property
    def target(self) -> Target:
        """Its address."""
        assert self.url is not None, "a room has none"
        return read_url(self.url)


def check(destination: Destination) -> Destination:
    """The destination, if it makes sense. Raises Unprocessable with the place that does not."""
    if destination.sealed is None or destination.url is not None or destination.secret is not None:
        _check_address(destination.kind, destination.url)
        _check_secret(destination.kind, destination.secret)
    events = _checked(destination.events)
    of_segments = bool(OF_SEGMENTS & set(events))
    if of_segments and destination.segment_id is None:
        raise Unprocessable(
            "Say in `segmentId` which segment's entering and leaving is to be told.", code="segmentMissing", pointer="/segmentId"
        )
    if destination.segment_id is not None and not of_segments:
        raise Unprocessable(
            "`segmentId` is for the events `segment.entered` and `segment.left`. Add one of them, or leave it out.",
            code="segmentNotUsed",
            pointer="/segmentId",
        )
    return replace(destination, events=events)


def check_carried(before: Destination, after: Destination) -> None:
    """Raises Unprocessable where a secret that was not given again would be sent to another host than it was given for."""
    if after.kind is Kind.MATRIX and after.url is not None and before.url is not None:
        was, will = before.target, read_url(after.url)
        if (was.scheme, was.host, was.port) != (will.scheme, will.host, will.port):
            raise Unprocessable(
                "At another host it is another account: give the access token of it in `secret`.",
                code="secretMissing",
                pointer="/secret",
                extra={"least": 1, "most": MOST_SECRET},
            )


def _check_address(kind: Kind, url: str | None) -> None:
    if kind is Kind.ROOM:
        if url is not None:
            raise Unprocessable("Your own room has no address. Leave `url` out.", code="urlNotUsed", pointer="/url")
        return
    if url is None:
        raise Unprocessable("Give the address that the other side has made for you.", code="urlMissing", pointer="/url")
    target = read_url(url)
    if kind is Kind.MATRIX and not matrix.is_room(target.path):
        raise Unprocessable(
            "The address of a Matrix room is that of its home server with the room's id, as in "
            "https://matrix.example/_matrix/client/v3/rooms/!id:matrix.example .",
            code="invalidUrl",
            pointer="/url",
        )


def _check_secret(kind: Kind, secret: str | None) -> None:
    if kind not in SECRET:
        if secret is not None:
            raise Unprocessable("This kind has no secret. Leave `secret` out.", code="secretNotUsed", pointer="/secret")
        return
    if secret is None:
        raise Unprocessable(
            "Give the secret: of Matrix the access token, of a webhook what it is signed with, `whsec_` and 24 to 64 bytes in "
            "base64.",
            code="secretMissing",
            pointer="/secret",
            extra={"least": webhook.LEAST_KEY, "most": webhook.MOST_KEY},
        )
    if kind is Kind.MATRIX and not (
        0 < len(secret) <= MOST_SECRET and secret.isascii() and secret.isprintable() and " " not in secret
    ):
        raise _bad_secret("An access token has 1 to 1,000 printable ASCII characters and no spaces.", 1, MOST_SECRET)
    if kind is Kind.WEBHOOK:
        try:
            webhook.key_of(secret)
        except ValueError:
            detail = "A webhook's secret is `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has it."
            raise _bad_secret(detail, webhook.LEAST_KEY, webhook.MOST_KEY) from None


def _bad_secret(detail: str, least: int, most: int) -> Unprocessable:
    return Unprocessable(detail, code="invalidSecret", pointer="/secret", extra={"least": least, "most": most})


def _checked(events: Sequence[str]) -> tuple[str, ...]:
    if not events:
        raise Unprocessable(
            "Name at least one event to be told of.", code="eventsMissing", pointer="/events", extra={"known": EVENTS}
        )
    for n, event in enumerate(events):
        if event not in EVENTS:
            detail = f"This is no event that is told of. Those are: {', '.join(EVENTS)}."
            raise Unprocessable(detail, code="unknownEvent", pointer=f"/events/{n}", extra={"known": EVENTS})
    return tuple(dict.fromkeys(events))


def switched_off(destination: Destination, at: datetime, by: str | None, problem: str | None = None) -> Destination:
    """The destination, one version on, to which nothing is sent from then on; without `by` it is its own failing."""
    return replace(
        destination, version=destination.version + 1, disabled_at=destination.disabled_at or at, disabled_by=by, problem=problem
    )


def without_segment(destination: Destination) -> Destination:
    """The destination, one version on, once its segment is no more: told of its other events, if it has any."""
    others = tuple(event for event in destination.events if event not in OF_SEGMENTS)
    return replace(destination, version=destination.version + 1, events=others, segment_id=None)


def no_destination() -> NotFound:
    """The same words for another channel's destination as for one that never was."""
    return NotFound("There is no such destination.")
