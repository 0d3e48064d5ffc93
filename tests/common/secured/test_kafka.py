"""Kafka that asks who comes: a user with a password, a token, a certificate; and what is said where that is wrong."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from common.brokers import Brokers, Mechanism
from common.envelope import Message
from common.errors import Unavailable
from common.kafka import Producer, Progress, Reader, Source, bounds, committed, create_topics, keep_topics
from common.topics import Topic
from tests.common.secured.conftest import ADMIN, PASSWORD, USER, Broker
from tests.support.certificates import Authority

WRONG = "an-other-secret"


def unsigned(subject: str) -> str:
    """A token such as this broker takes: it looks at none of their signatures."""
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": subject, "iat": now, "exp": now + 600})
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."


@asynccontextmanager
async def issuer(user: str, password: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Gives tokens to one client alone; its address, and the bodies that it was sent."""
    expected = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(b": ") for line in head[1:-2])}
        asked.append(await reader.readexactly(int(headers[b"content-length"])))
        knows = headers[b"authorization"] == expected
        body = json.dumps({"access_token": unsigned(user), "expires_in": 600} if knows else {"error": "invalid_client"}).encode()
        status = b"200 OK" if knows else b"401 Unauthorized"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/token", asked
    finally:
        server.close()


async def test_every_client_gets_in_as_a_user(broker: Broker) -> None:
    name = f"t-{uuid4().hex[:8]}"
    await create_topics(broker.sasl, [Topic(name, partitions=1)])
    assert (await keep_topics(broker.sasl, [Topic(name, partitions=1)], replicas=1, min_insync=1))[1] == []
    async with Producer.open(broker.sasl, client_id="test") as producer:
        await producer.check()
        await producer.send([Message(name, "key", b"value", {})], partitions=1)
    async with asyncio.timeout(30), Source.open(broker.sasl, name, [name], member="one") as source:
        while not (records := await source.poll()):
            pass
        await source.commit()
    assert [record.value for record in records] == [b"value"]
    async with Reader.open(broker.sasl, [name]) as reader, Progress.open(broker.sasl) as progress:
        assert await reader.ends() == {(name, 0): 1} == await progress.ends([Topic(name, partitions=1)])
    assert await bounds(broker.sasl, [name]) == {(name, 0): (0, 1)}
    assert await committed(broker.sasl, [name]) == {name: {(name, 0): 1}}


@pytest.mark.parametrize(("mechanism", "user"), [("SCRAM-SHA-256", ADMIN), ("PLAIN", USER)])
async def test_a_user_may_be_shown_in_other_ways(broker: Broker, mechanism: Mechanism, user: str) -> None:
    async with Producer.open(replace(broker.sasl, mechanism=mechanism, user=user), client_id="test") as producer:
        await producer.check()


async def test_a_token_stands_in_a_file_or_comes_from_an_issuer(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(unsigned("shop") + "\n")
    plain = Brokers(broker.sasl.servers, "SASL_SSL", "OAUTHBEARER", ca=broker.sasl.ca)
    async with issuer("shop", PASSWORD) as (url, asked):
        for brokers in (
            replace(plain, token_path=tmp_path / "token"),
            replace(plain, token_url=url, token_scope="kafka", user="shop", password=PASSWORD),
        ):
            assert brokers.missing() is None
            async with Producer.open(brokers, client_id="test") as producer:
                await producer.check()
        assert asked == [b"grant_type=client_credentials&scope=kafka"]
        refused = replace(plain, token_url=url, user="shop", password=WRONG)
        assert "kafka_token_url gives no token (status 401)" in await said(refused)
    (tmp_path / "token").unlink()
    assert "kafka_token_path" in await said(replace(plain, token_path=tmp_path / "token"))


async def test_a_certificate_shows_who_comes(broker: Broker, authority: Authority) -> None:
    pair = authority.sign("client")
    certificate, key = pair.texts
    for given in ((str(pair.certificate), str(pair.key)), (certificate, key)):
        async with Producer.open(replace(broker.ssl, certificate=given[0], key=given[1]), client_id="test") as producer:
            await producer.check()
    stranger = authority.sign("stranger")
    assert "kafka_certificate and kafka_key are not" in await said(
        replace(broker.ssl, certificate=str(pair.certificate), key=str(stranger.key))
    )
    assert "TLS did not come about" in await said(broker.ssl)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"password": WRONG}, "Look at kafka_user, kafka_password"),
        ({"user": "nobody"}, "Look at kafka_user, kafka_password"),
        ({"mechanism": "SCRAM-SHA-256"}, "kafka_mechanism"),
        ({"ca": "/nowhere/ca.pem"}, "kafka_ca is not a file"),
        ({"ca": "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----"}, "kafka_ca is not a file"),
        ({"ca": None}, "its certificate is not accepted"),
    ],
)
async def test_what_is_wrong_is_said_and_no_secret(broker: Broker, other: dict[str, str | None], words: str) -> None:
    assert words.lower() in (await said(replace(broker.sasl, **other))).lower()  # type: ignore[arg-type]


async def test_another_authority_and_another_name_are_refused(broker: Broker, tmp_path: Path) -> None:
    theirs = Authority(tmp_path, "theirs")
    assert "its certificate is not accepted" in await said(replace(broker.sasl, ca=str(theirs.ca)))
    by_name = broker.sasl.servers.replace("127.0.0.1", "localhost")
    assert "ertificate is not valid for 'localhost'" in await said(replace(broker.sasl, servers=by_name))


async def said(brokers: Brokers) -> str:
    """What each client says that is not let in; all say the same, and none a secret."""
    texts: list[str] = []
    async with Producer.open(brokers, client_id="test") as producer, Progress.open(brokers) as progress:
        for asking in (producer.send([Message("t", "k", b"", {})]), progress.committed("g"), opened(brokers)):
            with pytest.raises(Unavailable) as refused:
                await asking
            texts.append(refused.value.detail)
    assert len(set(texts)) == 1, texts
    assert not any(secret in f"{texts} {brokers!r}" for secret in (WRONG, PASSWORD, "PRIVATE"))
    return texts[0]


async def opened(brokers: Brokers) -> None:
    """A reader, begun and ended."""
    async with Reader.open(brokers, ["t"]):
        pass
