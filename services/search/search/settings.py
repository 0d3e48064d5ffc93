"""What search must be told from outside."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, ServiceSettings


class Settings(ServiceSettings, CallerSettings, ApiSettings):
    """`SEARCH_…` of the environment. `fingerprint_key` signs cursors and fingerprints.

    `readers_seconds`: how long a rebuild leaves the old index to those who began a list in it. A point in time that nobody reads
    in any more goes after 5 minutes, at the next minute's turn.
    """

    model_config = SettingsConfigDict(env_prefix="SEARCH_", frozen=True, extra="ignore")

    opensearch: str
    contacts_url: str
    segments_url: str
    fingerprint_key: SecretStr
    readers_seconds: float = 7 * 60.0
