"""What is left of a text anywhere: in every row of every table (deflated too), in every document of the index, in every file."""

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from common.postgres import Database

_TABLES = """
select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname = any($1::text[]) order by 1, 2
"""
# A row as text shows bytes in hexadecimal, so texts are looked for in that form as well.
_ROWS = 'select count(*) from "{}"."{}" t where exists (select from unnest($1::text[]) w where position(w in t::text) > 0)'

_BYTES = """
select table_schema as schema, table_name as table, column_name as name
from information_schema.columns join information_schema.tables using (table_schema, table_name)
where data_type = 'bytea' and table_type = 'BASE TABLE' and table_schema = any($1::text[])
"""
# A deflated text (RFC 1950) begins with 0x78.
_DEFLATED = """select ctid::text as place, "{0}" as bytes from "{1}"."{2}" where substring("{0}" from 1 for 1) = '\\x78'"""


async def rows_that_hold(database: Database, texts: Sequence[str]) -> dict[str, int]:
    """How many rows of each table of the connection's schema hold any of these texts."""
    async with database.connection() as connection:
        schema = await connection.fetchval("select current_schema()")
        found = await _rows(connection, [schema], texts)
    return {name.partition(".")[2]: count for name, count in found.items()}


async def rows_of_all(dsn: str, schemas: Sequence[str], texts: Sequence[str]) -> dict[str, int]:
    """The same for every table of these schemas, named with its schema."""
    connection = await asyncpg.connect(dsn)
    try:
        return await _rows(connection, schemas, texts)
    finally:
        await connection.close()


async def _rows(connection: Any, schemas: Sequence[str], texts: Sequence[str]) -> dict[str, int]:
    wanted = [*texts, *(text.encode().hex() for text in texts)]
    deflated = await _deflated(connection, schemas, [text.encode() for text in texts])
    found: dict[str, int] = {}
    for table in await connection.fetch(_TABLES, list(schemas)):
        count = await connection.fetchval(_ROWS.format(table["schema"], table["name"]), wanted)
        count += sum(held[:2] == (table["schema"], table["name"]) for held in deflated)
        if count:
            found[f"{table['schema']}.{table['name']}"] = count
    return found


async def _deflated(connection: Any, schemas: Sequence[str], texts: Sequence[bytes]) -> set[tuple[str, str, str]]:
    """Schema, table and place of each row that holds any of these texts deflated, in whatever column."""
    held: set[tuple[str, str, str]] = set()
    for column in await connection.fetch(_BYTES, list(schemas)):
        table = (column["schema"], column["table"])
        for row in await connection.fetch(_DEFLATED.format(column["name"], *table)):
            if any(text in _inflated(row["bytes"]) for text in texts):
                held.add((*table, row["place"]))
    return held


def _inflated(data: bytes) -> bytes:
    """What was deflated; nothing where these bytes were not."""
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


async def documents_that_hold(address: str, texts: Sequence[str]) -> list[str]:
    """The ids of documents that hold any of these texts, in every index."""
    found: list[str] = []
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        await client.post("/_refresh")
        after: list[Any] | None = None
        while True:
            body: dict[str, Any] = {"size": 1000, "sort": [{"id": "asc"}, {"channel": "asc"}]}
            page = (
                await client.post("/contacts*/_search", json=body if after is None else body | {"search_after": after})
            ).json()
            hits = page["hits"]["hits"]
            found += [hit["_id"] for hit in hits if _holds(str(hit["_source"]), texts)]
            if not hits:
                return found
            after = hits[-1]["sort"]


def files_that_hold(folder: Path, texts: Sequence[str]) -> list[Path]:
    """The files under a folder whose bytes hold any of these texts."""
    wanted = [text.encode() for text in texts]
    return [path for path in folder.rglob("*") if path.is_file() and any(text in path.read_bytes() for text in wanted)]


def _holds(text: str, texts: Iterable[str]) -> bool:
    return any(wanted in text for wanted in texts)
