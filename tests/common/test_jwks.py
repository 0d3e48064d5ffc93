"""Keys of an issuer over a real connection, and of a file: kept while it is away, read again for a new key, not too often."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from operator import eq
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
from tests.support.issuer import Issuer, Monotonic, bearer, made_key, opened

ONE, TWO = made_key("one"), made_key("two")
WAITING, STILL, OVER = "waiting for a store", "still waiting for a store", "the store answers again"


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with opened(ONE) as made:
        yield made


@pytest.fixture
def now() -> Monotonic:
    return Monotonic()


@pytest.fixture
def verifier(issuer: Issuer, now: Monotonic) -> Verifier:
    return Verifier(issuer.url, "dangol-local", monotonic=now)


async def test_the_keys_are_asked_for_once_however_many_come_at_once(verifier: Verifier, issuer: Issuer) -> None:
    callers = await asyncio.gather(*(verifier.verify(bearer(ONE)) for _ in range(20)))
    assert {c.subject for c in callers} == {"kim"}
    assert issuer.asked == 1


async def test_while_the_issuer_is_away_the_old_keys_serve_and_the_log_tells_when_that_begins_and_ends(now: Monotonic) -> None:
    async with opened(ONE) as issuer:
        verifier = Verifier(issuer.url, "dangol-local", monotonic=now)
        await verifier.verify(bearer(ONE))
        issuer.status = "503 Service Unavailable"
        with capture_logs() as logs:
            for asked in range(2, 5):
                now.seconds += 301
                assert (await verifier.verify(bearer(ONE))).subject == "kim"
                await eventually(partial(counted, issuer), partial(eq, asked))
            issuer.has(ONE)
            now.seconds += 301
            await verifier.verify(bearer(ONE))

            async def told() -> list[str]:
                return [entry["event"] for entry in logs]

            await eventually(told, lambda events: events[-1:] == [OVER])
    assert await told() == [WAITING, STILL, STILL, OVER]
    assert {entry["loop"] for entry in logs} == {"the keys of dangol-local"}


async def counted(issuer: Issuer) -> int:
    return issuer.asked


@pytest.mark.parametrize(
    ("status", "body"), [("500 Internal Server Error", b"{}"), ("200 OK", b"<html>"), ("200 OK", b"[]"), ("200 OK", b"{}")]
)
async def test_an_issuer_that_answers_nonsense_is_an_issuer_that_is_away(
    verifier: Verifier, issuer: Issuer, now: Monotonic, status: str, body: bytes
) -> None:
    issuer.status, issuer.body = status, body
    with pytest.raises(Unavailable) as refused:
        await verifier.verify(bearer(ONE))
    assert (refused.value.status, refused.value.code, refused.value.headers) == (503, "issuerAway", {"Retry-After": "5"})
    issuer.has(ONE)
    now.seconds += 5
    assert (await verifier.verify(bearer(ONE))).subject == "kim"


async def test_where_no_keys_were_ever_read_nobody_is_let_in_and_the_answer_is_503(now: Monotonic) -> None:
    async with opened(ONE) as issuer:
        pass
    verifier = Verifier(issuer.url, "dangol-local", monotonic=now)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await verifier.verify(bearer(ONE))
    with pytest.raises(Unauthorized):
        await verifier.verify("Bearer no-token-at-all")


async def test_a_new_key_is_read_as_soon_as_a_token_names_it(verifier: Verifier, issuer: Issuer, now: Monotonic) -> None:
    await verifier.verify(bearer(ONE))
    issuer.has(ONE, TWO)
    now.seconds += 5
    assert (await verifier.verify(bearer(TWO))).subject == "kim"
    assert (await verifier.verify(bearer(ONE))).subject == "kim"
    assert issuer.asked == 2


async def test_tokens_that_name_keys_of_nobody_make_it_ask_every_few_seconds_at_most(
    verifier: Verifier, issuer: Issuer, now: Monotonic
) -> None:
    await verifier.verify(bearer(ONE))
    for second in range(20):
        # Only right after a reading is it certain that there is no such key.
        with pytest.raises(Unauthorized if second % 5 == 0 else Unavailable):
            await verifier.verify(bearer(ECKey.generate_key("P-256", {"kid": f"of nobody {second}"})))
        now.seconds += 1
    assert issuer.asked == 1 + 3


async def test_a_new_key_that_cannot_be_looked_up_yet_is_no_wrong_key(verifier: Verifier, issuer: Issuer, now: Monotonic) -> None:
    await verifier.verify(bearer(ONE))
    issuer.has(ONE, TWO)
    now.seconds += 1
    with pytest.raises(Unavailable) as refused:
        await verifier.verify(bearer(TWO))
    assert (refused.value.status, refused.value.code, refused.value.headers) == (503, "issuerAway", {"Retry-After": "5"})
    issuer.status = "503 Service Unavailable"
    now.seconds += 5
    with pytest.raises(Unavailable):
        await verifier.verify(bearer(TWO))
    assert (await verifier.verify(bearer(ONE))).subject == "kim"
    issuer.has(ONE, TWO)
    now.seconds += 5
    assert (await verifier.verify(bearer(TWO))).subject == "kim"


async def test_a_wrong_key_is_refused_as_such_from_the_first_reading_after_it_was_asked_for(
    verifier: Verifier, issuer: Issuer, now: Monotonic
) -> None:
    await verifier.verify(bearer(ONE))
    now.seconds += 1
    with pytest.raises(Unavailable):
        await verifier.verify(bearer(TWO))
    now.seconds += 4
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await verifier.verify(bearer(TWO))
        now.seconds += 1
    assert issuer.asked == 2


async def test_of_keys_that_are_asked_for_only_so_many_are_remembered(verifier: Verifier, issuer: Issuer, now: Monotonic) -> None:
    await verifier.verify(bearer(ONE))
    signed = ECKey.generate_key("P-256")
    now.seconds += 1
    for number in range(2000):
        with pytest.raises(Unavailable):
            await verifier.verify("Bearer " + jwt.encode({"alg": "ES256", "kid": str(number)}, {"iss": "dangol-local"}, signed))
    now.seconds += 4
    for number, refusal in ((1999, Unauthorized), (0, Unavailable)):
        with pytest.raises(refusal):
            await verifier.verify("Bearer " + jwt.encode({"alg": "ES256", "kid": str(number)}, {"iss": "dangol-local"}, signed))
        now.seconds += 1


async def test_without_any_keys_it_is_not_ready_and_with_old_ones_it_is(now: Monotonic) -> None:
    async with opened(ONE) as issuer:
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
    file.write_bytes(Issuer(*keys).body)


@pytest.mark.parametrize("how", BROKEN)
async def test_while_a_file_of_keys_is_broken_the_keys_that_it_had_serve_and_one_warning_tells_of_it(
    tmp_path: Path, how: str
) -> None:
    file = tmp_path / "jwks.json"
    keep(file, ONE)
    verifier = Verifier(str(file), "dangol-local")
    await verifier.verify(bearer(ONE))
    BROKEN[how](file)
    with capture_logs() as logs:
        for _ in range(3):
            assert (await verifier.verify(bearer(ONE))).subject == "kim"
            with pytest.raises(Unavailable):
                await verifier.verify(bearer(TWO))
        await verifier.check()
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [("warning", WAITING)]
    keep(file, TWO)
    assert (await verifier.verify(bearer(TWO))).subject == "kim"
    with pytest.raises(Unauthorized):
        await verifier.verify(bearer(ONE))


async def test_without_a_file_of_keys_it_is_not_ready_and_every_answer_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    verifier = Verifier(str(file), "dangol-local")
    health = Health({"keys": verifier.check})
    health.started = True
    app = application("test", "For the tests.", verifier, health, [])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        refused = await client.get("/", headers={"Authorization": bearer(ONE)})
        assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "issuerAway", "5")
        assert refused.headers["content-type"] == "application/problem+json"
        waiting = await client.get("/readyz")
        assert (waiting.status_code, list(waiting.json()["problems"])) == (503, ["keys"])
        keep(file, ONE)
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/", headers={"Authorization": bearer(ONE)})).status_code == 404


async def test_who_has_a_known_key_does_not_wait_for_an_issuer_that_is_slow(
    verifier: Verifier, issuer: Issuer, now: Monotonic
) -> None:
    await verifier.verify(bearer(ONE))
    issuer.hold.clear()
    issuer.has(TWO)
    now.seconds += 301
    for _ in range(3):
        assert (await verifier.verify(bearer(ONE))).subject == "kim"
    issuer.hold.set()

    async def refused() -> bool:
        try:
            await verifier.verify(bearer(ONE))
        except Unauthorized:
            return True
        return False

    assert await eventually(refused, bool)
    assert (await verifier.verify(bearer(TWO))).subject == "kim"


async def test_keys_are_read_by_a_schedule_though_nobody_comes_and_no_oftener_than_that(
    verifier: Verifier, issuer: Issuer, now: Monotonic
) -> None:
    stop = asyncio.Event()
    watching = asyncio.create_task(verifier.watch(stop))
    await eventually(partial(counted, issuer), partial(eq, 1))
    stop.set()
    await watching
    await verifier.verify(bearer(ONE))
    issuer.has(TWO)
    for seconds, asked in ((299, 1), (1, 2), (5, 2)):
        now.seconds += seconds
        await verifier.refresh()
        assert issuer.asked == asked
    # A key that was taken away counts no longer, although its token was accepted before and no other came.
    with pytest.raises(Unauthorized):
        await verifier.verify(bearer(ONE))


async def test_an_answer_that_is_too_large_for_keys_is_not_read_to_its_end(verifier: Verifier, issuer: Issuer) -> None:
    issuer.body = b" " * (1 << 20) + issuer.body
    with pytest.raises(Unavailable):
        await verifier.verify(bearer(ONE))


async def test_tokens_go_on_being_accepted_while_keys_are_changed_in_three_steps(
    verifier: Verifier, issuer: Issuer, now: Monotonic
) -> None:
    """The new key is published, then it signs, then the old one goes: no request between is refused."""
    signing, refused, asked = [ONE], 0, 0
    done = asyncio.Event()

    async def requests() -> None:
        nonlocal refused, asked
        while not done.is_set():
            try:
                await verifier.verify(bearer(signing[0], jti=str(asked)))
            except (Unauthorized, Unavailable):
                refused += 1
            asked += 1
            await asyncio.sleep(0)

    callers = [asyncio.create_task(requests()) for _ in range(3)]

    async def have_asked() -> int:
        return asked

    async def a_while(seconds: float) -> None:
        now.seconds += seconds
        count = asked
        await eventually(have_asked, lambda n: n > count + 20)

    await a_while(0)
    issuer.has(ONE, TWO)
    await a_while(301)
    signing[0] = TWO
    await a_while(10)
    issuer.has(TWO)
    await a_while(301)
    done.set()
    await asyncio.gather(*callers)
    assert (refused, asked > 60) == (0, True)
    with pytest.raises(Unauthorized):
        await verifier.verify(bearer(ONE))
