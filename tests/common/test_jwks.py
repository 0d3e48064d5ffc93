"""Keys of an issuer over a real connection, and of a file: kept while it is away, read again for a new key, not too often."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from common.auth import Verifier
from common.errors import Unauthorized, Unavailable
from common.health import Health
from common.http import application
from tests.support.api import eventually

ONE, TWO = (ECKey.generate_key("P-256", {"kid": name}) for name in ("one", "two"))


class Issuer:
    """Answers its keys on a port of its own, or whatever else it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = "200 OK"
        self.body = b""
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""
        self.has(ONE)

    def has(self, *keys: ECKey) -> None:
        self.status = "200 OK"
        self.body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await self.hold.wait()
            head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + self.body)
            await writer.drain()


@asynccontextmanager
async def opened() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    async with await asyncio.start_server(issuer.serve, "127.0.0.1", 0) as server:
        issuer.url = "http://{}:{}/jwks.json".format(*server.sockets[0].getsockname()[:2])
        try:
            yield issuer
        finally:
            issuer.hold.set()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with opened() as made:
        yield made


class Monotonic:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Monotonic:
    return Monotonic()


@pytest.fixture
def verifier(issuer: Issuer, now: Monotonic) -> Verifier:
    return Verifier(issuer.url, "dangol-local", monotonic=now)


def authorization(key: ECKey) -> str:
    claims = {"iss": "dangol-local", "aud": "dangol", "sub": "kim", "channel": "demo", "exp": int(time.time()) + 60}
    return "Bearer " + jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])


async def test_the_keys_are_asked_for_once_however_many_come_at_once(verifier: Verifier, issuer: Issuer) -> None:
    callers = await asyncio.gather(*(verifier.verify(authorization(ONE)) for _ in range(20)))
    assert {c.subject for c in callers} == {"kim"}
    assert issuer.asked == 1


async def test_while_the_issuer_is_away_the_old_keys_serve_and_a_warning_tells_of_it(now: Monotonic) -> None:
    async with opened() as issuer:
        verifier = Verifier(issuer.url, "dangol-local", monotonic=now)
        await verifier.verify(authorization(ONE))
    with capture_logs() as logs:
        for _ in range(3):
            now.seconds += 301
            assert (await verifier.verify(authorization(ONE))).subject == "kim"

        async def warned() -> int:
            return len([entry for entry in logs if entry["log_level"] == "warning" and entry["had"] is True])

        await eventually(warned, bool)


@pytest.mark.parametrize(
    ("status", "body"), [("500 Internal Server Error", b"{}"), ("200 OK", b"<html>"), ("200 OK", b"[]"), ("200 OK", b"{}")]
)
async def test_an_issuer_that_answers_nonsense_is_an_issuer_that_is_away(
    verifier: Verifier, issuer: Issuer, now: Monotonic, status: str, body: bytes
) -> None:
    issuer.status, issuer.body = status, body
    with pytest.raises(Unavailable) as refused:
        await verifier.verify(authorization(ONE))
    assert (refused.value.status, refused.value.code, refused.value.headers) == (503, "issuerAway", {"Retry-After": "5"})
    issuer.has(ONE)
    now.seconds += 5
    assert (await verifier.verify(authorization(ONE))).subject == "kim"


async def test_where_no_keys_were_ever_read_nobody_is_let_in_and_the_answer_is_503(now: Monotonic) -> None:
    async with opened() as issuer:
        pass
    verifier = Verifier(issuer.url, "dangol-local", monotonic=now)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await verifier.verify(authorization(ONE))
    with pytest.raises(Unauthorized):
        await verifier.verify("Bearer no-token-at-all")


async def test_a_new_key_is_read_as_soon_as_a_token_names_it(verifier: Verifier, issuer: Issuer, now: Monotonic) -> None:
    await verifier.verify(authorization(ONE))
    issuer.has(ONE, TWO)
    now.seconds += 5
    assert (await verifier.verify(authorization(TWO))).subject == "kim"
    assert (await verifier.verify(authorization(ONE))).subject == "kim"
    assert issuer.asked == 2


async def test_tokens_that_name_keys_of_nobody_make_it_ask_every_few_seconds_at_most(
    verifier: Verifier, issuer: Issuer, now: Monotonic
) -> None:
    await verifier.verify(authorization(ONE))
    for second in range(20):
        # Only right after a reading is it certain that there is no such key.
        with pytest.raises(Unauthorized if second % 5 == 0 else Unavailable):
            await verifier.verify(authorization(ECKey.generate_key("P-256", {"kid": f"of nobody {second}"})))
        now.seconds += 1
    assert issuer.asked == 1 + 3


