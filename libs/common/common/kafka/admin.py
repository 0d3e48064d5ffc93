"""Topics, how far they go, and how far groups have read them."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, TopicAlreadyExistsError

from common.kafka.connecting import Where, options, start
from common.telemetry import log
from common.topics import TOPICS, Topic


async def create_topics(servers: Where, topics: Sequence[Topic] = TOPICS, *, replicas: int = 1) -> None:
    """Make those of the topics that are not there yet."""
    admin = AIOKafkaAdminClient(**options(servers))
    await start(admin, servers)
    try:
        there = set(await admin.list_topics())
        new = [NewTopic(t.name, t.partitions, replicas, topic_configs=dict(t.config)) for t in topics if t.name not in there]
        if new:
            try:
                await admin.create_topics(new)
            except TopicAlreadyExistsError:
                log.info("topics were made by another process just now")
    finally:
        await admin.close()


async def answers(servers: Where) -> bool:
    """Whether the brokers can be talked to."""
    admin = AIOKafkaAdminClient(**options(servers), request_timeout_ms=5000)
    try:
        await start(admin, servers)
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return True


async def bounds(servers: Where, topics: Sequence[str]) -> dict[tuple[str, int], tuple[int, int]]:
    """For each (topic, partition) the first offset that is kept and the next that will be written."""
    client = AIOKafkaConsumer(*topics, **options(servers))  # without a group it has every partition at once
    try:
        await start(client, servers)
        partitions = list(client.assignment())
        begins, ends = await client.beginning_offsets(partitions), await client.end_offsets(partitions)
    finally:
        await client.stop()
    return {(p.topic, p.partition): (begins[p], end) for p, end in ends.items()}


async def committed(servers: Where, groups: Sequence[str]) -> dict[str, dict[tuple[str, int], int]]:
    """For each group and (topic, partition) the next offset that the group will read, as committed in Kafka."""
    admin = AIOKafkaAdminClient(**options(servers))
    found: dict[str, dict[tuple[str, int], int]] = {}
    try:
        await start(admin, servers)
        for group in groups:
            offsets = await admin.list_consumer_group_offsets(group)
            found[group] = {(p.topic, p.partition): o.offset for p, o in offsets.items()}
    except GroupCoordinatorNotAvailableError:  # before any group has ever been there
        return {group: {} for group in groups}
    finally:
        await admin.close()
    return found
