"""Is this contact in this segment, asked many times, of one process of segments over HTTP."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import psutil

from common.clock import to_millis, to_wire
from common.ids import new_id
from common.postgres import Database
from localstack.stack import Stack
from tests.bench.measure import Row
from tests.bench.processes import serving
from tests.bench.serving import require
from tests.support.api import fresh_channel

_CONTACTS, _AT_ONCE, _WARM = 10_000, 16, 500
_PROFILE = {f"key{n}": f"the value of key {n}" for n in range(20)}


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests a second as they were, the process's own processor time of one (µs), and waits (ms)."""

    rate: float
    cpu: float
    p50: float
    p99: float

    def row(self) -> Row:
        """For a table: what one process could answer if it had a processor of its own, and what was seen."""
        ours = f"{self.cpu:,.0f} µs of processor each, so {1e6 / self.cpu:,.0f}/s a process"
        seen = f"seen {self.rate:,.0f}/s, p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms"
        return Row("membership of one contact, HTTP, 16 connections", f"{ours}; {seen}", "–", "–", "1,000/s, p99 20 ms")


async def membership(stack: Stack, requests: int) -> Figures:
    """One process, so many connections that ask one after the other, each for another contact."""
    channel = fresh_channel()
    async with Database.open(stack.postgres_dsn("segments")) as database:
        segment, contacts = await _fill(database, channel)
    async with serving(stack, "segments-api") as running:
        url, pid = running["segments-api"]
        host, _, port = url.removeprefix("http://").partition(":")
        head = f" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stack.token(channel=channel, sub='kim')}\r\n\r\n"
        asked = [f"GET /v1/segments/{segment}/members/{contact}{head}".encode() for contact in contacts]
        await _ask(host, int(port), asked[:_WARM])
        process = psutil.Process(pid)
        before, began = process.cpu_times(), time.perf_counter()
        each = [[asked[(n * 7919) % len(asked)] for n in range(k, requests, _AT_ONCE)] for k in range(_AT_ONCE)]
        answered = await asyncio.gather(*(_ask(host, int(port), share) for share in each))
        waits = sorted(wait for share in answered for wait in share)
        seconds, after = time.perf_counter() - began, process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return Figures(requests / seconds, used / requests * 1e6, 1e3 * waits[len(waits) // 2], 1e3 * waits[len(waits) * 99 // 100])


async def _ask(host: str, port: int, requests: list[bytes]) -> list[float]:
    """The waits, one request after the other over one connection."""
    reader, writer = await asyncio.open_connection(host, port)
    waits: list[float] = []
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        require(answer.startswith(b"HTTP/1.1 200"), f"an answer is {answer[:40]!r}")
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = orjson.loads(await reader.readexactly(length))
        require(body["member"] is True and body["nextChangeAt"] is not None, f"an answer is {body}")
        waits.append(time.perf_counter() - began)
    writer.close()
    return waits


async def _fill(database: Database, channel: str) -> tuple[UUID, list[UUID]]:
    """Everyone seen today, and a segment of who was seen within 7 days, as a build leaves it."""
    segment, contacts, now = new_id(), [new_id() for _ in range(_CONTACTS)], datetime.now(UTC)
    seen, at = now - timedelta(hours=1), to_millis(now)
    doc = {"name": "김단골", "lastSeenAt": to_wire(seen), "profile": _PROFILE}
    raw = {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": 7, "unit": "days"}]}
    async with database.transaction() as tx:
        await tx.execute("insert into channel (channel, revision) values ($1, 1)", channel)
        await tx.execute(
            "insert into segment (channel, id, name, filter, definition_version, status, build, since_ms, version, whole,"
            " created_at, created_by) values ($1, $2, 's', $3, 1, 'live', 1, $4, 1, true, now(), 'kim')",
            channel, segment, raw, at,
        )  # fmt: skip
        await tx.execute("insert into tally (channel, segment_id, members) values ($1, $2, $3)", channel, segment, _CONTACTS)
        await tx.execute(
            "insert into contact (channel, id, version, at_ms, doc) select $1, id, 1, $3, $4 from unnest($2::uuid[]) as id",
            channel, contacts, at, orjson.dumps(doc),
        )  # fmt: skip
        await tx.execute(
            "insert into membership (channel, segment_id, contact_id, member, since_ms, settled_ms, build)"
            " select $1, $2, id, true, $4, $4, 1 from unnest($3::uuid[]) as id", channel, segment, contacts, at,
        )  # fmt: skip
    return segment, contacts