async def test_a_new_key_that_cannot_be_looked_up_yet_is_no_wrong_key(verifier: Verifier, issuer: Issuer, now: Monotonic) -> None:
    await verifier.verify(authorization(ONE))
    issuer.has(ONE, TWO)
    now.seconds += 1
    with pytest.raises(Unavailable) as refused:
        await verifier.verify(authorization(TWO))
    assert (refused.value.status, refused.value.code, refused.value.headers) == (503, "issuerAway", {"Retry-After": "5"})
    issuer.status = "503 Service Unavailable"
    now.seconds += 5
    with pytest.raises(Unavailable):
        await verifier.verify(authorization(TWO))
    assert (await verifier.verify(authorization(ONE))).subject == "kim"
    issuer.has(ONE, TWO)
    now.seconds += 5
    assert (await verifier.verify(authorization(TWO))).subject == "kim"


async def test_a_wrong_key_is_refused_as_such_from_the_first_reading_after_it_was_asked_for(
    verifier: Verifier, issuer: Issuer, now: Monotonic
) -> None:
    await verifier.verify(authorization(ONE))
    now.seconds += 1
    with pytest.raises(Unavailable):
        await verifier.verify(authorization(TWO))
    now.seconds += 4
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await verifier.verify(authorization(TWO))
        now.seconds += 1
    assert issuer.asked == 2


async def test_of_keys_that_are_asked_for_only_so_many_are_remembered(verifier: Verifier, issuer: Issuer, now: Monotonic) -> None:
    await verifier.verify(authorization(ONE))
    signed = ECKey.generate_key("P-256")
    now.seconds += 1
    for number in range(2000):
        with pytest.raises(Unavailable):
            await verifier.verify("Bearer " + jwt.encode({"alg": "ES256", "kid": str(number)}, {}, signed))
    now.seconds += 4
    for number, refusal in ((1999, Unauthorized), (0, Unavailable)):
        with pytest.raises(refusal):
            await verifier.verify("Bearer " + jwt.encode({"alg": "ES256", "kid": str(number)}, {}, signed))
        now.seconds += 1


async def test_without_any_keys_it_is_not_ready_and_with_old_ones_it_is(now: Monotonic) -> None:
    async with opened() as issuer:
        verifier = Verifier(issuer.url, "dangol-local", monotonic=now)
        issuer.status = "503 Service Unavailable"
        with pytest.raises(Unavailable):
            await verifier.check()
        issuer.has(ONE)
        now.seconds += 5
        await verifier.check()
    now.seconds += 301
    await verifier.check()


BROKEN: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "half written": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "of another kind": lambda file: file.write_bytes(b"{}"),
}


def keep(file: Path, *keys: ECKey) -> None:
    file.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in keys]}))


@pytest.mark.parametrize("how", BROKEN)
async def test_while_a_file_of_keys_is_broken_the_keys_that_it_had_serve_and_one_warning_tells_of_it(
    tmp_path: Path, how: str
) -> None:
    file = tmp_path / "jwks.json"
    keep(file, ONE)
    verifier = Verifier(str(file), "dangol-local")
    await verifier.verify(authorization(ONE))
    BROKEN[how](file)
    with capture_logs() as logs:
        for _ in range(3):
            assert (await verifier.verify(authorization(ONE))).subject == "kim"
            with pytest.raises(Unavailable):
                await verifier.verify(authorization(TWO))
        await verifier.check()
    assert [(entry["log_level"], entry["had"]) for entry in logs] == [("warning", True)]
    keep(file, TWO)
    assert (await verifier.verify(authorization(TWO))).subject == "kim"
    with pytest.raises(Unauthorized):
        await verifier.verify(authorization(ONE))


async def test_without_a_file_of_keys_it_is_not_ready_and_every_answer_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    verifier = Verifier(str(file), "dangol-local")
    health = Health({"keys": verifier.check})
    health.started = True
    app = application("test", "For the tests.", verifier, health, [])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        refused = await client.get("/", headers={"Authorization": authorization(ONE)})
        assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "issuerAway", "5")
        assert refused.headers["content-type"] == "application/problem+json"
        waiting = await client.get("/readyz")
        assert (waiting.status_code, list(waiting.json()["problems"])) == (503, ["keys"])
        keep(file, ONE)
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/", headers={"Authorization": authorization(ONE)})).status_code == 404


async def test_who_has_a_known_key_does_not_wait_for_an_issuer_that_is_slow(
    verifier: Verifier, issuer: Issuer, now: Monotonic
) -> None:
    await verifier.verify(authorization(ONE))
    issuer.hold.clear()
    issuer.has(TWO)
    now.seconds += 301
    for _ in range(3):
        assert (await verifier.verify(authorization(ONE))).subject == "kim"
    issuer.hold.set()

    async def refused() -> bool:
        try:
            await verifier.verify(authorization(ONE))
        except Unauthorized:
            return True
        return False

    assert await eventually(refused, bool)
    assert (await verifier.verify(authorization(TWO))).subject == "kim"
