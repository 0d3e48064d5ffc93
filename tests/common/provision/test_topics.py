"""Topics made, and kept as they are to be, on the real Kafka."""

from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from common.kafka import keep_topics
from common.topics import Topic
from localstack.stack import Stack


async def settings_of(servers: Stack, name: str, **changed: str) -> dict[str, str]:
    """What is set for a topic itself, after somebody has set it so."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    try:
        if changed:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, changed)])
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    finally:
        await admin.close()
    entries = answer.resources[0][4]  # pyright: ignore[reportAttributeAccessIssue] - the client has no types
    return {entry[0]: entry[1] for entry in entries if entry[3] == 1}


async def test_a_topic_is_made_once_and_what_differs_is_set_and_what_others_set_stays(servers: Stack) -> None:
    name = f"test.{uuid4().hex[:12]}"
    made = Topic(name, partitions=2, config={"retention.ms": "1000"})
    assert await keep_topics(servers.kafka, [made], replicas=1, min_insync=1) == ([f"{name} made"], [])
    assert await keep_topics(servers.kafka, [made], replicas=1, min_insync=1) == ([], [])
    kept = {"retention.ms": "1000", "min.insync.replicas": "1"}
    assert await settings_of(servers, name) == kept
    await settings_of(servers, name, **{"retention.ms": "5", "max.message.bytes": "2000000"})
    longer = Topic(name, partitions=2, config={"retention.ms": "2000"})
    assert await keep_topics(servers.kafka, [longer], replicas=1, min_insync=1) == (
        [f"{name}: min.insync.replicas, retention.ms set"],
        [],
    )
    assert await settings_of(servers, name) == kept | {"retention.ms": "2000", "max.message.bytes": "2000000"}


async def test_what_cannot_be_changed_under_those_who_use_it_is_told(servers: Stack) -> None:
    name = f"test.{uuid4().hex[:12]}"
    await keep_topics(servers.kafka, [Topic(name, partitions=2)], replicas=1, min_insync=1)
    done, left = await keep_topics(servers.kafka, [Topic(name, partitions=4)], replicas=3, min_insync=1)
    assert done == []
    assert [words.split(" has ")[1].split(":")[0] for words in left] == ["2 partitions, not 4", "other than 3 replicas"]
