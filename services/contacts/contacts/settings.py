"""What contacts must be told from outside."""

from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, ServiceSettings


class Settings(ServiceSettings, ApiSettings):
    """`CONTACTS_…` of the environment."""

    model_config = SettingsConfigDict(env_prefix="CONTACTS_", frozen=True, extra="ignore")
