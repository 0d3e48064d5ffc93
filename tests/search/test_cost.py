"""What a contact costs the index: a long Korean name may take a few times what a Chinese one of that length does."""

import random
from collections.abc import Callable
from uuid import uuid4

import httpx
import psutil

from common.events.contacts import Contact
from localstack.stack import Stack
from search.index import Index
from tests.search.support import contact, entries
from tests.support.api import eventually

LENGTH, NAMES, TURNS = 200, 250, 4
MOST_TIMES = 6.0
"""It is three times: a syllable has an initial and two or three keys besides, of which an ideograph has none.

With the keys made in the index, by regular expressions, it was some fourteen.
"""


def people(channel: str, letter: Callable[[random.Random], str], chance: random.Random) -> list[Contact]:
    names = ("".join(letter(chance) for _ in range(LENGTH)) for _ in range(NAMES))
    return [contact(channel, n, name=name) for n, name in enumerate(names)]


def syllable(chance: random.Random) -> str:
    return chr(chance.randrange(0xAC00, 0xD7A4))


def ideograph(chance: random.Random) -> str:
    """As many different ones as there are syllables, so that both have as many different terms."""
    return chr(chance.randrange(0x4E00, 0x4E00 + 0xD7A4 - 0xAC00))


async def test_a_long_korean_name_costs_the_index_a_few_times_what_a_chinese_one_does(
    servers: Stack, index: Index, alias: str
) -> None:
    chance = random.Random(7)
    seconds: dict[str, list[float]] = {"syllables": [], "ideographs": []}
    process = psutil.Process(servers.pid("opensearch"))

    def used() -> float:
        times = process.cpu_times()
        return times.user + times.system

    async def merges() -> int:
        async with httpx.AsyncClient(base_url=servers.opensearch, timeout=30) as client:
            told = (await client.get(f"/{alias}/_stats/merge")).json()
        return int(told["_all"]["total"]["merges"]["current"])

    for _ in range(TURNS):
        for kind, letter in (("syllables", syllable), ("ideographs", ideograph)):
            channel = f"cost-{uuid4().hex[:12]}"
            written = entries(channel, people(channel, letter, chance))
            before = used()
            assert await index.write(written) == []
            await index.refresh()
            await eventually(merges, lambda running: running == 0)  # what a turn leaves to be merged would count in the next
            seconds[kind].append(used() - before)
    # The least of each: what else the node does meanwhile can only add to it.
    assert min(seconds["syllables"]) < MOST_TIMES * min(seconds["ideographs"]), seconds
