"""Where a service's servers are, for whoever prepares them for it."""

from dataclasses import dataclass, field

from common.brokers import Brokers


@dataclass(frozen=True, slots=True)
class Servers:
    """PostgreSQL as the service connects, and as one who may make databases and roles does; Kafka, and how topics are kept.

    Without an `admin` roles and schemas are somebody else's to make. `owner` is the role of the tables, where that is another.
    """

    postgres: str = field(repr=False)
    admin: str | None = field(repr=False)
    owner: str | None = field(repr=False)
    kafka: Brokers
    replicas: int
    min_insync: int
