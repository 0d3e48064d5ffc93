"""SIGTERM from a process's first line on."""

import signal
import sys
from types import FrameType

ENDED = 128 + signal.SIGTERM
"""The exit code of a process that was told to end before there was anything to drain."""


def end_on_sigterm() -> None:
    """End with ENDED on SIGTERM, until `process.serve` takes over.

    To be called before anything that takes long to import. The first process of a container has no default action for a signal:
    without this it works on, and is killed when the grace is over. What it holds open ends as with any error: a transaction is
    rolled back.
    """
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(ENDED)
