"""Kafka as one KRaft node: formatted at first start, its topics made from the table that the services share."""

import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from common.kafka import answers, bounds, committed
from common.topics import READS, dead_letter_topic
from localstack.errors import StackError
from localstack.home import Facts, Home
from localstack.ports import HOST, listens, port_of
from localstack.processes import KAFKA, KAFKA_CONTROLLER_OFFSET
from localstack.spec import Spec
from localstack.toolchain import jars, java_options

# The broker's, but for addresses and folders. deploy/compose.yaml sets the same.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
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
HEAP = ("-Xms256m", "-Xmx512m")

_LOGGING = {"defaultLogLevel": "warn", "showDateTime": "true", "dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"}


def address(facts: Facts) -> str:
    """`host:port` of the broker."""
    return f"{HOST}:{port_of(KAFKA, facts)}"


def _properties(home: Home, facts: Facts) -> dict[str, str]:
    controller = f"{HOST}:{facts.port_base + KAFKA_CONTROLLER_OFFSET}"
    return SETTINGS | {
        "listeners": f"PLAINTEXT://{address(facts)},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{address(facts)}",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(home.data / "kafka"),
    }


def prepare(home: Home, facts: Facts, java: Path) -> Spec:
    """Format the data folder at first start, write the configuration, and answer how to start the server."""
    properties = home.conf / "kafka.properties"
    properties.write_text("".join(f"{key}={value}\n" for key, value in _properties(home, facts).items()), "utf-8")
    classpath = f"{jars('kafka')}/*"
    if not (home.data / "kafka" / "meta.properties").exists():
        _format(java, classpath, properties)
    heap = [*HEAP, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
    logging = [f"-Dorg.slf4j.simpleLogger.{key}={value}" for key, value in _LOGGING.items()]
    return Spec([str(java), *java_options("kafka"), *heap, *logging, "-cp", classpath, "kafka.Kafka", str(properties)])


def _format(java: Path, classpath: str, properties: Path) -> None:
    tool = [str(java), "-XX:TieredStopAtLevel=1", "-cp", classpath, "kafka.tools.StorageTool"]
    identity = subprocess.run([*tool, "random-uuid"], capture_output=True, text=True, check=False)
    command = [*tool, "format", "-g", "-t", identity.stdout.strip(), "-c", str(properties)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise StackError(f"Kafka's data folder could not be formatted. It said:\n{answer.stdout}{answer.stderr}")


async def is_ready(facts: Facts) -> bool:
    """Whether the broker answers."""
    # First without the client, which writes an error for every attempt that fails.
    return await listens(port_of(KAFKA, facts)) and await answers(address(facts))


async def lag(facts: Facts, kept: Mapping[str, Mapping[tuple[str, int], int]]) -> dict[str, dict[str, int]]:
    """Messages that each group has not yet read, by group and topic. `kept` are next offsets that a group stores itself."""
    there = await bounds(address(facts), sorted({topic for topics in READS.values() for topic in topics}))
    done = await committed(address(facts), list(READS))
    behind: dict[str, dict[str, int]] = {}
    for group, topics in READS.items():
        read = done[group] | dict(kept.get(group, {}))
        behind[group] = dict.fromkeys(topics, 0)
        for (topic, partition), (begin, end) in there.items():
            if topic in topics:
                behind[group][topic] += max(0, end - max(read.get((topic, partition), 0), begin))
    return behind


async def dead_letters(facts: Facts, handled: Collection[tuple[str, int, int]]) -> dict[str, int]:
    """Messages put aside and not handled since, by topic. `handled` are topic, partition and offset of those that were."""
    there = await bounds(address(facts), [dead_letter_topic(group) for group in READS])
    counts = {dead_letter_topic(group): 0 for group in READS}
    for (topic, partition), (begin, end) in there.items():
        done = sum(begin <= place < end for of, number, place in handled if (of, number) == (topic, partition))
        counts[topic] += end - begin - done
    return counts
