"""`make drill`: the database is put back to an earlier moment, then a topic is lost; afterwards everything is equal again."""

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient

from common.kafka import create_topics
from common.topics import CONTACTS, FIELDS, named
from localstack.demo import Api
from localstack.stack import Stack, service_settings_for_commands
from tests.drill import compare
from tests.drill.backup import Backup
from tests.support.api import caller, eventually
from tests.support.exporting import asked, ended
from tests.support.stack import stack_of_this_run

CHANNEL = "drill"
N = int(os.environ.get("N") or 3000)
FILTERS: list[dict[str, Any]] = [
    {"key": "profile.purchaseCount", "operator": "gte", "values": [3]},
    {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": 7, "unit": "days"}]},
    {"and": [{"key": "tags", "operator": "hasAny", "values": ["vip"]}, {"key": "member", "operator": "eq", "values": [True]}]},
]


@contextmanager
def step(words: str) -> Iterator[None]:
    """Tell what is done, and how long it took."""
    sys.stdout.write(f"{words} …")
    sys.stdout.flush()
    began = time.monotonic()
    yield
    sys.stdout.write(f" {time.monotonic() - began:.1f} s\n")


def command(stack: Stack, *words: str) -> str:
    """Run one command of a service as an operator does; its last word."""
    settings = service_settings_for_commands(stack.home, stack.facts, words[0])
    done = subprocess.run([sys.executable, "-m", *words], env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.stdout.strip().splitlines() or ["well"])[-1]


async def write(api: Api, numbers: range, count: int) -> dict[str, str]:
    """Upsert these members; the headers of one who has seen it."""
    seen: dict[str, str] = {}
    for begin in range(numbers.start, numbers.stop, 500):
        rows = [
            {
                "memberId": f"m-{n}", "name": f"손님 {n}", "profile": {"purchaseCount": (n + count) % 7},
                "addTags": ["vip"] if (n + count) % 3 == 0 else [],
            }
            for n in range(begin, min(begin + 500, numbers.stop))
        ]  # fmt: skip
        answer = await api.ask("POST", "/v1/contacts/batch", body={"contacts": rows}, headers=seen)
        assert answer.status_code == 200, answer.text
        visits = [{"id": f"v-{n}-{count}", "memberId": f"m-{n}"} for n in range(begin, min(begin + 200, numbers.stop))]
        answer = await api.ask(
            "POST", "/v1/visits", body={"visits": visits}, headers={"Dangol-Position": answer.headers["Dangol-Position"]}
        )
        assert answer.status_code == 202, answer.text
        seen = {"Dangol-Position": answer.headers["Dangol-Position"]}
    return seen


async def segment(api: Api, filter_: dict[str, Any], seen: dict[str, str]) -> str:
    """A new segment of that filter, built."""
    body = {"name": f"segment {filter_.get('key', 'both')}", "filter": filter_}
    made = await api.ask("POST", "/v1/segments", body=body, headers=seen)
    assert made.status_code == 201, made.text
    name = str(made.json()["id"])

    async def status() -> str:
        return str((await api.json("GET", f"/v1/segments/{name}"))["status"])

    await eventually(status, lambda now: now == "live", 60)
    return name


async def download(api: Api, export: str) -> str:
    """What an export's file is, by its hash."""
    answer = await api.ask("POST", f"/v1/exports/{export}/download")
    assert answer.status_code == 200, answer.text
    return hashlib.sha256(answer.content).hexdigest()


async def equal(stack: Stack, api: Api, segments: list[str]) -> None:
    """Raises AssertionError where anything differs."""
    contacts = await compare.search_is_equal(stack, api, CHANNEL)
    members = await compare.segments_are_equal(api, segments)
    said = command(stack, "segments", "verify")
    sys.stdout.write(f" {contacts} contacts and {members} members are equal; `segments verify`: {said};")


async def lose_topics(stack: Stack) -> None:
    """The topics of states are gone with all that they held, and made again, empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    try:
        await admin.delete_topics([CONTACTS, FIELDS])

        async def left() -> set[str]:
            return {CONTACTS, FIELDS} & set(await admin.list_topics())

        await eventually(left, lambda names: not names, 30)
    finally:
        await admin.close()
    await create_topics(stack.kafka, named(CONTACTS, FIELDS))


@dataclass(frozen=True, slots=True)
class Before:
    """What was there at the moment: the segments, who is erased behind it and who changes, an export without the two, its file,
    and one of everybody."""

    segments: list[str]
    victim: dict[str, Any]
    kept: dict[str, Any]
    export: str
    file: str
    of_all: str


@dataclass(frozen=True, slots=True)
class Lost:
    """What came behind the moment: the receipt of the erasure, and the change's answer."""

    receipt: str
    changed: httpx.Response


async def until_the_moment(stack: Stack, api: Api, backup: Backup) -> Before:
    """Contacts, segments and exports, and a base backup while others write."""
    with step(f"{N} contacts, {len(FILTERS)} segments, two exports"):
        await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
        seen = await write(api, range(N), 0)
        segments = [await segment(api, each, seen) for each in FILTERS]
        ids = [(await api.json("GET", f"/v1/contacts/@m-{n}"))["id"] for n in (8, 9, 10)]
        export, of_all = await asked(api, {"contactIds": ids}), await asked(api, {"all": True})
        assert {(await ended(api, each))["status"] for each in (export, of_all)} == {"ready"}
        file = await download(api, export)
    with step("archiving the log, a base backup while others write"):
        await backup.archive()
        writing = asyncio.create_task(write(api, range(N // 2), 1))
        await asyncio.to_thread(backup.take)
        await writing
    with step("writing on"):
        await write(api, range(N // 2, N + 100), 2)
        victim, kept = [await api.json("GET", f"/v1/contacts/@m-{n}") for n in (7, 8)]
    return Before(segments, victim, kept, export, file, of_all)


async def behind_the_moment(stack: Stack, api: Api, backup: Backup, before: Before) -> Lost:
    """What the restore takes away."""
    with step("writing what will be lost: changes, newcomers, a field, an erasure"):
        for n in range(3):
            await write(api, range(N // 3), 3 + n)
        await write(api, range(N + 100, N + 200), 4)
        await api.json("PATCH", f"/v1/contacts/{before.kept['id']}", body={"profile": {"lostField": 1}})
        changed = await api.ask("GET", f"/v1/contacts/{before.kept['id']}")
        gone = await api.ask("DELETE", f"/v1/contacts/{before.victim['id']}")
        await compare.search_is_equal(stack, api, CHANNEL)
        await backup.archived()
    return Lost(gone.json()["receiptId"], changed)


async def put_back(stack: Stack, backup: Backup, moment: datetime) -> None:
    """As the runbook says."""
    with step("everything stops; the database is put back"):
        stack.down()
        backup.restore(moment)
        stack.servers_up()
        await backup.restored()
    with step("contacts restored"):
        sys.stdout.write(f" {command(stack, 'contacts', 'restored')};")
    with step("everything starts"):
        stack.up()
    with step("contacts republish"):
        sys.stdout.write(f" {command(stack, 'contacts', 'republish')};")
    with step("search rebuild"):
        sys.stdout.write(f" {command(stack, 'search', 'rebuild')};")


async def of_then_and_of_now(stack: Stack, api: Api, before: Before, lost: Lost) -> None:
    """Raises AssertionError where what was there is not as it was, or what is written now goes wrong."""
    with step("what is of then, and what is written now"):
        assert await download(api, before.export) == before.file
        withdrawn = await api.ask("POST", f"/v1/exports/{before.of_all}/download")
        assert withdrawn.json()["code"] == "withdrawn", "it holds one who was erased"
        assert (await api.ask("GET", f"/v1/contacts/{before.victim['id']}")).status_code == 410
        assert (await api.json("GET", f"/v1/erasures/{lost.receipt}"))["contactId"] == before.victim["id"]
        kept = f"/v1/contacts/{before.kept['id']}"
        after = await api.ask("GET", kept)
        assert {**after.json(), "version": 0} == {**before.kept, "version": 0}
        assert after.json()["version"] > lost.changed.json()["version"]
        stale = await api.ask("PATCH", kept, body={"name": "x"}, headers={"If-Match": lost.changed.headers["ETag"]})
        assert stale.status_code == 412, stale.text
        seen = await write(api, range(N + 300), 9)
        total = await api.ask("POST", "/v1/search/count", body={}, headers=seen)
        assert total.json()["total"] == len(await compare.truth(stack, CHANNEL))
        await equal(stack, api, before.segments)


async def back_to_a_moment(stack: Stack) -> list[str]:
    """The first half: a restore of the database; answers the segments."""
    backup = Backup(stack)
    async with caller(stack, CHANNEL) as api:
        before = await until_the_moment(stack, api, backup)
        moment = await backup.moment()
        lost = await behind_the_moment(stack, api, backup, before)
    began = time.monotonic()
    await put_back(stack, backup, moment)
    async with caller(stack, CHANNEL) as api:
        with step("comparing"):
            await equal(stack, api, before.segments)
        sys.stdout.write(f"whole again after {time.monotonic() - began:.0f} s\n")
        await of_then_and_of_now(stack, api, before, lost)
    return before.segments


async def without_topics(stack: Stack, segments: list[str]) -> None:
    """The second half: the topics of states are lost."""
    began = time.monotonic()
    with step("contacts.v1 and fields.v1 are lost, and made again"):
        await lose_topics(stack)
    with step("contacts republish"):
        sys.stdout.write(f" {command(stack, 'contacts', 'republish')};")
    with step("search rebuild"):
        sys.stdout.write(f" {command(stack, 'search', 'rebuild')};")
    with step("segments rebuild"):
        sys.stdout.write(f" {command(stack, 'segments', 'rebuild')};")
    async with caller(stack, CHANNEL) as api:
        with step("writing and comparing"):
            seen = await write(api, range(N + 400), 11)
            total = await api.ask("POST", "/v1/search/count", body={}, headers=seen)
            assert total.json()["total"] == len(await compare.truth(stack, CHANNEL))
            await equal(stack, api, segments)
    sys.stdout.write(f"whole again after {time.monotonic() - began:.0f} s\n")


async def main() -> None:
    """Both, on a stack of its own."""
    with stack_of_this_run() as stack:
        with step("a system of its own starts"):
            stack.up()
        segments = await back_to_a_moment(stack)
        await without_topics(stack, segments)
        sys.stdout.write("the drill is done: everything is equal\n")


if __name__ == "__main__":
    asyncio.run(main())
