"""What contacts must be told from outside."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, ServiceSettings


class Settings(ServiceSettings, CallerSettings, ApiSettings):
    """`CONTACTS_…` of the environment. `files` is a folder that the API's processes and the workers share."""

    model_config = SettingsConfigDict(env_prefix="CONTACTS_", frozen=True, extra="ignore")

    search_url: str
    segments_url: str
    exports_url: str
    files: Path
