"""What the gateway can be told: whom it believes, its certificate, how long it looks for a service that is being restarted."""

import asyncio
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from localstack import gateway
from localstack.home import Facts, Home
from localstack.ports import port_of
from localstack.processes import BY_NAME, GATEWAY
from tests.support.api import eventually
from tests.support.certificates import Authority
from tests.support.door import caddy
from tests.support.stack import free_port_base


@dataclass(slots=True)
class Service:
    """Answers each request with the caller's address that it was told; hangs up on the first `unanswered`."""

    unanswered: int = 0
    bodies: list[bytes] = field(default_factory=list[bytes])

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        lines = [line.partition(": ")[::2] for line in head[1:]]
        sizes = [int(value) for name, value in lines if name.lower() == "content-length"]
        self.bodies.append(await reader.readexactly(sum(sizes)))
        if len(self.bodies) > self.unanswered:
            told = ",".join(value for name, value in lines if name.lower() == "x-forwarded-for").encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told))
            await writer.drain()
        writer.close()

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        async with await asyncio.start_server(self.one, "127.0.0.1", port):
            yield


@dataclass(frozen=True, slots=True)
class Place:
    """Where a gateway and the services behind it are to be."""

    home: Home
    facts: Facts

    @property
    def contacts(self) -> int:
        """The port at which the gateway looks for contacts."""
        return port_of(BY_NAME["contacts-api"], self.facts)

    @asynccontextmanager
    async def asking(
        self, settings: Mapping[str, str], verify: ssl.SSLContext | bool = True
    ) -> AsyncIterator[tuple[httpx.AsyncClient, subprocess.Popen[bytes]]]:
        """A client of the gateway, and the gateway's process."""
        scheme = settings.get("GATEWAY_SCHEME", "http")
        with caddy(self.home, self.facts, settings) as process:
            url = f"{scheme}://127.0.0.1:{port_of(GATEWAY, self.facts)}"
            async with httpx.AsyncClient(base_url=url, verify=verify, timeout=20) as client:
                yield client, process


@pytest.fixture
def place(tmp_path: Path) -> Place:
    home = Home(tmp_path / "home")
    home.make()
    return Place(home, Facts(free_port_base(), 9250, {}))


CLAIMED: list[tuple[str, list[tuple[str, str]], str]] = [
    ("", [("X-Forwarded-For", "203.0.113.5")], "127.0.0.1"),
    ("10.0.0.0/8", [("X-Forwarded-For", "203.0.113.5")], "127.0.0.1"),
    ("127.0.0.1", [], "127.0.0.1"),
    ("127.0.0.1", [("X-Forwarded-For", "203.0.113.5")], "203.0.113.5"),
    ("127.0.0.1", [("X-Forwarded-For", "198.51.100.6, 203.0.113.5")], "203.0.113.5"),
    ("127.0.0.1 10.0.0.0/8", [("X-Forwarded-For", "198.51.100.6, 2001:db8::5, 10.1.1.1")], "2001:db8::5"),
    ("127.0.0.1", [("X-Forwarded-For", "198.51.100.6"), ("X-Forwarded-For", "203.0.113.5")], "203.0.113.5"),
    ("127.0.0.1", [("X-Forwarded-For", "<script>")], "127.0.0.1"),
    ("127.0.0.1", [("X-Real-IP", "203.0.113.5"), ("Forwarded", "for=203.0.113.5")], "127.0.0.1"),
]


@pytest.mark.parametrize("trusted", dict.fromkeys(trusted for trusted, _, _ in CLAIMED))
async def test_a_callers_address_is_believed_from_trusted_proxies_alone(place: Place, trusted: str) -> None:
    async with Service().listening(place.contacts), place.asking({"GATEWAY_TRUSTED_PROXIES": trusted}) as (client, _):
        for _, claimed, seen in [each for each in CLAIMED if each[0] == trusted]:
            answer = await client.get("/v1/contacts", headers=claimed)
            assert (answer.status_code, answer.text) == (200, seen), claimed


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.ca))


