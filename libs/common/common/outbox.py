"""Messages written in the transaction of their cause; the relay sends them after it."""

from collections.abc import Sequence

import asyncpg

from common.envelope import Message
from common.partition import SHARDS, partition_of

_PUT = """
insert into outbox (shard, topic, key, value, headers)
select * from unnest($1::smallint[], $2::text[], $3::text[], $4::bytea[], $5::jsonb[])
"""


async def put(tx: "asyncpg.Connection[asyncpg.Record]", messages: Sequence[Message]) -> None:
    """Add messages to the outbox by one statement, in their order."""
    if not messages:
        return
    await tx.execute(
        _PUT,
        [partition_of(m.key, SHARDS) for m in messages],
        [m.topic for m in messages],
        [m.key for m in messages],
        [m.value for m in messages],
        [m.headers for m in messages],
    )
