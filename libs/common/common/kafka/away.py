"""What its client raises while Kafka is away, in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from common.errors import Unavailable
from common.kafka.connecting import NotLetIn

_NO_RIGHT = (ClusterAuthorizationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError)


@contextmanager
def away_is_unavailable() -> Iterator[None]:
    """Raises Unavailable where Kafka does not answer: the same may be asked again."""
    try:
        yield
    except NotLetIn as error:
        raise Unavailable(str(error)) from error
    except _NO_RIGHT as error:
        missing = f"Kafka does not give this service a right that it needs ({type(error).__name__})"
        raise Unavailable(f"{missing}. What each needs is in docs/events/README.md.") from error
    except (KafkaError, OSError) as error:  # a time-out is an OSError
        raise Unavailable(f"Kafka does not answer ({type(error).__name__}). Try again in a moment.") from error
