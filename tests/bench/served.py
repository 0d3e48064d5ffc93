"""`make bench-segments-served`: what segments do over servers of their own, `ARGS` says which, `N` over how many contacts.

`build`: a new definition over all contacts, beside live events. `sizes`: memory and tables of 100 segments, from a twentieth of
N. `membership`: is this contact in this segment, over HTTP. `feed`: from the answer to an event to the feed, at 1,000 a second.
The processor's time holds on a machine that others use too, waits do not.
"""

import asyncio
import os
import subprocess
import sys

from tests.bench import building, feeding
from tests.bench.measure import machine
from tests.bench.membership import membership
from tests.support.stack import stack_of_this_run

_ROWS = ("build", "sizes", "membership", "feed")


def main(rows: list[str], contacts: int) -> None:
    """The figures, printed as they come."""
    if unknown := set(rows) - set(_ROWS):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(_ROWS)}")
    with stack_of_this_run() as stack:
        stack.servers_up()
        for service in ("segments", "contacts"):
            environment = os.environ | stack.service_env(f"{service}-api")
            subprocess.run([sys.executable, "-m", service, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
        print(f"`make bench-segments-served`, {machine(('asyncpg', 'orjson'))}.\n")
        print("| what | ours | beside | ratio | goal |\n|---|---|---|---|---|", flush=True)
        for name in rows or _ROWS:
            match name:
                case "build":
                    found = asyncio.run(building.build(stack, contacts))
                case "sizes":
                    found = asyncio.run(building.sizes(stack, contacts // 20))
                case "feed":
                    found = asyncio.run(feeding.feed(stack))
                case _:
                    found = [asyncio.run(membership(stack, 20_000)).row()]
            for row in found:
                print(f"| {row.what} | {row.ours} | {row.beside} | {row.ratio} | {row.goal} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:], int(os.environ.get("N") or 100_000))
