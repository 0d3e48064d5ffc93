"""What requests with a key were answered: a table of keyed hashes and sealed answers, which holds no key, path or body."""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.postgres import Tx

KEPT = timedelta(hours=24)
_NONCE = 12

_TRY = "select pg_try_advisory_xact_lock($1)"
_FIND = "select asked, answer, erased from idempotent_request where channel = $1 and name = $2 and at > $3"
_KEEP = """
insert into idempotent_request (channel, name, asked, at, answer, contact_id) values ($1, $2, $3, $4, $5, $6)
on conflict (channel, name) do update set asked = excluded.asked, at = excluded.at, answer = excluded.answer,
    contact_id = excluded.contact_id, erased = false
where idempotent_request.at <= $7
"""
_FORGET = "update idempotent_request set answer = null, erased = true where channel = $1 and contact_id = any($2::uuid[])"
_PURGE = "delete from idempotent_request where at <= $1"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be given again."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a request: what it asked, and its answer (None: it changes nothing and is answered anew)."""

    asked: bytes
    answer: Answer | None
    erased: bool


@dataclass(frozen=True, slots=True)
class Name:
    """A request's place in the table and the key its answer is sealed with: only whoever sends the same request can make them."""

    channel: str
    digest: bytes
    seal: bytes

    @classmethod
    def of(cls, secret: bytes, channel: str, subject: str, method: str, path: str, key: str) -> "Name":
        """Bound to the channel, the caller, the method and the path: elsewhere the same key is another."""
        whole = orjson.dumps([channel, subject, method, path, key])
        return cls(channel, keyed(secret, b"name", whole), keyed(secret, b"seal", whole))

    @property
    def lock(self) -> int:
        """The number of the advisory lock that one request at a time holds."""
        return int.from_bytes(self.digest[:8], "big", signed=True)


def keyed(secret: bytes, purpose: bytes, data: bytes) -> bytes:
    """A keyed hash: a body with a password in it can't be guessed from its hash without the service's secret."""
    return hmac.new(secret, purpose + b"\0" + data, hashlib.sha256).digest()


async def alone(tx: Tx, name: Name) -> bool:
    """Whether this transaction is now the only one that answers this request, until it ends."""
    got: bool = await tx.fetchval(_TRY, name.lock)
    return got


async def find(tx: Tx, name: Name, now: datetime) -> Found | None:
    """What was kept of the request within the last 24 hours."""
    row = await tx.fetchrow(_FIND, name.channel, name.digest, now - KEPT)
    if row is None:
        return None
    return Found(row["asked"], None if row["answer"] is None else _opened(name, row["answer"]), row["erased"])


async def keep(tx: Tx, name: Name, asked: bytes, answer: Answer | None, contact_id: UUID | None, now: datetime) -> None:
    """Keep what was asked and answered, and whose data the answer holds; what is kept already and not yet old stays."""
    sealed = None if answer is None else _sealed(name, answer)
    await tx.execute(_KEEP, name.channel, name.digest, asked, now, sealed, contact_id, now - KEPT)


async def forget(tx: Tx, channel: str, contact_ids: Iterable[UUID]) -> None:
    """Drop the answers that hold these contacts' data; who repeats such a request is told that the contact was erased."""
    await tx.execute(_FORGET, channel, list(contact_ids))


async def purge(tx: Tx, now: datetime) -> None:
    """Delete what is older than 24 hours."""
    await tx.execute(_PURGE, now - KEPT)


def _sealed(name: Name, answer: Answer) -> bytes:
    nonce = os.urandom(_NONCE)
    head = orjson.dumps([answer.status, dict(answer.headers)])
    return nonce + AESGCM(name.seal).encrypt(nonce, head + b"\n" + answer.body, name.digest)


def _opened(name: Name, sealed: bytes) -> Answer:
    head, _, body = AESGCM(name.seal).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.digest).partition(b"\n")
    status, headers = orjson.loads(head)
    return Answer(status, headers, body)
