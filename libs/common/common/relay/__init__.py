"""The relay: outbox → Kafka."""

from common.relay.relay import Relay, Sink

__all__ = ["Relay", "Sink"]
