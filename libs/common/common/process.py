"""One process from start to stop: its port, its loops, and a drain on SIGTERM."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any

import structlog
import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp

from common import telemetry
from common.errors import BadSettings
from common.health import Health
from common.telemetry import log

DRAIN_SECONDS = 10

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Works until the event is set, then finishes what it holds and returns."""


_BACKLOG = 2048
_COLLECTED_AFTER = 50_000, 20, 50
"""Objects made and kept, before the youngest, and how often those before the older are looked through for circles."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`, which drains the loops as well."""
        yield


async def serve(
    app: ASGIApp, host: str, port: int, health: Health, loops: Sequence[Loop] = (), *, trusted_proxies: str = ""
) -> None:
    """Answer on host:port and run the loops until SIGTERM or SIGINT, then drain within DRAIN_SECONDS.

    A scope's `client` is whoever connected; where that is one of `trusted_proxies` (addresses and networks, with commas between
    them), it is the last one in `X-Forwarded-For` that is none of them.

    A loop that raises or returns before it was told to stop ends the process with that error: the platform starts it again.
    So does an address that cannot be had, before any loop has begun.
    """
    collect_seldom()
    listening = _listen(host, port)
    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, stop.set)
    server = _Server(_answering(app, host, port, trusted_proxies))
    serving = asyncio.create_task(server.serve(listening))
    tasks = [asyncio.ensure_future(loop(stop)) for loop in loops]
    stopping = asyncio.create_task(stop.wait())
    health.started = True
    log.info("started", host=host, port=port)
    await asyncio.wait([serving, stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    asked = stop.is_set()
    health.draining = True
    stop.set()
    server.should_exit = True
    _, late = await asyncio.wait([serving, *tasks], timeout=DRAIN_SECONDS + 2)
    for task in late:
        task.cancel()
    results = await asyncio.gather(serving, *tasks, return_exceptions=True)
    failed = [r for r in results if isinstance(r, BaseException) and not isinstance(r, asyncio.CancelledError)]
    for error in failed:
        log.error("a loop failed", exc_info=error)
    log.info("stopped", asked=asked)
    if failed or not asked:
        raise SystemExit(1)


def _answering(app: ASGIApp, host: str, port: int, trusted_proxies: str) -> uvicorn.Config:
    return uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, server_header=False, lifespan="off",
        timeout_graceful_shutdown=DRAIN_SECONDS, http="httptools", loop="none", backlog=_BACKLOG,
        h11_max_incomplete_event_size=64 * 1024, proxy_headers=bool(trusted_proxies), forwarded_allow_ips=trusted_proxies,
    )  # fmt: skip


def collect_seldom() -> None:
    """Look for circles of garbage less often than Python does, and never among what a process has loaded to begin with.

    A batch makes thousands of objects that live until its end and are in no circle: by Python's own measure a quarter of a
    worker's time goes into looking through them, and through all that was imported, again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)


def _listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on each address of the host; ends the process, telling why, where one cannot be had."""
    made: list[socket.socket] = []
    try:
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
            made.append(socket.create_server(address, family=family, backlog=_BACKLOG))
    except OSError as error:
        for each in made:
            each.close()
        log.error("cannot listen", host=host, port=port, reason=error.strerror)
        raise SystemExit(1) from None
    return made


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's main coroutine on uvloop."""
    import uvloop

    try:
        uvloop.run(main)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the end of the process: a traceback of Python's own would quote the data
        if isinstance(error, BadSettings) or (isinstance(error, ValidationError) and error.title == "Settings"):
            sys.exit(f"The settings cannot be used. {error}")  # it names settings, and no value
        if not structlog.is_configured():  # what logs by itself until then shows every variable on the way, secrets too
            telemetry.configure("dangol", "start")
        log.error("the process failed", exc_info=error)
        sys.exit(1)
