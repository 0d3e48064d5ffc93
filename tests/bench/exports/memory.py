"""The most memory that processes had, each for itself, those that end meanwhile too."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

_LOOK_SECONDS = 0.02


def forget_peak(pid: int) -> None:
    """The most that a process has had is counted from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


@contextmanager
def peaks_of(pid: int) -> Iterator[Mapping[int, int]]:
    """The most memory that a process and its children each had, in KiB: a look now and then, for it never sinks."""
    peaks: dict[int, int] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            try:
                process = psutil.Process(pid)
                for each in (process, *process.children()):
                    status = Path(f"/proc/{each.pid}/status").read_text("ascii")
                    peaks[each.pid] = int(status.partition("VmHWM:")[2].split()[0])
            except (psutil.Error, OSError, IndexError):
                continue

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield peaks
    finally:
        over.set()
        watching.join()
