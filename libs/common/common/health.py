"""What a process answers about itself: is it moving, may it be sent work, has it started, its figures."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.figures import Figures
from common.telemetry import REGISTRY

Check = Callable[[], Awaitable[None]]
"""Raises where the thing it asks does not answer."""

PATHS = ("/livez", "/readyz", "/startupz", "/metrics")
_CHECK_SECONDS = 3.0
_PATIENCE_SECONDS = 90.0  # longer than any client of a store waits for it: a loop that waits is not one that hangs


class Health:
    """One process's state. A loop calls `beat` when made and each time round; silent for `patience` seconds, it is not alive.

    `figures` are asked for when its metrics are read.
    """

    def __init__(
        self, checks: Mapping[str, Check], *, patience: float = _PATIENCE_SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._checks = dict(checks)
        self._patience = patience
        self._monotonic = monotonic
        self._beats: dict[str, float] = {}
        self._waiting: dict[str, str] = {}
        self._troubles: dict[str, tuple[str, float]] = {}
        self.started = False
        self.draining = False
        self.figures = Figures()

    def beat(self, loop: str) -> None:
        """The loop of this name has just come round."""
        self._beats[loop] = self._monotonic()
        self._waiting.pop(loop, None)

    def wait(self, loop: str, reason: str) -> None:
        """The loop still moves but can't do its work for this reason: alive, not ready."""
        self._beats[loop] = self._monotonic()
        self._waiting[loop] = reason

    def trouble(self, what: str, reason: str, seconds: float) -> None:
        """Some of the work cannot be done for this reason, as far as is known for so long; the loops go on."""
        self._troubles[what] = (reason, self._monotonic() + seconds)

    def well(self, what: str) -> None:
        """That work is done again."""
        self._troubles.pop(what, None)

    def silent(self) -> list[str]:
        """The loops that have stopped moving."""
        now = self._monotonic()
        return sorted(name for name, at in self._beats.items() if now - at > self._patience)

    async def problems(self) -> dict[str, str]:
        """What stands between this process and work, by name; empty when it is ready."""
        now = self._monotonic()
        troubles = {what: reason for what, (reason, until) in self._troubles.items() if until > now}
        found = dict.fromkeys(self.silent(), "does not move") | self._waiting | troubles
        if not self.started:
            found["start"] = "has not finished"
        if self.draining:
            found["stop"] = "is under way"

        asked = {asyncio.ensure_future(check()): name for name, check in self._checks.items()}
        # One that is cancelled is not waited for: a driver takes its time to break off what hangs.
        _, late = await asyncio.wait(asked, timeout=_CHECK_SECONDS) if asked else (None, set[asyncio.Future[None]]())
        for task, name in asked.items():
            if task in late:
                task.cancel()
            error = TimeoutError() if task in late else task.exception()
            if error is not None:
                found[name] = f"does not answer ({type(error).__name__})"
        return found


def routes(health: Health) -> list[Route]:
    """The four health routes."""

    def answer(problems: Mapping[str, str]) -> Response:
        body = {"status": "ok"} if not problems else {"status": "not ok", "problems": problems}
        return Response(orjson.dumps(body), 503 if problems else 200, media_type="application/json")

    async def livez(_: Request) -> Response:
        return answer(dict.fromkeys(health.silent(), "does not move"))

    async def readyz(_: Request) -> Response:
        return answer(await health.problems())

    async def startupz(_: Request) -> Response:
        return answer({} if health.started else {"start": "has not finished"})

    async def metrics(_: Request) -> Response:
        page = await health.figures.page()
        return Response(generate_latest(REGISTRY) + page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route(path, endpoint) for path, endpoint in zip(PATHS, (livez, readyz, startupz, metrics), strict=True)]


def application(health: Health) -> Starlette:
    """For a process without an API of its own."""
    return Starlette(routes=routes(health))
