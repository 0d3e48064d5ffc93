"""Which partition a key belongs to: Kafka's own default, so that programs in any language agree."""

from functools import lru_cache
from struct import unpack_from

SHARDS = 16
"""Outbox shards, and partitions of every topic keyed by contact: one shard feeds one partition, and so gives it its order."""

_MASK = 0xFFFFFFFF
_M = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, seed 0x9747b28c, as Kafka's Java client computes it (Austin Appleby's public-domain algorithm)."""
    length = len(data)
    h = 0x9747B28C ^ length
    for word in unpack_from(f"<{length >> 2}I", data):
        k = word * _M & _MASK
        h = (h * _M ^ (k ^ k >> 24) * _M) & _MASK
    if tail := data[length & ~3 :]:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int = SHARDS) -> int:
    """The partition of a key among so many."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
