"""What `prepare` makes on servers that somebody else started: here, the tests' own."""

from pathlib import Path

import asyncpg
import pytest

from localstack.elsewhere import prepare
from localstack.errors import StackError
from localstack.home import ROLES, SERVICES
from localstack.stack import Stack


def environment(stack: Stack) -> dict[str, str]:
    passwords = stack.facts.passwords
    return {f"{role.upper()}_PASSWORD": passwords[role] for role in ("postgres", *ROLES)}


def test_keys_roles_and_topics_are_made_as_often_as_one_likes(servers: Stack, tmp_path: Path) -> None:
    address = servers.env()["DANGOL_PG"].rpartition("@")[2].partition("/")[0]
    for _ in range(2):
        prepare(tmp_path, address, servers.kafka, environment(servers))
    keys = {str(path.relative_to(tmp_path / "keys")) for path in (tmp_path / "keys").rglob("*.json")}
    assert keys == {"exports/manifests.json", *(f"{owner}/token.json" for owner in ("dev", *SERVICES))}
    assert (tmp_path / "public" / "jwks.json").is_file()


async def test_a_role_can_log_in_afterwards(servers: Stack) -> None:
    connection = await asyncpg.connect(servers.postgres_dsn("search"))
    try:
        assert await connection.fetchval("select current_schema()") == "search"
    finally:
        await connection.close()


@pytest.mark.parametrize("password", ["", "it's", "a b", "x;drop"])
def test_a_password_that_is_missing_or_would_need_quoting_is_refused(servers: Stack, tmp_path: Path, password: str) -> None:
    given = environment(servers) | {"NOTIFY_PASSWORD": password}
    with pytest.raises(StackError, match=r"(?i)notify"):
        prepare(tmp_path, "127.0.0.1:1", "127.0.0.1:1", given)
