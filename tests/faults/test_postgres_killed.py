"""PostgreSQL killed with -9 in the middle of a load: whoever asks is told to try again, and what was answered is there."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from localstack.demo import Api
from localstack.stack import Stack
from tests.faults.test_kills import changes, everyone
from tests.support.api import eventually, fresh_channel, kill, replaced

SENDERS, EACH = 4, 50
MEMBERS = SENDERS * EACH
ROUNDS = 6
LAST = {"key": "profile.purchaseCount", "operator": "eq", "values": [ROUNDS]}


@asynccontextmanager
async def watched(stack: Stack, statuses: Counter[int]) -> AsyncIterator[Api]:
    """A manager that asks again where it is told to; every answer is counted by its status."""

    async def count(response: httpx.Response) -> None:
        statuses[response.status_code] += 1

    async with httpx.AsyncClient(base_url=stack.url, timeout=60, event_hooks={"response": [count]}) as client:
        yield Api(client, stack.token(channel=fresh_channel(), sub="kim"))


async def send(api: Api, sender: int, done: Counter[int]) -> None:
    """The same members in each round: their new values, then a visit and a purchase of each."""
    members = [f"m-{sender}-{n}" for n in range(EACH)]
    for number in range(1, ROUNDS + 1):
        rows = [{"memberId": m, "profile": {"purchaseCount": number}} for m in members]
        answer = await api.json("POST", "/v1/contacts/batch", body={"contacts": rows})
        assert [r.get("problem") for r in answer["results"]] == [None] * EACH
        at = f"2026-01-01T{number:02d}:00:00.000Z"
        visits = [{"id": f"{m}-{number}-{name}", "memberId": m, "name": name, "at": at}
                  for m in members for name in ("visit", "purchase")]  # fmt: skip
        taken = await api.json("POST", "/v1/visits", body={"visits": visits})
        assert (taken["accepted"] + taken["duplicates"], taken["rejected"]) == (2 * EACH, [])
        done[number] += 1


async def test_postgres_killed_during_a_load_comes_back_and_the_counts_are_right(stack: Stack) -> None:
    statuses: Counter[int] = Counter()
    async with watched(stack, statuses) as api:
        field = await api.ask("POST", "/v1/fields", body={"key": "profile.purchaseCount"})
        seen = {"Dangol-Position": field.headers["Dangol-Position"]}
        segment = (await api.ask("POST", "/v1/segments", body={"name": "all rounds", "filter": LAST}, headers=seen)).json()["id"]
        done: Counter[int] = Counter()
        loading = [asyncio.create_task(send(api, sender, done)) for sender in range(SENDERS)]
        for number in (1, 3):

            async def reached(wanted: int = number) -> int:
                return done[wanted]

            await eventually(reached, bool, 120)
            await replaced(stack, "postgres", kill(stack, "postgres"))
        await asyncio.gather(*loading)
        assert statuses[503] > 0
        assert set(statuses) <= {200, 201, 202, 503}

        async def found() -> int:
            answer = await api.ask("POST", "/v1/search", body={"filter": LAST}, headers=seen)
            total: int = answer.json()["total"]
            return total

        async def size() -> int:
            count: int = (await api.json("GET", f"/v1/segments/{segment}"))["count"]
            return count

        await eventually(found, lambda total: total == MEMBERS, 60)
        await eventually(size, lambda count: count == MEMBERS, 60)
        expected = {(f"m-{sender}-{n}", 2 * ROUNDS, ROUNDS) for sender in range(SENDERS) for n in range(EACH)}

        async def states() -> set[tuple[str, int, int]]:
            return {(c["memberId"], c["version"], c["sessionsCount"]) for c in await everyone(api)}

        await eventually(states, lambda now: now == expected, 60)
        for sender in range(SENDERS):
            path = f"/v1/contacts/@m-{sender}-0"
            assert len((await api.json("GET", f"{path}/visits"))["items"]) == 2 * ROUNDS
            assert len((await api.json("GET", f"{path}/history"))["items"]) == 2 * ROUNDS
        assert set(statuses) <= {200, 201, 202, 503}
        told = await changes(api, segment)
        assert Counter((c["contactId"], c["change"]) for c in told) == Counter((c["id"], "entered") for c in await everyone(api))
