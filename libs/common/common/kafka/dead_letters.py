"""What can never be understood, put aside with the reason."""

import time
from collections import deque
from dataclasses import dataclass

from common.envelope import Delivered, Message, UnreadableMessage
from common.health import Health
from common.kafka.producer import Producer
from common.loop import moving
from common.telemetry import DEAD_LETTERS, log
from common.topics import dead_letter_topic


class TooManyDeadLetters(Exception):
    """So many messages are not understood that the reader itself must be at fault; it stops before it drains the topic."""


LETTER_HEADERS = ("dlq_reason", "dlq_topic", "dlq_partition", "dlq_offset")
"""What a dead letter carries besides its own headers: why, and where it was."""


class DeadLetters:
    """Puts aside what can never be understood, with the reason and where it came from, up to `limit` a minute.

    While Kafka is away it waits, and `health` is told that the consumer does.
    """

    def __init__(self, producer: Producer, group: str, health: Health, *, limit: int = 100) -> None:
        self._producer = producer
        self._topic = dead_letter_topic(group)
        self._health = health
        self._limit = limit
        self._recent: deque[float] = deque()

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        """Keep the record. Raises TooManyDeadLetters beyond the limit, Unavailable where Kafka takes nothing at all."""
        now = time.monotonic()
        while self._recent and now - self._recent[0] > 60:
            self._recent.popleft()
        if len(self._recent) >= self._limit:
            raise TooManyDeadLetters(f"more than {self._limit} messages within a minute were not understood")
        values = (str(reason), record.topic, str(record.partition), str(record.offset))
        origin = dict(zip(LETTER_HEADERS, values, strict=True))
        letter = Message(self._topic, record.key, record.value, record.headers | origin)
        sending = self._producer.send([letter], partitions=1)
        await moving(sending, self._health, "consumer", "Kafka does not answer")
        self._recent.append(now)
        DEAD_LETTERS.labels(record.topic).inc()
        log.error("a message was put aside", **origin)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a message was put aside, and the message as it had arrived."""

    reason: str
    record: Delivered


def dead_letter(letter: Delivered) -> DeadLetter:
    """Read a message of a dead letters' topic. One that nobody of ours wrote there stands for itself."""
    reason, topic, partition, offset = (letter.headers.get(name, "") for name in LETTER_HEADERS)
    headers = {name: value for name, value in letter.headers.items() if name not in LETTER_HEADERS}
    if not (partition.isdecimal() and offset.isdecimal()):
        return DeadLetter("it does not say where it comes from", letter)
    return DeadLetter(reason, Delivered(topic, int(partition), int(offset), letter.key, letter.value, headers))
