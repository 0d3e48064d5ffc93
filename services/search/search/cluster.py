"""Where OpenSearch is, and how a process shows who it is there."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cluster:
    """Its address; a user with a password, or an API key.

    `ca`, `certificate` and `key` are each the path of a PEM file, or its text.
    """

    address: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    ca: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    @property
    def is_encrypted(self) -> bool:
        """Whether it is TLS that is spoken."""
        return self.address.startswith("https://")

    def missing(self) -> str | None:
        """What does not fit together, in words for whoever set it; None where all does."""
        if "@" in self.address:
            return "opensearch is an address alone: the user and the password are opensearch_user and opensearch_password"
        if (self.user is None) != (self.password is None):
            return "opensearch_user and opensearch_password are given together, or neither"
        if self.user is not None and self.api_key is not None:
            return "opensearch_user or opensearch_api_key is given, not both"
        if (self.certificate is None) != (self.key is None):
            return "opensearch_certificate and opensearch_key are given together, or neither"
        if not self.is_encrypted and (self.ca or self.certificate):
            return "a CA or a certificate is for an opensearch that begins with https://"
        return None
