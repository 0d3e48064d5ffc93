"""Kafka, the only folder that knows its client: topics, a producer, a consumer-group source, dead letters."""

from common.kafka.admin import answers, bounds, committed, create_topics
from common.kafka.connecting import NotLetIn, Where
from common.kafka.dead_letters import LETTER_HEADERS, DeadLetter, DeadLetters, TooManyDeadLetters, dead_letter
from common.kafka.producer import MOST_BYTES, Producer
from common.kafka.progress import Progress
from common.kafka.reader import Places, Reader
from common.kafka.source import Positions, Source
from common.kafka.topics import keep_topics

__all__ = [
    "LETTER_HEADERS", "MOST_BYTES", "DeadLetter", "DeadLetters", "NotLetIn", "Places", "Positions", "Producer", "Progress",
    "Reader", "Source", "TooManyDeadLetters", "Where", "answers", "bounds", "committed", "create_topics", "dead_letter",
    "keep_topics",
]  # fmt: skip
