"""Where Kafka is, and how a process shows who it is there."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "OAUTHBEARER"]


@dataclass(frozen=True, slots=True)
class Brokers:
    """Addresses, `host:port` with commas between them, and what the connection needs.

    `ca`, `certificate` and `key` are each the path of a PEM file, or its text. For OAUTHBEARER the token stands in the file
    `token_path`, read again for each connection, or `token_url` gives one to `user` with `password`.
    """

    servers: str
    security: Security = "PLAINTEXT"
    mechanism: Mechanism | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    token_path: Path | None = None
    token_url: str | None = None
    token_scope: str | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether it is TLS that is spoken."""
        return self.security.endswith("SSL")

    @property
    def asks_who(self) -> bool:
        """Whether a user, or a token, is to be shown."""
        return self.security.startswith("SASL")

    def missing(self) -> str | None:
        """What does not fit together, in words for whoever set it; None where all does."""
        if not self.asks_who and (self.mechanism or self.user or self.password or self.token_path or self.token_url):
            return "a mechanism, user, password or token is for kafka_security SASL_SSL or SASL_PLAINTEXT"
        if not self.is_encrypted and (self.ca or self.certificate or self.key):
            return "a CA, certificate or key is for kafka_security SSL or SASL_SSL"
        if (self.certificate is None) != (self.key is None):
            return "kafka_certificate and kafka_key are given together, or neither"
        return self._unshown() if self.asks_who else None

    def _unshown(self) -> str | None:
        if self.mechanism is None:
            return "kafka_mechanism is missing: SCRAM-SHA-512, SCRAM-SHA-256, PLAIN or OAUTHBEARER"
        if self.mechanism in ("PLAIN", "OAUTHBEARER") and not self.is_encrypted:
            return f"{self.mechanism} sends its secret as it is: it is for kafka_security SASL_SSL alone"
        if self.mechanism != "OAUTHBEARER":
            if self.token_path or self.token_url:
                return "a token is for kafka_mechanism OAUTHBEARER"
            return None if self.user and self.password else "kafka_user and kafka_password are both needed"
        if (self.token_path is None) == (self.token_url is None):
            return "one of kafka_token_path and kafka_token_url is needed"
        if self.token_path is None and not (self.user and self.password):
            return "kafka_token_url needs kafka_user and kafka_password, the client that asks there"
        return None
