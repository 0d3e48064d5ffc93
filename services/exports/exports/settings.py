"""What exports must be told from outside."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, ServiceSettings


class Settings(ServiceSettings, CallerSettings, ApiSettings):
    """`EXPORTS_…` of the environment. `files` is a folder, `sealing_key` 32 bytes in hexadecimal."""

    model_config = SettingsConfigDict(env_prefix="EXPORTS_", frozen=True, extra="ignore")

    contacts_url: str
    search_url: str
    files: Path
    sealing_key: SecretStr
