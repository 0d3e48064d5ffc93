"""The index filled anew while everybody writes and reads: nothing is missed, nobody comes back, a killed rebuild is no harm."""

import asyncio
import random
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Any

import httpx
import orjson
import pytest

from common.events.contacts import Contact
from common.filters import FieldType
from common.topics import CONTACTS
from localstack.demo import Api
from localstack.errors import StackError
from localstack.processes import BY_NAME
from localstack.stack import Stack, service_settings_for_commands
from localstack.status import examine
from localstack.supervision import Supervisor
from search.document import document
from search.layout import QUICK, layout
from tests.support.api import caller, eventually, fresh_channel

PEOPLE = 300


async def begun(stack: Stack) -> Process:
    """`python -m search rebuild`, as an operator starts it."""
    # Lists stay readable for minutes after they were looked at; nobody here waits so long from page to page.
    env = service_settings_for_commands(stack.home, stack.facts, "search") | {"SEARCH_READERS_SECONDS": "3"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "search", "rebuild", env=env, cwd=stack.home.root, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )


async def ended(rebuild: Process) -> str:
    """What it said, when it has done its work."""
    said, errors = await asyncio.wait_for(rebuild.communicate(), 240)
    assert rebuild.returncode == 0, (said[-2000:], errors[-2000:])
    return said.decode()


async def indices(stack: Stack) -> dict[str, bool]:
    """The indices that there are, and whether each stands behind the alias."""
    async with httpx.AsyncClient(base_url=stack.opensearch, timeout=30) as client:
        told: dict[str, Any] = (await client.get("/contacts-*")).raise_for_status().json()
    return {name: "contacts" in about["aliases"] for name, about in told.items()}


async def load(api: Api) -> list[str]:
    rows = [{"memberId": f"m-{n}", "name": f"길동 {n}", "profile": {"step": 0}} for n in range(PEOPLE)]
    answer = await api.json("POST", "/v1/contacts/batch", body={"contacts": rows})
    return [result["id"] for result in answer["results"]]


async def write_on(api: Api, ids: list[str], erased: set[str], stop: asyncio.Event) -> None:
    """Change, add and erase until told to stop, as fast as the answers come."""
    chance = random.Random(7)
    count = 0
    while not stop.is_set():
        count += 1
        some = [n for n in chance.sample(range(PEOPLE), 20) if ids[n] not in erased]
        rows = [{"memberId": f"m-{n}", "name": f"길동 {n} {count}", "profile": {"step": count}} for n in some]
        added = await api.json("POST", "/v1/contacts/batch", body={"contacts": [*rows, {"memberId": f"new-{count}"}]})
        assert [r.get("problem") for r in added["results"]] == [None] * (len(rows) + 1)
        ids.append(added["results"][-1]["id"])
        if count % 3 == 0 and len(erased) < PEOPLE // 2:  # a slow rebuild must not run out of people
            gone = chance.choice([each for each in ids[:PEOPLE] if each not in erased])
            erased.add(gone)
            assert (await api.ask("DELETE", f"/v1/contacts/{gone}")).status_code == 202


async def read_on(api: Api, ids: list[str], stop: asyncio.Event) -> None:
    """One's own write is in one's next search, before the swap, across it and after it; lists are read to their ends."""
    made = 0
    while not stop.is_set():
        made += 1
        written = await api.ask("PUT", f"/v1/contacts/@reader-{made}", body={"city": "Seoul"})
        ids.append(written.json()["id"])
        seen = {"Dangol-Position": written.headers["Dangol-Position"]}
        body: dict[str, Any] = {"filter": {"key": "city", "operator": "eq", "values": ["Seoul"]}, "limit": 10}
        page = (await api.ask("POST", "/v1/search", body=body, headers=seen)).raise_for_status().json()
        assert page["total"] == made
        listed = [item["id"] for item in page["items"]]
        while page["next"] is not None:
            page = await api.json("POST", "/v1/search", body={**body, "cursor": page["next"]})
            listed += [item["id"] for item in page["items"]]
        assert len(set(listed)) == len(listed) == made


