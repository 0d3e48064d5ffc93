"""The epoch that the database is in."""

from dataclasses import dataclass
from datetime import datetime

from common.clock import EPOCH
from common.postgres import Tx

_NUMBER = "select number from epoch"
_READ = "select number, begun_at from epoch"
_BEGIN = "update epoch set number = number + 1, begun_at = $1 returning number"
# Whoever writes has the table for its transaction: what is read of an epoch holds to its commit.
_WAIT_A_MOMENT = "set local lock_timeout = '5s'"


@dataclass(frozen=True, slots=True)
class Epoch:
    """Its number, and when it began."""

    number: int
    begun_at: datetime


async def number(tx: Tx) -> int:
    """Which it is; 0 where nothing was ever restored."""
    found: int = await tx.fetchval(_NUMBER)
    return found


async def read(tx: Tx) -> Epoch:
    """The epoch."""
    row = await tx.fetchrow(_READ)
    assert row is not None, "there always is one"
    return Epoch(row["number"], row["begun_at"] or EPOCH)


async def begin(tx: Tx, at: datetime) -> Epoch:
    """Begin another. Waits for all who write, 5 seconds at the most."""
    await tx.execute(_WAIT_A_MOMENT)
    began = Epoch(await tx.fetchval(_BEGIN, at), at)
    await tx.execute(f"alter table contact alter column epoch set default {began.number}")
    return began
