"""The users of Kafka that deploy/kubernetes makes, on a broker that holds them to their rights: each does its own work alone.

A broker of its own is started, so this is part of `make test-deep` alone.
"""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from aiokafka.protocol.admin import CreateAclsRequest, DescribeAclsRequest

from common.brokers import Brokers
from common.envelope import Message
from common.kafka import Producer, Progress, Reader, Source, answers, keep_topics
from common.topics import CONTACTS, ERASURES, READS, TOPICS, dead_letter_topic, named
from localstack import kafka
from localstack.home import SERVICES
from localstack.toolchain import find_java, jars
from tests.kube.manifests import of_kind
from tests.support.api import eventually
from tests.support.sockets import free_port

pytestmark = pytest.mark.deep

PASSWORD = "pass-word"
_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m")
# Kafka's own numbers for what Strimzi says in words.
_OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
_RESOURCES = {"topic": 2, "group": 3}
_LITERAL = _ALLOW = 3
_ANY = 1


def rights(user: str) -> list[tuple[str, str, str]]:
    """Kind, name and operation of all that a user may do."""
    acls = of_kind("production", "KafkaUser")[user]["spec"]["authorization"]["acls"]
    return [(each["resource"]["type"], each["resource"]["name"], right) for each in acls for right in each["operations"]]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A broker that asks who comes, and its other door, where nobody is asked and everybody may do everything."""
    folder = tmp_path_factory.mktemp("kafka")
    asked, open_to_all, controller = (free_port() for _ in range(3))
    shown = f"ASKED://127.0.0.1:{asked},OPEN://127.0.0.1:{open_to_all}"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    settings = kafka.SETTINGS | {
        "listeners": f"{shown},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": shown,
        "listener.security.protocol.map": "ASKED:SASL_PLAINTEXT,OPEN:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "OPEN",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": str(folder / "data"),
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.asked.scram-sha-512.sasl.jaas.config": scram,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    path = folder / "kafka.properties"
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    java = [str(find_java()), *_JAVA, "-cp", f"{jars('kafka')}/*"]
    formatting = ["kafka.tools.StorageTool", "format", "-g", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(path)]
    for user in of_kind("production", "KafkaUser"):
        formatting += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={PASSWORD}]"]
    subprocess.run([*java, *formatting], check=True, capture_output=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*java, "kafka.Kafka", str(path)], stdout=log, stderr=log)
    try:
        _wait(f"127.0.0.1:{open_to_all}", process, folder / "log")
        asyncio.run(_prepare(f"127.0.0.1:{open_to_all}"))
        yield f"127.0.0.1:{asked}", f"127.0.0.1:{open_to_all}"
    finally:
        process.kill()
        process.wait()


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends = time.monotonic() + 60
    while not asyncio.run(answers(address)):
        if process.poll() is not None or time.monotonic() > ends:
            raise AssertionError(log.read_text()[-3000:])
        time.sleep(0.2)


async def _prepare(address: str) -> None:
    """The topics, and the rights of all users, as Strimzi's operators make them."""
    await keep_topics(Brokers(address), TOPICS, replicas=1, min_insync=1)
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        for user in of_kind("production", "KafkaUser"):
            for kind, name, operation in rights(user):
                principal = f"User:{user}"
                right = (_RESOURCES[kind], name, _LITERAL, principal, "*", _OPERATIONS[operation], _ALLOW)
                answer: Any = await admin._send_request(CreateAclsRequest(*right))
                assert [error for error, *_ in answer.creation_responses] == [0]
        wanted = sum(len(rights(user)) for user in of_kind("production", "KafkaUser"))

        everything: list[Any] = [_ANY, None, _ANY, None, None, _ANY, _ANY]

        async def in_force() -> int:
            answer: Any = await admin._send_request(DescribeAclsRequest(*everything))
            return sum(len(resource[3]) for resource in answer.resources)

        await eventually(in_force, lambda count: count == wanted)
    finally:
        await admin.close()


def as_user(addresses: tuple[str, str], user: str) -> Brokers:
    """How a service connects."""
    return Brokers(addresses[0], "SASL_PLAINTEXT", "SCRAM-SHA-512", user, PASSWORD)


