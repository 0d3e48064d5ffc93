"""Outgoing requests against a real server: connected to what was checked, never redirected, never long, never much."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from notify.sending.address import Address, Allowed, Target, read_allowed, read_url
from notify.sending.answer import Answer, retry_after
from notify.sending.call import Call
from notify.sending.connection import Lookup
from notify.sending.sender import MOST_READ, believed
from notify.sending.sender import Outside as Reached
from tests.support.outside import Hang, Outside, Reply, Reset

LOCAL = read_allowed("127.0.0.1/32")
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def named(*answers: str) -> Lookup:
    """A name server that gives one answer after the other, the last again and again; commas separate addresses."""
    given = list(answers)

    async def lookup(host: str, port: int) -> Sequence[Address]:
        text = given.pop(0) if len(given) > 1 else given[0]
        if not text:
            raise OSError(host, port)
        return [ip_address(each) for each in text.split(",")]

    return lookup


async def send(
    url: str | Target, allowed: Allowed = LOCAL, lookup: Lookup | None = None, tls: ssl.SSLContext | None = None
) -> Answer:
    target = read_url(url) if isinstance(url, str) else url
    outside = Reached(allowed, lookup or named("127.0.0.1"), tls or believed())
    async with outside.line(target) as line:
        return await line.send(Call(target, b'{"a":1}', {"X-Own": "1"}))


async def test_a_request_arrives_as_it_was_written() -> None:
    async with Outside.open() as outside:
        answer = await send(outside.url("/hook?a=%20b", host="hooks.example"), lookup=named("127.0.0.1"))
        assert (answer.status, answer.text, answer.delivered) == (200, "ok", True)
        [taken] = outside.taken
        assert (taken.method, taken.path, taken.body) == ("POST", "/hook?a=%20b", b'{"a":1}')
        assert (taken.headers["host"], taken.headers["x-own"]) == (f"hooks.example:{outside.port}", "1")
        assert taken.headers["content-type"] == "application/json"


@pytest.mark.parametrize("addresses", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1,127.0.0.1"])
async def test_a_name_that_leads_inside_is_not_connected_to(addresses: str) -> None:
    async with Outside.open() as outside:
        target = Target("https", "hooks.example", outside.port, "/")
        answer = await send(target, Allowed(), named(addresses))
        assert (answer.status, outside.connections) == (None, 0)
        assert answer.text == "The address is not a public one, and the operator's list does not allow it."


async def test_a_name_that_leads_elsewhere_the_second_time_is_not_followed_there() -> None:
    """The address that was looked at is the one connected to; each new connection is looked at again."""
    async with Outside.open(lambda _: Reply(headers={"Connection": "close"})) as outside:
        target = Target("http", "hooks.example", outside.port, "/")
        asked: list[str] = []

        async def rebinding(host: str, port: int) -> Sequence[Address]:
            asked.append(host)
            return [ip_address("127.0.0.1" if len(asked) == 1 else "127.0.0.2")]

        reached = Reached(LOCAL, rebinding, believed())
        async with reached.line(target) as line:
            first = await line.send(Call(target, b"{}"))
            second = await line.send(Call(target, b"{}"))
        assert (first.status, second.status, len(asked), outside.connections) == (200, None, 2, 1)


async def test_without_tls_only_what_the_operator_allows_is_asked() -> None:
    answer = await send("http://hooks.example/", lookup=named("8.8.8.8"))
    assert "not a public one" in answer.text


async def test_the_next_address_of_a_name_is_tried_where_the_first_takes_no_connection() -> None:
    async with Outside.open() as outside:
        answer = await send(outside.url(host="hooks.example"), read_allowed("127.0.0.0/8"), named("127.0.0.9,127.0.0.1"))
        assert answer.status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with Outside.open() as inside:
        async with Outside.open(lambda _: Reply(status, headers={"Location": inside.url()})) as outside:
            answer = await send(outside.url())
        assert (answer.status, answer.delivered, inside.taken) == (status, False, [])


async def test_no_more_is_read_than_a_little_of_what_never_ends() -> None:
    async with Outside.open(lambda _: Reply(endless=True)) as outside:
        answer = await send(outside.url())
        assert (answer.status, len(answer.body) <= MOST_READ) == (200, True)
        sent = outside.sent
        await asyncio.sleep(0)
        assert outside.sent == sent or outside.sent < 64 * MOST_READ  # what stands in the sockets between
    async with Outside.open(lambda _: Reply(headers={"X-Long": "x" * 200_000})) as outside:
        assert (await send(outside.url())).status is None


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Outside.open() as proxy, Outside.open() as outside:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        assert (await send(outside.url())).status == 200
        assert (proxy.connections, len(outside.taken)) == (0, 1)


async def test_what_breaks_off_or_takes_no_connection_or_has_no_name_is_told_in_words() -> None:
    async with Outside.open(lambda _: Reset()) as outside:
        assert (await send(outside.url())).text == "The connection broke off before an answer came."
        gone = outside.url()
    assert (await send(gone)).text == "The host does not take the connection."
    assert (await send("http://nowhere.example/", lookup=named(""))).text == "The host of this address is not found."


async def test_whoever_has_told_a_status_has_answered_though_the_body_breaks_off() -> None:
    """It has taken the notice: to send that again and again would show it again and again."""
    # A chunk was announced, and something else comes.
    async with Outside.open(lambda _: Reply(202, b"x\r\n", {"Transfer-Encoding": "chunked", "Connection": "close"})) as outside:
        answer = await send(outside.url())
        assert (answer.status, answer.delivered, answer.problem) == (202, True, None)


async def test_whoever_has_told_a_status_has_answered_though_the_body_hangs() -> None:
    async with Outside.open(lambda _: Reply(body=b"o", headers={"Content-Length": "9"})) as outside:
        target = read_url(outside.url())
        async with Reached(LOCAL, named("127.0.0.1"), believed(), seconds=0.5).line(target) as line:
            answer = await line.send(Call(target, b"{}"))
        assert (answer.status, answer.text, answer.delivered) == (200, "o", True)


@pytest.mark.deep
async def test_whoever_hangs_is_given_up_after_ten_seconds() -> None:
    async with Outside.open(lambda _: Hang()) as outside:
        began = time.monotonic()
        answer = await send(outside.url())
        assert answer.text == "No answer within 10 seconds."
        assert 9.5 < time.monotonic() - began < 12


@pytest.mark.deep
async def test_a_name_server_that_hangs_is_given_up_after_five_seconds() -> None:
    async def hangs(host: str, port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        raise OSError(host, port)

    began = time.monotonic()
    answer = await send("https://hooks.example/", lookup=hangs)
    assert answer.text == "No connection within 5 seconds."
    assert 4.5 < time.monotonic() - began < 7


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for this name, and that of a client who believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + written)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem")
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())


async def test_tls_is_spoken_with_the_name_over_the_address_that_was_checked(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "hooks.example")
    names: list[str | None] = []
    server.sni_callback = lambda _, name, __: names.append(name)
    async with Outside.open(tls=server) as outside:
        target = Target("https", "hooks.example", outside.port, "/x")
        assert (await send(target, tls=client)).status == 200
        assert names == ["hooks.example"]
        other = await send(Target("https", "other.example", outside.port, "/x"), tls=client)
        stranger = await send(target)
        refused = "No secure connection: its certificate is not one that is believed for this name."
        assert (other.text, stranger.text) == (refused, refused)


@given(
    st.lists(
        st.sampled_from(["Mon,", "01", "Jan", "2024", "1:2:3", "GMT", "+1:00", "9" * 30, "(", ")", "-", "\u0663"]), max_size=7
    )
)
def test_no_retry_after_is_an_error(words: list[str]) -> None:
    seconds = retry_after(Answer(503, {"retry-after": " ".join(words)}), NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7), ("0", 0), ("1.5", 1.5), ("", None), ("soon", None), ("-1", None), ("1e9", None),
        ("Tue, 24 Nov 2026 03:00:30 GMT", 30), ("Tue, 24 Nov 2026 02:00:00 GMT", 0), ("Tue, 99 Nov 2026 02:00:00 GMT", None),
        ("Tue, 24 Nov 99999999999999 02:00:00 GMT", None), ("Tue, 24 Nov 2026 02:00:00 +99999999999999999999", None),
        ("Tue, 24 Nov 2026 99999999999999999999:0:0 GMT", None),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_read_in_both_writings(written: str, seconds: float | None) -> None:
    assert retry_after(Answer(429, {"retry-after": written}), NOW) == seconds


def test_what_the_other_side_said_is_shown_as_one_short_line() -> None:
    said = Answer(400, body="\x1b[31m<b>no</b>\r\n\u202eroom\0 방".encode() + b"\xff" * 9).text
    assert said.startswith("[31m<b>no</b> room 방")
    assert said.isprintable()
    assert len(Answer(500, body=b"x" * 5000).text) == 200
