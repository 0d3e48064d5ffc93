"""An issuer of tokens: answers its keys (JWKS) on a port of its own, or whatever else it is told to, and signs."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

Key = ECKey | OKPKey | OctKey | RSAKey
AN_ANSWER = "200 OK"


def made_key(kid: str) -> ECKey:
    """A new private key of this name."""
    return ECKey.generate_key("P-256", {"kid": kid})


def bearer(key: Key, *, alg: str = "ES256", iss: object = "dangol-local", **claims: Any) -> str:
    """An `Authorization` header with a token that is good for a minute; claims may be set otherwise, None leaves one out."""
    whole = {"iss": iss, "aud": "dangol", "sub": "kim", "channel": "demo", "exp": int(time.time()) + 60, **claims}
    kept = {name: value for name, value in whole.items() if value is not None}
    return "Bearer " + jwt.encode({"alg": alg, "kid": key.kid}, kept, key, algorithms=[alg])


class Issuer:
    """Counts how often it was asked; `hold` keeps its answers back."""

    def __init__(self, *keys: Key) -> None:
        self.asked = 0
        self.status = AN_ANSWER
        self.body = b""
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""
        self.has(*keys)

    def has(self, *keys: Key) -> None:
        """Answer the public parts of these keys from now on."""
        self.status = AN_ANSWER
        self.body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await self.hold.wait()
            head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + self.body)
            await writer.drain()


@asynccontextmanager
async def opened(*keys: Key) -> AsyncIterator[Issuer]:
    """One that listens until the end."""
    issuer = Issuer(*keys)
    async with await asyncio.start_server(issuer.serve, "127.0.0.1", 0) as server:
        issuer.url = "http://{}:{}/jwks.json".format(*server.sockets[0].getsockname()[:2])
        try:
            yield issuer
        finally:
            issuer.hold.set()


class Monotonic:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds
