"""Kafka as one KRaft node: formatted at first start, its topics made from the table that the services share."""

import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from common.topics import CONTACTS, EXPORTS, FIELDS, SEGMENTS, VISITS, dead_letter_topic
from localstack.errors import StackError
from localstack.home import Facts, Home
from localstack.ports import HOST, listens, port_of
from localstack.processes import KAFKA, KAFKA_CONTROLLER_OFFSET
from localstack.spec import Spec
from localstack.toolchain import jars, start_faster

# Which topics each consumer group reads, as in the architecture's picture.
READS = {"search": (CONTACTS, FIELDS), "segments": (CONTACTS, VISITS, FIELDS), "notify": (EXPORTS, SEGMENTS)}

_LOGGING = {"defaultLogLevel": "warn", "showDateTime": "true", "dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"}


def address(facts: Facts) -> str:
    """`host:port` of the broker."""
    return f"{HOST}:{port_of(KAFKA, facts)}"


def _properties(home: Home, facts: Facts) -> dict[str, str]:
    controller = f"{HOST}:{facts.port_base + KAFKA_CONTROLLER_OFFSET}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://{address(facts)},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{address(facts)}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(home.data / "kafka"),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # As long as the longest that a message is kept, so that a reader stopped for a holiday goes on where it was.
        "offsets.retention.minutes": str(90 * 24 * 60),
        "message.max.bytes": str(4 * 1024 * 1024),
    }


def prepare(home: Home, facts: Facts, java: Path) -> Spec:
    """Format the data folder at first start, write the configuration, and answer how to start the server."""
    properties = home.conf / "kafka.properties"
    properties.write_text("".join(f"{key}={value}\n" for key, value in _properties(home, facts).items()), "utf-8")
    classpath = f"{jars('kafka')}/*"
    if not (home.data / "kafka" / "meta.properties").exists():
        _format(java, classpath, properties)
    heap = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
    logging = [f"-Dorg.slf4j.simpleLogger.{key}={value}" for key, value in _LOGGING.items()]
    return Spec([str(java), *start_faster("kafka"), *heap, *logging, "-cp", classpath, "kafka.Kafka", str(properties)])


def _format(java: Path, classpath: str, properties: Path) -> None:
    tool = [str(java), "-XX:TieredStopAtLevel=1", "-cp", classpath, "kafka.tools.StorageTool"]
    identity = subprocess.run([*tool, "random-uuid"], capture_output=True, text=True, check=False)
    command = [*tool, "format", "-g", "-t", identity.stdout.strip(), "-c", str(properties)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise StackError(f"Kafka's data folder could not be formatted. It said:\n{answer.stdout}{answer.stderr}")


async def lag(facts: Facts, kept: Mapping[str, Mapping[tuple[str, int], int]]) -> dict[str, dict[str, int]]:
    """Messages that each group has not yet read, by group and topic. `kept` are next offsets that a group stores itself."""
    behind: dict[str, dict[str, int]] = {}
    async with _reader(facts) as (reader, admin):
        for group, topics in READS.items():
            committed = await _committed(admin, group)
            done = committed | dict(kept.get(group, {}))
            behind[group] = {}
            for topic in topics:
                begins, ends = await _bounds(reader, topic)
                behind[group][topic] = sum(
                    max(0, end - max(done.get((p.topic, p.partition), 0), begins[p])) for p, end in ends.items()
                )
    return behind


async def _committed(admin: AIOKafkaAdminClient, group: str) -> dict[tuple[str, int], int]:
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:  # before any group has ever been there
        return {}
    return {(p.topic, p.partition): o.offset for p, o in offsets.items()}


async def dead_letters(facts: Facts) -> dict[str, int]:
    """Messages put aside, by topic."""
    async with _reader(facts) as (reader, _):
        counts = {}
        for topic in map(dead_letter_topic, READS):
            begins, ends = await _bounds(reader, topic)
            counts[topic] = sum(end - begins[p] for p, end in ends.items())
    return counts


@asynccontextmanager
async def _reader(facts: Facts) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaAdminClient]]:
    reader = AIOKafkaConsumer(bootstrap_servers=address(facts))
    admin = AIOKafkaAdminClient(bootstrap_servers=address(facts))
    try:
        await reader.start()
        await admin.start()
        yield reader, admin
    finally:
        await admin.close()
        await reader.stop()


async def _bounds(reader: AIOKafkaConsumer, topic: str) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    await reader.topics()  # asks for the partitions of every topic
    partitions = [TopicPartition(topic, number) for number in reader.partitions_for_topic(topic) or ()]
    return await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)


async def is_ready(facts: Facts) -> bool:
    """Whether the broker answers."""
    if not await listens(port_of(KAFKA, facts)):  # first without the client, which writes an error for every attempt that fails
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=address(facts), request_timeout_ms=5000)
    try:
        await admin.start()
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return True