def told(topic: str) -> Message:
    return Message(topic, f"demo/{uuid4()}", b"{}", {"ce_id": str(uuid4())})


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_writes_what_it_writes_and_nothing_else(addresses: tuple[str, str], service: str) -> None:
    mine = {name for kind, name, operation in rights(service) if (kind, operation) == ("topic", "Write")}
    assert mine
    async with Producer.open(as_user(addresses, service), client_id=f"{service}-relay") as producer:
        for topic in named(*mine):
            await producer.send([told(topic.name)], partitions=topic.partitions)
        await producer.check()
    client = AIOKafkaProducer(**_plain(addresses, service))
    await client.start()
    try:
        for topic in TOPICS:
            if topic.name not in mine:
                with pytest.raises(TopicAuthorizationFailedError):
                    await client.send_and_wait(topic.name, b"{}")
    finally:
        await client.stop()


@pytest.mark.parametrize("group", READS)
async def test_a_consumer_reads_in_its_own_group_and_in_no_other(addresses: tuple[str, str], group: str) -> None:
    reads = READS[group]
    async with Producer.open(Brokers(addresses[1]), client_id="test") as others:
        await others.send([told(topic) for topic in reads])
    async with Source.open(as_user(addresses, group), group, reads, member=f"{group}-consumer-1:8000") as source:
        seen: set[str] = set()

        async def polled() -> set[str]:
            seen.update(each.topic for each in await source.poll())
            return seen

        await eventually(polled, lambda topics: topics == set(reads), 60)
        await source.commit()
        await source.check()
    for other in READS.keys() - {group}:
        client = AIOKafkaConsumer(*reads, group_id=other, **_plain(addresses, group))
        with pytest.raises(GroupAuthorizationFailedError):
            await client.start()
        await client.stop()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_no_topic_that_is_not_its_own(addresses: tuple[str, str], service: str) -> None:
    mine = {name for kind, name, operation in rights(service) if (kind, operation) == ("topic", "Read")}
    for topic in TOPICS:
        if topic.name not in mine:
            client = AIOKafkaConsumer(topic.name, auto_offset_reset="earliest", **_plain(addresses, service))
            with pytest.raises(TopicAuthorizationFailedError):
                await client.start()
                await client.getone()
            await client.stop()


@pytest.mark.parametrize("service", ["search", "segments"])
async def test_an_api_sees_how_far_its_reader_is(addresses: tuple[str, str], service: str) -> None:
    async with Progress.open(as_user(addresses, service)) as progress:
        ends = await progress.ends(named(*READS[service]))
        assert len(ends) == 32
        await progress.committed(service)


@pytest.mark.parametrize(("service", "topic"), [
    ("contacts", CONTACTS), ("contacts", ERASURES), ("search", CONTACTS), ("search", dead_letter_topic("search")),
])  # fmt: skip
async def test_a_command_reads_topics_from_their_beginning(addresses: tuple[str, str], service: str, topic: str) -> None:
    async with Producer.open(Brokers(addresses[1]), client_id="test") as others:
        await others.send([told(topic)], partitions=named(topic)[0].partitions)
    async with Reader.open(as_user(addresses, service), [topic]) as reader:
        await eventually(reader.poll, bool)


async def test_provision_finds_all_topics_as_they_are_to_be_and_can_make_none(addresses: tuple[str, str]) -> None:
    assert await keep_topics(as_user(addresses, "provision"), TOPICS, replicas=1, min_insync=1) == ([], [])
    admin = AIOKafkaAdminClient(**_plain(addresses, "provision"))
    await admin.start()
    try:
        made: Any = await admin.create_topics([NewTopic("mine", 1, 1)])
        assert [code for _, code, *_ in made.topic_errors] == [TopicAuthorizationFailedError.errno]
    finally:
        await admin.close()


async def test_keda_sees_how_far_groups_are_and_no_message(addresses: tuple[str, str]) -> None:
    async with Progress.open(as_user(addresses, "keda")) as progress:
        for group in READS:
            await progress.committed(group)
        assert await progress.ends(TOPICS)
    client = AIOKafkaConsumer(CONTACTS, auto_offset_reset="earliest", **_plain(addresses, "keda"))
    with pytest.raises(TopicAuthorizationFailedError):
        await client.start()
        await client.getone()
    await client.stop()


def _plain(addresses: tuple[str, str], user: str) -> dict[str, Any]:
    """For the client itself, which says why it is refused."""
    return {
        "bootstrap_servers": addresses[0], "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user, "sasl_plain_password": PASSWORD,
    }  # fmt: skip
