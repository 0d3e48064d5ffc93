"""What servers that run elsewhere, in containers for instance, need before the first service starts: keys, roles, topics."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from common.kafka import create_topics
from localstack.errors import StackError
from localstack.home import ROLES, Home
from localstack.postgres import SUPERUSER, make_roles
from localstack.tokens import make_keys


def prepare(root: Path, postgres: str, kafka: str, environment: Mapping[str, str]) -> None:
    """Make what is missing: signing keys in the folder, roles and a schema per service, the topics; as often as one likes.

    `postgres` and `kafka` are `host:port`. Passwords come from POSTGRES_PASSWORD and <ROLE>_PASSWORD. Raises StackError.
    """
    names = {SUPERUSER: "POSTGRES_PASSWORD"} | {role: f"{role.upper()}_PASSWORD" for role in ROLES}
    if missing := sorted(name for name in names.values() if not environment.get(name)):
        raise StackError(f"Set {', '.join(missing)}.")
    passwords = {role: environment[name] for role, name in names.items()}
    home = Home(root)
    home.make()
    make_keys(home)
    superuser = f"postgresql://{SUPERUSER}:{passwords[SUPERUSER]}@{postgres}"
    asyncio.run(_prepare(f"{superuser}/postgres", passwords, kafka))


async def _prepare(admin: str, passwords: Mapping[str, str], kafka: str) -> None:
    await make_roles(admin, passwords)
    await create_topics(kafka)
