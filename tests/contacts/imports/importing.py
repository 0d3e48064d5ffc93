"""Imports as a test makes them: files sent as forms, a runner with small chunks, and what came of them."""

import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from common.auth import Caller
from common.clock import to_millis
from common.events.contacts import Contact
from common.health import Health
from contacts.imports.handlers import Imports
from contacts.imports.order import KIND
from contacts.imports.runner import Imports as Runner
from contacts.jobs.job import Job
from contacts.keeper import Keeper
from tests.contacts.conftest import World
from tests.contacts.mortal import killed_at, worked_off
from tests.support import tables

BOUNDARY = "----boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
HEADINGS = ["회원번호", "이름", "휴대폰", "profile.point"]
ROWS = [
    ["m1", "하나", "010-1111-1111", "1"],
    ["m2", "둘", "12", "2"],
    ["m3", "셋", "010-3333-3333", "3"],
    ["", "", "", ""],
    ["here", "있던 사람", "", ""],
    ["m1", "하나 다시", "", ""],
    ["m5", "다섯", "", "많이"],
    ["here", "있던 사람", "", ""],
    ["", "번호 없음", "", "8"],
    ["m9", "아홉", "", "9"],
    ["m9", "아홉", "", "9"],
]


def table(*rows: list[Any], headings: list[str] = HEADINGS) -> bytes:
    """A table of these rows; of `ROWS` where none is named."""
    return tables.text([headings, *(rows or ROWS)])


def form(content: bytes, fields: Mapping[str, str]) -> bytes:
    """The body of a form with a file and these fields."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="customers.csv"\r\n\r\n'
    return ("".join(parts) + head).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


async def pieces(body: bytes, size: int = 64) -> AsyncIterator[bytes]:
    """A body as it arrives."""
    for begin in range(0, len(body), size):
        yield body[begin : begin + size]


def id_at(at: datetime) -> UUID:
    """An id (version 7) made at this instant."""
    return UUID(int=to_millis(at) << 80 | 0x7 << 76 | 0b10 << 62 | secrets.randbits(62))


def told(report: list[dict[str, Any]]) -> list[tuple[int, str, str | None]]:
    """A report's rows: number, what became of it, the refusal's code."""
    return [(r["row"], r["status"], r["problem"] and r["problem"]["code"]) for r in report]


class Importing:
    """One channel's imports, with chunks of so many rows."""

    def __init__(self, world: World, channel: str, chunk: int = 3) -> None:
        self.world = world
        self.caller = Caller("kim", channel, frozenset({"*"}))
        self.commands = Imports(world.database, world.files, world.clock, lambda: id_at(world.clock.now()))
        self.runner = Runner(world.database, world.contacts, world.fields, world.files, chunk=chunk)

    async def preview(self, content: bytes, **fields: str) -> dict[str, Any]:
        """How the file would be read."""
        async with self.commands.received(FORM, pieces(form(content, fields))) as upload:
            return await self.commands.preview(self.caller, upload)

    async def send(self, content: bytes, **fields: str) -> UUID:
        """A file on its way into contacts; its import's id."""
        async with self.commands.received(FORM, pieces(form(content, fields))) as upload:
            return UUID((await self.commands.start(self.caller, upload))["id"])

    async def job(self, import_id: UUID) -> Job:
        """The import's job."""
        return (await self.commands.job(self.caller.channel, import_id))[0]

    async def shown(self, import_id: UUID) -> dict[str, Any]:
        """The import as the API shows it."""
        return (await self.commands.job(self.caller.channel, import_id))[1]

    async def killed_at(self, number: int, *, within: bool = False) -> bool:
        """A worker that dies at this piece."""
        return await killed_at(self.world, KIND, self.runner, number, within=within)

    async def work(self) -> None:
        """Workers until nothing is left to do."""
        await worked_off(self.world, KIND, self.runner)

    async def report(self, import_id: UUID) -> list[dict[str, Any]]:
        """What became of each row."""
        return (await self.commands.rows(await self.job(import_id), None, 10_000, None)).items

    async def contacts(self) -> list[Contact]:
        """Everybody in the channel, in the order of making."""
        async with self.world.database.connection() as connection:
            rows = await connection.fetch("select doc from contact where channel = $1 order by id", self.caller.channel)
        return [Contact.of(r["doc"]) for r in rows]

    async def clear_up(self) -> None:
        """Once around of the keeper."""
        await Keeper(self.world.database, self.world.files, self.world.clock, Health({})).clear()


async def a_channel(world: World, channel: str) -> Importing:
    """A channel where one of the rows' members is already."""
    await world.channels.ensure(channel)
    importing = Importing(world, channel)
    await world.contacts.upsert(importing.caller, "here", {"city": "Seoul"}, None)
    return importing
