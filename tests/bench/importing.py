"""Importing measured from outside: seconds from the first byte sent, and by how much the processes' memory grows."""

import asyncio
import csv
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import psutil
from openpyxl import Workbook

from common.postgres import Database
from localstack.stack import Stack
from tests.bench.measure import Row
from tests.bench.serving import process_of, require, within
from tests.support.stack import free_port_base

T = TypeVar("T")

_LONGEST_SECONDS = 3600
HEADINGS = ("회원번호", "이름", "휴대폰", "이메일", "도시", "태그", "profile.point", "profile.joinedAt")


def _customers(count: int) -> Iterable[tuple[object, ...]]:
    for n in range(count):
        yield (
            f"m-{n}",
            f"손님 {n}",
            f"010-{n // 10_000 % 10_000:04}-{n % 10_000:04}",
            f"c{n}@example.com",
            "서울",
            "VIP,단골",
            n,
            "2026-01-02",
        )


def _as_text(count: int, file: Path) -> None:
    with file.open("w", encoding="cp949", newline="") as opened:
        csv.writer(opened).writerows([HEADINGS, *_customers(count)])


def _as_workbook(count: int, file: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADINGS)
    for row in _customers(count):
        sheet.append(row)
    book.save(file)


async def _largest(process: psutil.Process, until: asyncio.Task[T]) -> tuple[T, float]:
    """What the task comes to, and by how many MiB the process's memory grew meanwhile at the most."""
    before = largest = process.memory_info().rss
    while not until.done():
        largest = max(largest, process.memory_info().rss)
        await asyncio.wait([until], timeout=0.02)
    return until.result(), (largest - before) / 2**20


async def _imported(client: httpx.AsyncClient, url: str, file: Path) -> tuple[dict[str, Any], float]:
    """An import brought to its end, and the seconds from the first byte sent."""
    began = time.perf_counter()
    with file.open("rb") as content:
        answer = await client.post(f"{url}/v1/imports", files={"file": (file.name, content)})
    require(answer.status_code == 202, f"202, not {answer.status_code}")
    job: dict[str, Any] = answer.json()
    async with within(_LONGEST_SECONDS, "the import ends"):
        while job["status"] in {"waiting", "running"}:
            await asyncio.sleep(0.1)
            job = (await client.get(f"{url}/v1/imports/{job['id']}")).json()
    return job, time.perf_counter() - began


_AS_MEANT = """
select count(*) from contact c, lateral (select substr(member_id, 3) as n) as row
where channel = $1 and version = 1 and doc ->> 'name' = '손님 ' || n and doc ->> 'email' = 'c' || n || '@example.com'
    and doc ->> 'mobileNumber' = '+8210' || lpad(n, 8, '0') and doc ->> 'city' = '서울' and doc -> 'tags' = '["VIP", "단골"]'
    and doc -> 'profile' = jsonb_build_object('point', n::int, 'joinedAt', '2026-01-01T15:00:00.000Z')
"""


async def imports(stack: Stack) -> list[Row]:
    """A table of new members as text, then the same again as a workbook, which changes nothing."""
    count, channel, base = int(os.environ.get("ROWS", "200000")), f"bench-{uuid4().hex[:8]}", free_port_base()
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='bench')}"}
    rows: list[Row] = []
    async with (
        process_of(stack, base, "contacts", "api") as (url, api),
        process_of(stack, base + 1, "contacts", "worker") as (_, worker),
        httpx.AsyncClient(timeout=300, headers=headers) as client,
        Database.open(stack.service_env("contacts-api")["CONTACTS_POSTGRES"], size=1) as database,
    ):
        with tempfile.TemporaryDirectory() as folder:
            for what, write, outcome in (("CP949 text", _as_text, "made"), ("XLSX", _as_workbook, "unchanged")):
                file = Path(folder) / "table"
                await asyncio.to_thread(write, count, file)
                running = asyncio.create_task(_imported(client, url, file))
                ((job, took), grown), (_, taken) = await asyncio.gather(_largest(worker, running), _largest(api, running))
                require(job["status"] == "done" and job[outcome] == job["total"] == count, f"every row {outcome}, not {job}")
                async with database.transaction() as tx:
                    require(await tx.fetchval(_AS_MEANT, channel) == count, "every contact as its row says")
                    for table_name in ("contact", "event"):
                        found = await tx.fetchval(f"select count(*) from {table_name} where channel = $1", channel)
                        require(found == count, f"one {table_name} per row, not {found}")
                size = file.stat().st_size / 2**20
                ours = (
                    f"{took:.1f} s ({count / took:,.0f} rows/s); memory grew by {grown:.0f} MiB (worker), {taken:.0f} MiB (API)"
                )
                rows.append(
                    Row(f"import of {count:,} rows, {what}, {size:.0f} MiB, each {outcome}; one run", ours, "–", "–", "200 MiB")
                )
        async with database.transaction() as tx:
            await tx.execute("truncate outbox")
    return rows
