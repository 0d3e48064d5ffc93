"""What search must be told from outside."""

from dataclasses import replace

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, ServiceSettings, said
from search.cluster import Cluster


class Settings(ServiceSettings, CallerSettings, ApiSettings):
    """`SEARCH_…` of the environment. `fingerprint_key` signs cursors and fingerprints.

    `readers_seconds`: how long a rebuild leaves the old index to those who began a list in it. A point in time that nobody reads
    in any more goes after 5 minutes, at the next minute's turn. `index_replicas`: with how many `migrate` makes the index, and
    `provision` keeps it. `admin_…` is for `provision` alone (docs/connections.md).
    """

    model_config = SettingsConfigDict(env_prefix="SEARCH_")

    opensearch: str
    opensearch_user: str | None = None
    opensearch_password: SecretStr | None = None
    opensearch_api_key: SecretStr | None = None
    opensearch_ca: str | None = None
    opensearch_certificate: str | None = None
    opensearch_key: SecretStr | None = None
    admin_opensearch_user: str | None = None
    admin_opensearch_password: SecretStr | None = None
    contacts_url: str
    segments_url: str
    fingerprint_key: SecretStr
    readers_seconds: float = 7 * 60.0
    index_replicas: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _fit_cluster(self) -> "Settings":
        if missing := self.cluster.missing():
            raise ValueError(missing)
        if (self.admin_opensearch_user is None) != (self.admin_opensearch_password is None):
            raise ValueError("admin_opensearch_user and admin_opensearch_password are given together, or neither")
        return self

    @property
    def cluster(self) -> Cluster:
        """How the service connects to OpenSearch."""
        return Cluster(
            self.opensearch, self.opensearch_user, said(self.opensearch_password), said(self.opensearch_api_key),
            self.opensearch_ca, self.opensearch_certificate, said(self.opensearch_key),
        )  # fmt: skip

    @property
    def admin_cluster(self) -> Cluster:
        """How `provision` connects to OpenSearch."""
        if self.admin_opensearch_user is None:
            return self.cluster
        return replace(self.cluster, user=self.admin_opensearch_user, password=said(self.admin_opensearch_password), api_key=None)
