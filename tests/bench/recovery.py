"""How long until what was killed with -9 works again: `make bench-recovery` (ARGS='consumer postgres opensearch all')."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable

import httpx

from localstack.processes import BY_NAME, PROCESSES, SERVICE_PROCESSES, WATCHDOG
from localstack.stack import Stack
from tests.support.api import eventually, fresh_channel
from tests.support.stack import stack_of_this_run

ROUNDS = int(os.environ.get("ROUNDS") or 1)
_PATIENCE = 120.0
_LOAD_SECONDS = 20.0
_REPLAYED = re.compile(r"redo done at .*elapsed: ([0-9.]+ s)")


class Asker:
    """One manager who tries again at once, and takes no refusal for an answer."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {stack.token(channel=fresh_channel(), sub='kim')}"}
        self._number = 0

    async def _done(self, method: str, path: str, body: object, headers: dict[str, str]) -> httpx.Response | None:
        try:
            answer = await self._client.request(method, path, json=body, headers=self._headers | headers)
        except httpx.TransportError:
            return None
        return answer if answer.is_success else None

    async def write(self) -> dict[str, str]:
        """Change somebody; the headers of one who has seen it."""
        self._number += 1
        body = {"profile": {"number": self._number}}
        answer = await eventually(
            lambda: self._done("PUT", "/v1/contacts/@one", body, {}), lambda done: done is not None, _PATIENCE
        )
        assert answer is not None
        return {"Dangol-Position": answer.headers["Dangol-Position"]}

    async def find(self, seen: dict[str, str]) -> None:
        """Returns when a search sees it."""
        await eventually(lambda: self._done("POST", "/v1/search", {"limit": 1}, seen), lambda done: done is not None, _PATIENCE)

    async def load(self, seconds: float) -> None:
        """Write as fast as one can, in batches of a thousand."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._number += 1
            rows = [{"memberId": f"m-{n}", "profile": {"number": self._number, "words": "x" * 200}} for n in range(1000)]
            await self._done("POST", "/v1/contacts/batch", {"contacts": rows}, {})

    async def segments(self, seen: dict[str, str]) -> None:
        """Returns when segments sees it."""
        await eventually(lambda: self._done("GET", "/v1/segments", None, seen), lambda done: done is not None, _PATIENCE)


async def ready(stack: Stack) -> None:
    """Returns when every process says that it can work."""
    async with httpx.AsyncClient(timeout=2) as client:
        for process in SERVICE_PROCESSES:

            async def well(name: str = process.name) -> bool:
                try:
                    return (await client.get(f"{stack.health(name)}/readyz")).is_success
                except httpx.TransportError:
                    return False

            await eventually(well, bool, _PATIENCE)


def kill(stack: Stack, *names: str) -> None:
    """Kill -9 them all at once."""
    for pid in [stack.pid(name) for name in names]:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


async def measured(stack: Stack, asker: Asker, names: list[str], again: Callable[[dict[str, str]], Awaitable[None]]) -> None:
    """Kill them, and tell how long it takes until a write is taken, and until what is asked of it is answered."""
    for _ in range(ROUNDS):
        await again(await asker.write())
        await ready(stack)
        began = time.monotonic()
        kill(stack, *names)
        seen = await asker.write()
        written = time.monotonic() - began
        await again(seen)
        shown = ", ".join(names) if len(names) < 4 else f"all {len(names)} processes"
        sys.stdout.write(f"{shown}: written after {written:.1f} s, seen after {time.monotonic() - began:.1f} s\n")
        sys.stdout.flush()


async def main(wanted: set[str]) -> None:
    """What is wanted, one after the other, on a stack of its own."""
    with stack_of_this_run() as stack:
        stack.up()
        async with httpx.AsyncClient(base_url=stack.url, timeout=10) as client:
            asker = Asker(stack, client)

            async def whole(seen: dict[str, str]) -> None:
                await asyncio.gather(asker.find(seen), asker.segments(seen), ready(stack))

            if "consumer" in wanted:
                await measured(stack, asker, ["search-consumer"], asker.find)
                await measured(stack, asker, ["segments-consumer"], asker.segments)
            if "postgres" in wanted:
                await asker.load(_LOAD_SECONDS)
                await measured(stack, asker, ["postgres"], asker.find)
                sys.stdout.write(
                    f"    its log replayed: {_REPLAYED.findall(stack.home.log_file('postgres').read_text('utf-8'))[-1]}\n"
                )
            if "opensearch" in wanted:
                await measured(stack, asker, ["opensearch"], asker.find)
            if "all" in wanted:
                await measured(stack, asker, [p.name for p in PROCESSES if p != WATCHDOG and p.name in BY_NAME], whole)


if __name__ == "__main__":
    asyncio.run(main(set(sys.argv[1:]) or {"consumer", "postgres", "opensearch", "all"}))
