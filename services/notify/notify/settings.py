"""What notify must be told from outside."""

from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, ServiceSettings


class Settings(ServiceSettings, ApiSettings):
    """`NOTIFY_…` of the environment. `public_url` is where links lead: the gateway as people reach it."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_", frozen=True, extra="ignore")

    public_url: str
