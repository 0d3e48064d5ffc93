"""What a process of segments must be told from outside."""

from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, ServiceSettings


class Settings(ServiceSettings, ApiSettings):
    """Read from `SEGMENTS_…`."""

    model_config = SettingsConfigDict(env_prefix="SEGMENTS_", frozen=True, extra="ignore")
