"""PostgreSQL of a local stack: its log archived, a base backup, and back to a moment, as docs/runbooks/restore.md says it."""

import os
import shutil
import signal
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from localstack import postgres
from localstack.account import give, run_to_end, unprivileged
from localstack.stack import Stack
from tests.support.api import eventually

_ARCHIVING = (
    "alter system set archive_mode = 'on'",
    "alter system set archive_command = 'test ! -f {0}/%f && cp %p {0}/part && mv {0}/part {0}/%f'",
)
_RECOVERING = {
    "restore_command": "cp {0}/%f %p", "recovery_target_time": "{1}", "recovery_target_action": "promote", "hot_standby": "off",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Backup:
    """Where the archive of the log and the base backup lie: beside the servers' data, as another machine's disk would."""

    stack: Stack

    @property
    def _archive(self) -> Path:
        return self.stack.home.data / "archive"

    @property
    def _base(self) -> Path:
        return self.stack.home.data / "base" / "backup"

    @property
    def _data(self) -> Path:
        return self.stack.home.data / "postgres"

    async def archive(self) -> None:
        """Archive the log from now on. The server is started anew for it."""
        for folder in (self._archive, self._base.parent):
            folder.mkdir(mode=0o700)
            give(folder)
        connection = await self._superuser()
        for statement in _ARCHIVING:
            await connection.execute(statement.format(self._archive))
        await connection.close()
        pid = self.stack.pid("postgres")
        assert pid is not None, "it runs"
        os.kill(pid, signal.SIGINT)
        await eventually(self._archives, bool, 30)

    async def _archives(self) -> bool:
        if not await postgres.is_ready(self.stack.facts):
            return False
        connection = await self._superuser()
        try:
            mode: str = await connection.fetchval("show archive_mode")
            return mode == "on"
        finally:
            await connection.close()

    def take(self) -> None:
        """A base backup, while everybody writes."""
        command = [
            str(postgres.binaries() / "pg_basebackup"), "--pgdata", str(self._base), "--checkpoint", "fast",
            "--dbname", postgres.dsn(self.stack.facts, database="postgres"),
        ]  # fmt: skip
        said = run_to_end(unprivileged(command, reaches=[self._base.parent, postgres.binaries()]))
        assert said.returncode == 0, said.stderr

    async def moment(self) -> datetime:
        """The moment that is gone back to: now. What the log holds until then is archived."""
        connection = await self._superuser()
        try:
            now: datetime = await connection.fetchval("select clock_timestamp()")
            return now
        finally:
            await connection.close()

    async def archived(self) -> None:
        """Returns when all that the log holds now is archived."""
        connection = await self._superuser()
        try:
            last: str = await connection.fetchval("select pg_walfile_name(pg_switch_wal())")

            async def there() -> bool:
                return (self._archive / last).exists()

            await eventually(there, bool, 30)
        finally:
            await connection.close()

    def restore(self, at: datetime) -> None:
        """Put the base backup in the place of the data; at its next start the server goes on by the archive up to the moment."""
        assert self.stack.pid("postgres") is None, "it is stopped"
        self._data.rename(self._data.with_name("postgres-lost"))
        shutil.copytree(self._base, self._data, copy_function=shutil.copy2)
        with (self._data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            for name, value in _RECOVERING.items():
                settings.write(f"{name} = '{value.format(self._archive, at.isoformat())}'\n")
        (self._data / "recovery.signal").touch()
        for path in (self._data, *self._data.rglob("*")):
            give(path)

    async def restored(self) -> None:
        """Forget what the recovery was told."""
        connection = await self._superuser()
        for name in _RECOVERING:
            await connection.execute(f"alter system reset {name}")
        await connection.close()

    async def _superuser(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(self.stack.postgres_dsn())
