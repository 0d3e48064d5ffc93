"""How long somebody may listen to a stream: until their token ends, or this process is told to stop; then they come again."""

from collections.abc import Callable

from common.auth import Caller
from common.clock import Clock
from common.health import Health

Open = Callable[[], bool]
"""Whether a stream goes on."""


def listening(caller: Caller, health: Health, clock: Clock) -> Open:
    """Asked before each look for what is new."""

    def goes_on() -> bool:
        return not health.draining and (caller.expires is None or clock.now() < caller.expires)

    return goes_on
