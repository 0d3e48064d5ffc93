"""The supervisor with a quicker eye: as it comes it looks for deaths once a second, and a restart could take over two."""

import sys

from supervisor import poller
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor

_LOOK_SECONDS = 0.1


class QuickPoller(poller.Poller):  # type: ignore[misc]  # supervisor ships no types
    """Returns at least every tenth of a second, so that whatever has died is collected and started again by then."""

    def poll(self, timeout: float) -> tuple[list[int], list[int]]:
        """Wait for input, for `timeout` seconds or less."""
        readable, writable = super().poll(min(timeout, _LOOK_SECONDS))
        return readable, writable


def main(arguments: list[str]) -> None:
    """Run as `supervisord` does with these arguments, without its re-reading of the configuration on SIGHUP."""
    options = ServerOptions()
    options.realize(arguments, doc=__doc__)
    vars(options).update(first=True, test=False)  # as its own main function does
    options.poller = QuickPoller(options)
    Supervisor(options).main()


if __name__ == "__main__":
    main(sys.argv[1:])