async def test_tls_by_files_that_may_be_renewed_and_browsers_are_told_to_stay_with_it(place: Place, tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    pair = old.sign("gateway", ["127.0.0.1"])
    settings = {"GATEWAY_SCHEME": "https", "GATEWAY_CERTIFICATE": str(pair.certificate), "GATEWAY_KEY": str(pair.key)}
    async with Service().listening(place.contacts), place.asking(settings, trusting(old)) as (client, process):
        for path, status in (("/v1/contacts", 200), ("/unknown", 404)):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["strict-transport-security"]) == (status, "max-age=31536000")
            assert "alt-svc" not in answer.headers
        async with httpx.AsyncClient() as plain:
            refused = await plain.get(f"http://{client.base_url.netloc.decode()}/v1/contacts")
        assert (refused.status_code, "HTTPS" in refused.text) == (400, True)

        renewed = new.sign("gateway", ["127.0.0.1"])
        assert (renewed.certificate, renewed.key) == (pair.certificate, pair.key), "the same files"
        process.send_signal(signal.SIGUSR1)

        async def trusted_by_new() -> bool:
            try:
                async with httpx.AsyncClient(verify=trusting(new)) as another:
                    return (await another.get(client.base_url.join("/v1/contacts"))).status_code == httpx.codes.OK
            except httpx.ConnectError:
                return False

        await eventually(trusted_by_new, bool)


async def test_without_tls_nothing_is_said_of_it(place: Place) -> None:
    async with Service().listening(place.contacts), place.asking({}) as (client, _):
        assert "strict-transport-security" not in (await client.get("/v1/contacts")).headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"GATEWAY_SCHEME": "https"},
        {"GATEWAY_SCHEME": "ftp"},
        {"GATEWAY_TRUSTED_PROXIES": "10.0.0.0/99"},
        {"GATEWAY_PATIENCE": "long"},
    ],
)
def test_what_it_cannot_be_told_ends_its_start(place: Place, wrong: dict[str, str]) -> None:
    spec = gateway.prepare(place.home, place.facts)
    ended = subprocess.run(spec.command, env=dict(spec.environment) | wrong, capture_output=True, timeout=20, check=False)
    assert ended.returncode != 0


def later(seconds: float, job: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(seconds, job)


async def test_a_request_that_reached_no_service_waits_for_one_and_arrives_once_with_its_body(place: Place) -> None:
    service, begin = Service(), asyncio.Event()
    body = b"x" * 200_000
    async with place.asking({}) as (client, _):
        asked = [asyncio.create_task(client.post("/v1/contacts", content=body)) for _ in range(5)]
        later(0.5, begin.set)
        await begin.wait()
        async with service.listening(place.contacts):
            assert [(await each).status_code for each in asked] == [200] * 5
    assert service.bodies == [body] * 5


async def test_of_two_services_the_one_that_takes_connections_gets_all(place: Place) -> None:
    service = Service()
    with socket.create_server(("127.0.0.1", 0)) as held:
        away = held.getsockname()[1]
    both = {"GATEWAY_CONTACTS": f"127.0.0.1:{away} 127.0.0.1:{place.contacts}"}
    async with service.listening(place.contacts), place.asking(both) as (client, _):
        answers = [await client.post("/v1/contacts", content=b"%d" % number) for number in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert service.bodies == [b"%d" % number for number in range(20)]


async def test_what_a_service_has_read_and_not_answered_is_not_sent_again_unless_it_only_reads(place: Place) -> None:
    service = Service(unanswered=1)
    async with service.listening(place.contacts), place.asking({}) as (client, _):
        answer = await client.post("/v1/contacts", content=b"once")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert service.bodies == [b"once"]
        service.bodies.clear()
        assert (await client.get("/v1/contacts")).status_code == httpx.codes.OK
        assert service.bodies == [b"", b""]
