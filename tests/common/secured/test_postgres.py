"""PostgreSQL by TLS alone: by the DSN it is said whom to trust, and the server's name is looked at.

The programs of the local stack speak no TLS themselves: before the real server stands what speaks it for them.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from common.errors import Unavailable
from common.postgres import Database, migrate
from common.provision.roles import Login, Place, provide
from localstack.stack import Stack
from tests.support.certificates import Authority, Pair

_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@asynccontextmanager
async def by_tls(dsn: str, pair: Pair) -> AsyncIterator[int]:
    """The port of a server that takes nobody without TLS, and leads to another."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    address = urlsplit(dsn)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            assert await reader.readexactly(8) == _SSL_REQUEST, "asked without TLS"
            writer.write(b"S")
            await writer.start_tls(context)
            back, forth = await asyncio.open_connection(address.hostname, address.port)
            await asyncio.gather(_pass_on(reader, forth), _pass_on(back, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_service_talks_to_it_by_tls_and_to_no_other(
    servers: Stack, authority: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    plain, name = urlsplit(servers.postgres_dsn()), f"secured_{uuid4().hex[:8]}"
    password, theirs = str(plain.password), Authority(tmp_path, "theirs").ca
    async with by_tls(servers.postgres_dsn(), server_pair) as port:

        def dsn(user: str, word: str, *, host: str = "127.0.0.1", ca: Path = authority.ca) -> str:
            return f"postgresql://{user}:{word}@{host}:{port}{plain.path}?sslmode=verify-full&sslrootcert={ca}"

        own, admin = dsn(name, "its-own"), dsn(str(plain.username), password)
        try:
            await provide(admin, plain.path[1:], [Place(name, Login(name, "its-own"))])
            assert await migrate(own, ["common"])
            async with Database.open(own) as database:
                found = await database.row("select current_schema()")
            assert found is not None
            assert tuple(found) == (name,)
            for wrong, words in (
                (dsn(name, "its-own", ca=theirs), "its certificate is not accepted"),
                (dsn(name, "its-own", host="localhost"), "ertificate is not valid for 'localhost'"),
                (dsn(name, "an-other-secret"), "does not take this role: not with this password"),
            ):
                async with Database.open(wrong) as database:
                    with pytest.raises(Unavailable, match=words) as refused:
                        await database.row("select 1")
                assert not [secret for secret in ("an-other-secret", "its-own", password) if secret in refused.value.detail]
        finally:
            connection = await asyncpg.connect(servers.postgres_dsn())
            await connection.execute(f"drop schema {name} cascade; drop owned by {name}; drop role {name}")
            await connection.close()
