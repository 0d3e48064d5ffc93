"""How long somebody may listen to a stream: until their token ends, or this process is told to stop; then they come again."""

from collections.abc import Callable
from dataclasses import dataclass

from common.auth import Caller
from common.clock import Clock
from common.health import Health

Open = Callable[[], bool]
"""Whether a stream goes on."""


@dataclass(frozen=True, slots=True)
class Listening:
    """This process, and the clock by which tokens end."""

    health: Health
    clock: Clock

    def of(self, caller: Caller) -> Open:
        """Asked before each look for what is new."""

        def goes_on() -> bool:
            return not self.health.draining and (caller.expires is None or self.clock.now() < caller.expires)

        return goes_on
