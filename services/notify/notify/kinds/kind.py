"""The kinds of destinations: what each is given, and how fast it may be told. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Where notices may go."""

    ROOM = "room"
    SLACK = "slack"
    TEAMS = "teams"
    MATTERMOST = "mattermost"
    MATRIX = "matrix"
    DISCORD = "discord"
    WEBHOOK = "webhook"


SECRET = frozenset({Kind.MATRIX, Kind.WEBHOOK})
"""Those that have one; with the others the address is as good as one."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many at once, and so many seconds from one to the next."""

    at_once: int
    seconds: float = 0.0


def pace(kind: Kind) -> Pace:
    """As each service's own documents allow an incoming webhook."""
    match kind:
        case Kind.SLACK:  # https://docs.slack.dev/apis/web-api/rate-limits: one a second
            return Pace(1, 1.0)
        case Kind.TEAMS:  # https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors: four a second
            return Pace(1, 0.25)
        case Kind.DISCORD:  # thirty a minute for a channel, five in two seconds
            return Pace(1, 2.0)
        case Kind.MATTERMOST:  # ten a second by default
            return Pace(1, 0.1)
        case Kind.MATRIX:  # Synapse's `rc_message`: one in five seconds, ten at once; it says so by 429
            return Pace(1, 0.2)
        case Kind.WEBHOOK | Kind.ROOM:
            return Pace(8)
