"""What `make status` tells programs: all is well once everything is read, and not while a reader is down and something waits."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from common.topics import CONTACTS, READS
from localstack.home import SERVICES
from localstack.processes import BY_NAME, GATEWAY, SERVERS, SERVICE_PROCESSES
from localstack.stack import Stack
from localstack.status import Kept, Status, as_text
from localstack.supervision import Supervisor
from tests.support.api import caller, eventually, fresh_channel

READER = "search-consumer"


@dataclass(frozen=True, slots=True)
class Told:
    """One answer: the exit status, and what was printed."""

    code: int
    said: dict[str, Any]

    @property
    def ready(self) -> set[str]:
        return {p["name"] for p in self.said["processes"] if p["ready"]}


async def status(stack: Stack) -> Told:
    command = [sys.executable, "-m", "localstack", "--home", str(stack.home.root), "status", "--format", "json"]
    answer = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    return Told(answer.returncode, json.loads(answer.stdout))


async def visit(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        answer = await api.json("POST", "/v1/visits", body={"visits": [{"id": "1", "memberId": "m"}]})
    assert answer["accepted"] == 1


async def test_when_a_visit_has_reached_every_reader_all_is_well_and_the_status_is_0(stack: Stack) -> None:
    await visit(stack)
    told = await eventually(lambda: status(stack), lambda found: found.code == 0, seconds=60)
    assert told.said["well"] is True
    assert told.ready == {p.name for p in (*SERVERS, *SERVICE_PROCESSES, GATEWAY)}
    assert set(told.said["lag"]) == READS.keys()
    assert not any(n for topics in told.said["lag"].values() for n in topics.values())
    assert told.said["outbox"].keys() <= set(SERVICES)
    assert not any(told.said["outbox"].values())
    assert told.said["outboxKept"].keys() == told.said["outbox"].keys()
    assert all(kept["bytes"] > 0 for kept in told.said["outboxKept"].values())
    assert set(told.said["deadLetters"]) == {f"{group}.dlq" for group in READS}


async def test_while_a_reader_is_down_and_a_visit_waits_for_it_the_status_is_1(stack: Stack) -> None:
    await asyncio.to_thread(Supervisor(stack.home).stop_process, BY_NAME[READER])
    try:
        await visit(stack)
        told = await eventually(lambda: status(stack), lambda found: bool(found.said["lag"]["search"][CONTACTS]))
        assert (told.code, told.said["well"]) == (1, False)
        assert READER not in told.ready
        assert next(p["up"] for p in told.said["processes"] if p["name"] == READER) is False
    finally:
        await asyncio.to_thread(stack.up)
    back = await eventually(lambda: status(stack), lambda found: found.code == 0, seconds=60)
    assert (back.said["well"], READER in back.ready) == (True, True)


def test_people_are_told_who_holds_an_outbox_for_long_and_nothing_of_a_moment() -> None:
    kept = {"contacts": Kept(10_000_000_000, 3600, 77, "pg_dump"), "exports": Kept(81_920, 2, 78, "exports-api"),
            "segments": Kept(1_000_000, 90, None, "a prepared transaction")}  # fmt: skip
    lines = as_text(Status((), {}, {}, kept, {}, {})).splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.split()[:1] and line.split()[0] in kept] == [
        "10,000.0 MB; it grows, and is emptied when a transaction ends that holds it for 3,600 s (pg_dump, pid 77)",
        "0.1 MB",
        "1.0 MB; it grows, and is emptied when a transaction ends that holds it for 90 s (a prepared transaction)",
    ]
