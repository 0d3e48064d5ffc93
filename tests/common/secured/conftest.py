"""Servers that ask who comes, by TLS and passwords: each started once for the tests of this folder."""

import asyncio
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from common.brokers import Brokers
from common.kafka import answers
from localstack.kafka import SETTINGS
from localstack.toolchain import find_java, jars
from tests.support.certificates import Authority, Pair
from tests.support.sockets import free_port

USER, PASSWORD, ADMIN = "shop", "pass-word", "root-of-all"
_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m")


@dataclass(frozen=True, slots=True)
class Broker:
    """One that asks for a user (`sasl`), and for a certificate at another port (`ssl`)."""

    sasl: Brokers
    ssl: Brokers


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the clients trust."""
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="session")
def server_pair(authority: Authority) -> Pair:
    """Of the servers: good for 127.0.0.1, and for no name."""
    return authority.sign("server", ["127.0.0.1"])


@pytest.fixture(scope="session")
def broker(authority: Authority, server_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Kafka with SASL_SSL."""
    folder = tmp_path_factory.mktemp("kafka")
    ports = [free_port() for _ in range(4)]
    settings = folder / "kafka.properties"
    settings.write_text("".join(f"{k}={v}\n" for k, v in _properties(folder, authority, server_pair, ports)))
    sasl, ssl, inside, _ = ports
    java = [str(find_java()), *_JAVA, "-cp", f"{jars('kafka')}/*"]
    users = [f"SCRAM-SHA-{size}=[name={name},password={PASSWORD}]" for size, name in ((512, USER), (256, ADMIN))]
    formatting = ["format", "-g", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(settings)]
    for user in users:
        formatting += ["--add-scram", user]
    subprocess.run([*java, "kafka.tools.StorageTool", *formatting], check=True, capture_output=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*java, "kafka.Kafka", str(settings)], stdout=log, stderr=log)
    try:
        known = Brokers(
            f"127.0.0.1:{sasl}", "SASL_SSL", "SCRAM-SHA-512", USER, PASSWORD, ca=str(authority.ca)
        )  # fmt: skip
        _wait(f"127.0.0.1:{inside}", process, folder / "log")
        yield Broker(known, Brokers(f"127.0.0.1:{ssl}", "SSL", ca=str(authority.ca)))
    finally:
        process.kill()
        process.wait()


def _properties(folder: Path, authority: Authority, pair: Pair, ports: Sequence[int]) -> Iterator[tuple[str, str]]:
    def line(text: str) -> str:
        return text.replace("\n", "\\n")

    certificate, key = pair.texts
    sasl, ssl, inside, controller = ports
    listeners = {"SASL_SSL": sasl, "SSL": ssl, "INSIDE": inside}
    shown = ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())
    jaas = "org.apache.kafka.common.security"
    yield from (SETTINGS | {
        "listeners": f"{shown},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": shown,
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,SSL:SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INSIDE",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": str(folder / "data"),
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{jaas}.scram.ScramLoginModule required;",
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f"{jaas}.scram.ScramLoginModule required;",
        "listener.name.sasl_ssl.plain.sasl.jaas.config":
            f'{jaas}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config":
            f'{jaas}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
        "ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": line(certificate), "ssl.keystore.key": line(key),
        "ssl.truststore.type": "PEM", "ssl.truststore.certificates": line(authority.ca.read_text()),
        "listener.name.ssl.ssl.client.auth": "required",
    }).items()  # fmt: skip


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends = time.monotonic() + 60
    while not asyncio.run(answers(address)):
        if process.poll() is not None or time.monotonic() > ends:
            raise AssertionError(log.read_text()[-3000:])
        time.sleep(0.2)


def of_user(broker: Broker, **other: object) -> Brokers:
    """The broker, with something else than it wants."""
    return replace(broker.sasl, **other)  # type: ignore[arg-type]