async def everyone(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = {}
    body: dict[str, Any] = {"limit": 100}
    while True:
        page = await api.json("POST", "/v1/search", body=body)
        found |= {item["id"]: item for item in page["items"]}
        if page["next"] is None:
            assert page["total"] == len(found)
            return found
        body = {"limit": 100, "cursor": page["next"]}


async def documents(stack: Stack, channel: str, ids: list[str]) -> dict[str, Any]:
    """The whole documents of these contacts."""
    body = {"ids": [f"{channel}/{each}" for each in ids]}
    async with httpx.AsyncClient(base_url=stack.opensearch, timeout=30) as client:
        told = (await client.post("/contacts/_mget", json=body)).raise_for_status().json()
    return {doc["_source"]["id"]: doc["_source"] for doc in told["docs"]}


async def test_while_everybody_writes_and_reads_a_new_index_takes_the_place_of_the_old_and_nothing_is_missed(
    stack: Stack,
) -> None:
    channel = fresh_channel()
    erased: set[str] = set()
    async with caller(stack, channel) as api:
        ids = await load(api)
        (before,) = await indices(stack)
        stop = asyncio.Event()
        busy = [asyncio.create_task(write_on(api, ids, erased, stop)), asyncio.create_task(read_on(api, ids, stop))]
        rebuild = await begun(stack)
        ending = asyncio.create_task(ended(rebuild))
        try:
            await asyncio.wait([ending, *busy], return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            await asyncio.gather(*busy)
            said = await ending
        finally:
            if rebuild.returncode is None:
                rebuild.kill()
                await rebuild.wait()
        ((after, serves),) = (await indices(stack)).items()
        assert serves
        assert after != before
        assert said.splitlines()[-1].endswith(f"in {after}")
        assert "길동" not in said
        assert erased

        truth = {each: await api.json("GET", f"/v1/contacts/{each}") for each in ids if each not in erased}

        async def wrong() -> list[str]:
            found = await everyone(api)
            return sorted(each for each in truth.keys() | found.keys() if found.get(each) != truth.get(each))

        await eventually(wrong, lambda differing: differing == [])
        slots = {"step": (FieldType.NUMBER, 0)}
        expected = {
            each: orjson.loads(document(channel, Contact.of(shown | {"web": None, "mobile": None}), slots))
            for each, shown in truth.items()
        }
        assert await documents(stack, channel, list(truth)) == expected
    async with httpx.AsyncClient(base_url=stack.opensearch, timeout=30) as client:
        for contact_id in erased:
            kept = (await client.get(f"/contacts/_doc/{channel}%2F{contact_id}")).json()
            assert set(kept["_source"]) == {"channel", "id", "version", "deleted", "source"}
            assert kept["_source"]["source"] == {"erased": True}


async def test_a_rebuild_killed_halfway_leaves_what_serves_alone_and_the_next_one_clears_up_after_it(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        ids = await load(api)
        before = await indices(stack)

        async def killed_midway() -> bool:
            rebuild = await begun(stack)
            while rebuild.returncode is None and len(await indices(stack)) == 1:
                await asyncio.sleep(0)
            if rebuild.returncode is None:
                rebuild.kill()
            await rebuild.wait()
            return len(await indices(stack)) == 2

        await eventually(killed_midway, bool, 120)
        left = await indices(stack)
        (serving,) = before
        assert left[serving]

        second, third = await begun(stack), await begun(stack)
        codes = sorted(await asyncio.gather(outcome(second), outcome(third)))
        assert codes in (["Another rebuild is under way", "done"], ["done", "done"])
        ((after, serves),) = (await indices(stack)).items()
        assert serves
        assert after != serving

        async def found() -> set[str]:
            return set(await everyone(api))

        await eventually(found, lambda there: there == set(ids))


async def status(stack: Stack) -> tuple[bool, dict[str, Any]]:
    """Whether all is well, and what `make status` tells."""
    found = await asyncio.to_thread(examine, stack)
    return found.well, found.as_dict()


async def test_into_an_index_of_another_version_nothing_is_written_until_it_is_rebuilt(stack: Stack) -> None:
    consumer = BY_NAME["search-consumer"]
    supervisor = Supervisor(stack.home)
    before = await eventually(lambda: status(stack), lambda told: told[0], 60)
    await asyncio.to_thread(supervisor.stop_process, consumer)
    async with httpx.AsyncClient(base_url=stack.opensearch, timeout=30) as client:
        meta = {"layout": dict(layout()) | {QUICK: "another version's"}}
        (await client.put("/contacts/_mapping", json={"_meta": meta})).raise_for_status()
    await asyncio.to_thread(supervisor.start_processes, [consumer])
    channel = fresh_channel()
    async with caller(stack, channel) as api:
        await api.json("PUT", "/v1/contacts/@waiting", body={"name": "길동"})

        def says_why(told: tuple[bool, dict[str, Any]]) -> bool:
            (process,) = (each for each in told[1]["processes"] if each["name"] == consumer.name)
            return "search rebuild" in process["problems"].get("consumer", "")

        well, told = await eventually(lambda: status(stack), says_why, 60)
        assert not well
        with pytest.raises(StackError, match="RUN='search rebuild'"):
            await asyncio.to_thread(stack.up)
        assert told["lag"]["search"][CONTACTS] >= 1
        assert (await api.json("POST", "/v1/search/count", body={}))["total"] == 0
        # What asks for nothing that this index has otherwise is answered; the quick search would find less, and says so.
        token = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim')}"}
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            refused = await client.post("/v1/search", json={"query": "길동"}, headers=token)
        assert (refused.status_code, refused.json()["code"]) == (503, "otherLayout")
        await ended(await begun(stack))
        await eventually(lambda: api.json("POST", "/v1/search/count", body={}), lambda found: found["total"] == 1)
        asked = await eventually(lambda: api.ask("POST", "/v1/search", body={"query": "ㄱ동"}), lambda told: told.is_success)
        assert asked.json()["total"] == 1
    _, after = await eventually(lambda: status(stack), lambda told: told[0], 60)
    assert after["deadLetters"] == before[1]["deadLetters"]


async def outcome(rebuild: Process) -> str:
    """Done, or why not, in its first words."""
    _, errors = await asyncio.wait_for(rebuild.communicate(), 240)
    return "done" if rebuild.returncode == 0 else errors.decode().partition("The rebuild did not end. ")[2].partition(".")[0]
