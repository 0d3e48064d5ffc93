"""What a process of segments must be told from outside."""

from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, ServiceSettings


class Settings(ServiceSettings, ApiSettings, CallerSettings):
    """Read from `SEGMENTS_…`. `sweep_minutes` is how often memberships are held against search, 0 is never."""

    model_config = SettingsConfigDict(env_prefix="SEGMENTS_", frozen=True, extra="ignore")

    search_url: str
    contacts_url: str
    sweep_minutes: float = 60.0
