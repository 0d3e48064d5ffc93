"""Topics made, and kept as they are to be: partitions, replicas, how long they keep what."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from common.kafka.away import away_is_unavailable
from common.kafka.connecting import Where, options, start
from common.topics import Topic

_SET_FOR_THE_TOPIC = 1
"""Where a setting is from, in Kafka's words: DYNAMIC_TOPIC_CONFIG."""


async def keep_topics(servers: Where, topics: Sequence[Topic], *, replicas: int, min_insync: int) -> tuple[list[str], list[str]]:
    """Make those that are missing, and set what differs; answers what was done, and what a person must do.

    Partitions are never added: keys would lie in others than their shards. Nor are replicas moved. Raises Unavailable.
    """
    wanted = {t.name: {**t.config, "min.insync.replicas": str(min_insync)} for t in topics}
    done: list[str] = []
    with away_is_unavailable():
        admin = AIOKafkaAdminClient(**options(servers))
        await start(admin, servers)
        try:
            there = set(await admin.list_topics())
            missing = [t for t in topics if t.name not in there]
            if missing:
                made = await admin.create_topics(
                    [NewTopic(t.name, t.partitions, replicas, topic_configs=wanted[t.name]) for t in missing]
                )
                _check(made.topic_errors)  # pyright: ignore[reportAttributeAccessIssue] - the client has no types
                done += [f"{t.name} made" for t in missing]
            kept = [t for t in topics if t.name in there]
            for name, settings in (await _settings(admin, [t.name for t in kept])).items():
                if differing := {key for key, value in wanted[name].items() if settings.get(key) != value}:
                    await _set(admin, name, settings | wanted[name])
                    done.append(f"{name}: {', '.join(sorted(differing))} set")
            left = [words for t in kept for words in await _left(admin, t, replicas)]
        finally:
            await admin.close()
    return done, left


async def _settings(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What is set for each of these topics itself."""
    if not names:
        return {}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        resources: Any = answer.resources  # pyright: ignore[reportAttributeAccessIssue] - the client has no types
        for _, _, _, name, entries in resources:
            found[name] = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_FOR_THE_TOPIC}
    return found


async def _set(admin: AIOKafkaAdminClient, name: str, settings: Mapping[str, str]) -> None:
    """All at once: what is left out would be forgotten."""
    for answer in await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(settings))]):
        _check([(each[3], each[0], each[1]) for each in answer.resources])  # pyright: ignore[reportAttributeAccessIssue]


async def _left(admin: AIOKafkaAdminClient, topic: Topic, replicas: int) -> list[str]:
    (described,) = await admin.describe_topics([topic.name])
    partitions = described["partitions"]
    words: list[str] = []
    if len(partitions) != topic.partitions:
        words.append(f"{topic.name} has {len(partitions)} partitions, not {topic.partitions}: make it anew, then tell all again")
    if any(len(p["replicas"]) != replicas for p in partitions):
        words.append(f"{topic.name} has other than {replicas} replicas: move them by kafka-reassign-partitions")
    return words


def _check(answers: Sequence[Sequence[Any]]) -> None:
    for _, code, *_ in answers:
        if code and for_code(code).__name__ != "TopicAlreadyExistsError":
            raise for_code(code)
