"""Nothing of a file's password, and no contact's data in the clear, is left in any table, topic, log or file of exports."""

import base64
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel
from tests.support.exporting import ended, request

STRONG, WEAK = "Qz7#unmistakable", "Vx8unmistakableWeak"
NAME, PHONE = "제갈비밀스러움", "+821055667788"


def writings(text: str) -> list[bytes]:
    """The ways in which a text may lie in a file: as it is, as Excel hashes it, and both in hexadecimal and base64."""
    raw = [text.encode(), text.encode("utf-16-le")]
    return [*raw, *(r.hex().encode() for r in raw), *(base64.b64encode(r).rstrip(b"=")[:-1] for r in raw)]


def holding(folder: Path, wanted: list[bytes]) -> Iterator[str]:
    """The files under a folder that hold any of these bytes, but Kafka's indexes, which hold numbers and much padding."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in {".index", ".timeindex"}:
            content = path.read_bytes()
            if any(each in content for each in wanted):
                yield str(path)


async def rows_with(dsn: str, schema: str | None, wanted: list[bytes]) -> list[str]:
    """The tables, of one schema or of all, that hold any of these texts."""
    found: list[str] = []
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
            " and ($1::text is null or schemaname = $1) and schemaname not like 'test\\_%'",
            schema,
        )
        for table in tables:
            name = f'"{table["schemaname"]}"."{table["tablename"]}"'
            for each in wanted:
                # A row as text shows bytes in hexadecimal, which is among the writings.
                count = await connection.fetchval(f"select count(*) from {name} t where strpos(t::text, $1) > 0", each.decode())
                if count:
                    found.append(name)
    finally:
        await connection.close()
    return found


async def test_nothing_of_a_password_is_left_anywhere(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        await api.json("PUT", "/v1/contacts/@m", body={"name": NAME, "mobileNumber": PHONE})
        weak = await api.ask("POST", "/v1/exports", body=request({"all": True}, password=WEAK), headers={"Idempotency-Key": "k"})
        assert weak.status_code == 422
        misplaced = await api.ask("POST", "/v1/exports", body=request({"all": True}, password=[STRONG]))
        assert misplaced.status_code == 422
        body = request({"all": True}, password=STRONG)
        accepted = await api.ask("POST", "/v1/exports", body=body, headers={"Idempotency-Key": "k"})
        assert accepted.status_code == 202
        late = await api.ask("POST", "/v1/exports", body=body)
        assert late.status_code == 429
        answers = weak.text + misplaced.text + accepted.text + late.text
        assert STRONG not in answers
        assert WEAK not in answers
        export_id = accepted.json()["id"]
        assert (await ended(api, export_id))["status"] == "ready"
        assert (await api.ask("POST", f"/v1/exports/{export_id}/download")).status_code == 200

        async def told() -> int:
            return len((await api.json("GET", "/v1/rooms/me/messages"))["items"])

        await eventually(told, lambda count: count == 1)  # all topics have their messages by then

    secrets = [w for text in (STRONG, WEAK) for w in writings(text)]
    tables = [w for w in secrets if w.isascii() and b"\0" not in w]
    assert await rows_with(stack.postgres_dsn(), None, tables) == []
    home = stack.home
    for folder in (home.logs, home.data / "exports", home.data / "kafka", home.conf, home.specs):
        assert list(holding(folder, secrets)) == []
    # What is there is found by the same means.
    assert await rows_with(stack.postgres_dsn(), "exports", [b"a greeting"])
    assert list(holding(home.data / "kafka", [export_id.encode()]))
    assert list(holding(home.logs, [export_id.encode()]))


async def test_a_contacts_data_is_in_the_clear_in_no_file_log_or_table_of_exports(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        await api.json("PUT", "/v1/contacts/@m", body={"name": NAME, "mobileNumber": PHONE, "email": "jegal@example.com"})
        accepted = await api.ask("POST", "/v1/exports", body=request({"all": True}))
        assert (await ended(api, accepted.json()["id"]))["status"] == "ready"
    texts = [text.encode() for text in (NAME, PHONE[1:], "jegal@example.com")]
    assert list(holding(stack.home.data / "exports", texts)) == []
    assert list(holding(stack.home.logs, texts)) == []
    for schema in ("exports", "notify"):
        assert await rows_with(stack.postgres_dsn(), schema, texts) == []
