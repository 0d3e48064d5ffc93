"""What a contact costs the index: OpenSearch's processor time and the bytes on disk, of long Korean names beside Latin ones."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import httpx
import orjson

from common.events.contacts import Contact, ContactMessage
from common.filters.tree import FieldType
from localstack.stack import Stack
from search.bulk import Entry
from search.document import Slots, document
from search.index import Index
from tests.bench.measure import Row
from tests.bench.people import CHANNEL, NOW, contact_message, people
from tests.bench.serving import require

LONG_NAMES, LENGTH = 8000, 200
WARM = 2000
_SLOTS: Slots = {
    key: (kind, 0)
    for key, kind in {
        "grade": FieldType.STRING, "totalAmount": FieldType.NUMBER, "lastOrderAt": FieldType.DATE,
        "newsletter": FieldType.BOOLEAN, "interests": FieldType.LIST,
    }.items()
}  # fmt: skip
_BATCH = 200  # a node that has just started takes seconds for a thousand long names


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of OpenSearch's processor time, and MiB on disk when all is one segment."""

    seconds: float
    size: float


def syllable(chance: random.Random) -> str:
    """One of Hangul's."""
    return chr(chance.randrange(0xAC00, 0xD7A4))


def letter(chance: random.Random) -> str:
    """One of the small Latin ones."""
    return chr(chance.randrange(ord("a"), ord("z") + 1))


def named(drawn: Callable[[random.Random], str], count: int) -> Iterator[Contact]:
    """So many contacts with long names of such letters, the same each time."""
    chance = random.Random(1)
    for number in range(count):
        name = "".join(drawn(chance) for _ in range(LENGTH))
        first = {"id": f"01900000-0000-7000-8000-{number:012x}", "createdAt": NOW, "updatedAt": NOW, "version": 1}
        yield Contact.of({**first, "name": name})


def ordinary(count: int) -> Iterator[Contact]:
    """The contacts that all searches are measured over."""
    for who in people(count):
        value = contact_message(who).value
        yield ContactMessage.of(orjson.loads(value or b"")).contact


async def processor_seconds(client: httpx.AsyncClient) -> float:
    """How long the node's processors have worked since it was started."""
    (node,) = (await client.get("/_nodes/stats/process")).raise_for_status().json()["nodes"].values()
    used: int = node["process"]["cpu"]["total_in_millis"]
    return used / 1000


async def merged(client: httpx.AsyncClient) -> None:
    """Wait until no index has merged anything for a second; ends the run where that takes longer than two minutes."""
    ends, before, looks = time.monotonic() + 120, -1, 0
    while looks < 2:
        require(time.monotonic() < ends, "the index comes to rest")
        merges = (await client.get("/_stats/merge")).raise_for_status().json()["_all"]["total"]["merges"]
        looks = looks + 1 if (merges["current"], merges["total"]) == (0, before) else 0
        before = merges["total"]
        await asyncio.sleep(0.5)


async def cost(stack: Stack, contacts: Iterable[Contact]) -> Cost:
    """What it costs to write these into an index of their own, with the merges that follow; the index is removed."""
    alias = "bench-cost"
    async with httpx.AsyncClient(base_url=stack.opensearch, timeout=600) as client, Index.open(stack.opensearch, alias) as index:
        await index.create(f"{alias}-000001")
        await merged(client)
        before = await processor_seconds(client)
        each = iter(contacts)
        while some := [Entry(f"{CHANNEL}/{c.id}", 1, document(CHANNEL, c, _SLOTS)) for c in islice(each, _BATCH)]:
            require(await index.write(some) == [], "every document is taken")
        await index.refresh()
        await merged(client)
        used = await processor_seconds(client) - before
        (await client.post(f"/{alias}/_forcemerge", params={"max_num_segments": 1})).raise_for_status()
        told = (await client.get(f"/{alias}/_stats/store")).raise_for_status().json()
        await index.remove(f"{alias}-000001")
    return Cost(used, told["_all"]["primaries"]["store"]["size_in_bytes"] / 2**20)


async def index(stack: Stack, count: int) -> list[Row]:
    """Long names of syllables beside long names of letters, and ordinary contacts.

    Some of each are indexed before anything is measured: of a node that has just started, whatever comes first pays for the
    compiling of its Java too.
    """
    for some in (named(syllable, WARM), named(letter, WARM), ordinary(WARM)):
        await cost(stack, some)
    korean = await cost(stack, named(syllable, LONG_NAMES))
    latin = await cost(stack, named(letter, LONG_NAMES))
    usual = await cost(stack, ordinary(count))

    def figures(found: Cost) -> str:
        return f"{found.seconds:.1f} s of OpenSearch's processors, {found.size:,.0f} MiB"

    what = f"indexing {LONG_NAMES:,} names of {LENGTH} syllables"
    beside = f"{figures(latin)} (the same of {LENGTH} Latin letters)"
    return [
        Row(what, figures(korean), beside, f"{korean.seconds / latin.seconds:.1f} × the time", "–"),
        Row(f"indexing {count:,} contacts", figures(usual), "–", "–", "–"),
    ]
