"""A fair share for everybody: how many requests a channel and a token may send this process, counted in its memory alone."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from common.caller import Caller
from common.errors import TooManyRequests

BURST_SECONDS = 10.0
"""Who was quiet may send so many seconds' worth at once."""
MOST_COUNTED = 20_000
"""So many channels, and so many tokens, are counted at a time: of more, those that were quiet for longest begin anew."""

_SERVICES, _BROWSERS = "service:", "browser:"

Key: TypeAlias = str | tuple[str, str]


class Shares:
    """One limit for each key: `per_second` on average, and BURST_SECONDS' worth at once.

    What is kept of a key is the moment at which it will have all of its share again (the generic cell rate algorithm).
    """

    def __init__(self, per_second: float, *, most: int = MOST_COUNTED) -> None:
        self._each = 1 / per_second
        self._burst = max(BURST_SECONDS, self._each)
        self._most = most
        self._whole_at: OrderedDict[Key, float] = OrderedDict()

    def wait(self, key: Key, now: float) -> float:
        """Seconds until this key may send one more; 0 where it may now."""
        whole = max(self._whole_at.get(key, now), now) + self._each
        # A share that fills up in steps must not be missed by what a float leaves out.
        return left if (left := whole - now - self._burst) > 1e-9 else 0.0

    def take(self, key: Key, now: float) -> None:
        """Count one more of this key."""
        self._whole_at[key] = max(self._whole_at.pop(key, now), now) + self._each
        if len(self._whole_at) > self._most:
            self._whole_at.popitem(last=False)


class FairUse:
    """The limits of a process, in requests a second; None for no limit. Services' calls of each other count for nobody.

    All of a subject's tokens in a channel are one. A browser key stands for everybody who visits a page, so of it only its
    channel's share is taken.
    """

    def __init__(
        self, per_channel: float | None, per_token: float | None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._channels = None if per_channel is None else Shares(per_channel)
        self._tokens = None if per_token is None else Shares(per_token)
        self._monotonic = monotonic

    def admit(self, who: Caller) -> None:
        """Count one request. Raises TooManyRequests, which itself counts for nothing."""
        if who.subject.startswith(_SERVICES):
            return
        now, token = self._monotonic(), (who.channel, who.subject)
        channels = self._channels
        tokens = None if who.subject.startswith(_BROWSERS) else self._tokens
        if tokens is not None and (left := tokens.wait(token, now)):
            raise _too_many("You send more requests than one may. Wait, and send them more slowly.", left, "token")
        if channels is not None and (left := channels.wait(who.channel, now)):
            raise _too_many("Your channel sends more requests than one may. Wait, and send them more slowly.", left, "channel")
        if tokens is not None:
            tokens.take(token, now)
        if channels is not None:
            channels.take(who.channel, now)


UNLIMITED = FairUse(None, None)


def _too_many(words: str, left: float, whose: str) -> TooManyRequests:
    return TooManyRequests(words, math.ceil(left), code="fairUse", extra={"limit": whose})
