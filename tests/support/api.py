"""The gateway as a test uses it: one caller in one channel, and waiting by polling with a deadline."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import uuid4

import httpx

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.documented import check_refusal

T = TypeVar("T")


def fresh_channel() -> str:
    """A channel that no other test knows."""
    return f"t-{uuid4().hex[:16]}"


@asynccontextmanager
async def caller(stack: Stack, channel: str, subject: str = "kim", *permissions: str) -> AsyncIterator[Api]:
    """The gateway as this subject sees it, with these permissions (all, if none is named)."""
    hooks = {"response": [check_refusal]}
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, event_hooks=hooks) as client:
        yield Api(client, stack.token(channel=channel, sub=subject, permissions=list(permissions) or ["*"]))


async def eventually(
    ask: Callable[[], Awaitable[T]], accept: Callable[[T], bool], seconds: float = 30.0, *, every: float = 0.05
) -> T:
    """Ask until the answer is accepted; fails with the last answer after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if accept(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {seconds} s")
        await asyncio.sleep(every)


def kill(stack: Stack, process: str) -> int:
    """Kill -9 a process of the stack; its id."""
    pid = stack.pid(process)
    assert pid is not None, f"{process} has no process"
    os.kill(pid, signal.SIGKILL)
    return pid


async def replaced(stack: Stack, process: str, killed: int, seconds: float = 10.0) -> None:
    """Wait until the supervisor has put another process in the killed one's place."""

    async def current() -> int | None:
        return stack.pid(process)

    await eventually(current, lambda pid: pid not in {None, killed}, seconds)
