"""Paging from the first contact to the last while others write: nobody twice, nobody left out but the erased, in order."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import httpx
import orjson

from common.kafka import Producer
from localstack.stack import Stack
from tests.bench.measure import Row, told
from tests.bench.people import contact_message, erased_message, people, person
from tests.bench.serving import require
from tests.support.api import eventually

LIMIT = 100
PAUSE_SECONDS = 0.1  # between writes of five: one gone, two moved, two new
_STRIDE = 7919


@dataclass(slots=True)
class Written:
    """How many contacts came, moved and went."""

    new: int = 0
    moved: int = 0
    gone: set[int] = field(default_factory=set[int])


async def write(stack: Stack, contacts: int, written: Written) -> None:
    """Somebody new, somebody elsewhere in the order, somebody gone, until cancelled; nobody is touched twice."""
    touched: Iterator[int] = (n * _STRIDE % contacts for n in count())
    async with Producer.open(stack.kafka, client_id="bench-paging") as producer:
        while True:
            erased = next(touched)
            written.gone.add(erased)
            messages = [erased_message(person(erased), 2)]
            for _ in range(2):
                who = person(next(touched))
                messages.append(contact_message(replace(who, sessions=(who.sessions + 25) % 50), 2))
                messages.append(contact_message(person(contacts + written.new)))
                written.new, written.moved = written.new + 1, written.moved + 1
            await producer.send(messages)
            await asyncio.sleep(PAUSE_SECONDS)


async def pages(stack: Stack, client: httpx.AsyncClient, contacts: int) -> Row:
    """Everyone by sessions, the most first, a hundred a page."""
    body: dict[str, object] = {"sort": [{"key": "sessionsCount", "order": "desc"}], "limit": LIMIT}
    shown: list[str] = []
    waits: list[float] = []
    written = Written()
    writing: asyncio.Task[None] | None = None
    began = time.perf_counter()
    try:
        while True:
            asked = time.perf_counter()
            answer = await client.post("/v1/search", content=orjson.dumps(body))
            require(answer.is_success, f"a page answered {answer.status_code}: {answer.text[:300]}")
            page = orjson.loads(answer.content)
            waits.append(time.perf_counter() - asked)
            require(page["total"] == contacts, f"the total stays {contacts:,}, not {page['total']:,}")
            shown += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            body["cursor"] = page["next"]
            if writing is None:
                writing = asyncio.create_task(write(stack, contacts, written))
    finally:
        if writing is not None:
            writing.cancel()
    took = time.perf_counter() - began
    ordered = sorted(people(contacts), key=lambda who: (-who.sessions, who.number))
    there = set(shown)
    missing = {who.number for who in ordered if who.id not in there}
    require(missing <= written.gone, "nobody is missing but the erased")
    expected = [who.id for who in ordered if who.number not in missing]
    require(shown == expected, "everyone once, in the order of the moment of the first page")

    async def total() -> int:
        found: int = orjson.loads((await client.post("/v1/search/count", content=b"{}")).content)["total"]
        return found

    # It did come to the index, and the pages had to hold against it.
    after = contacts + written.new - len(written.gone)
    await eventually(total, lambda found: found == after, 60)
    what = (
        f"paging to the last of {contacts:,} by cursor, {LIMIT} a page, while {written.new:,} come, {written.moved:,} move "
        f"and {len(written.gone):,} are erased"
    )
    return Row(what, f"{took:.0f} s; a page {told(waits, 0.99)}", "–", "–", "nobody twice, nobody missing")
