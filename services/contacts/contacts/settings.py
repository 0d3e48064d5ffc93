"""What contacts must be told from outside."""

from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, FileSettings, ServiceSettings


class Settings(ServiceSettings, CallerSettings, ApiSettings, FileSettings):
    """`CONTACTS_…` of the environment. `files` is a folder that the API's processes and the workers share; each has its own where
    a `store` is given.
    """

    model_config = SettingsConfigDict(env_prefix="CONTACTS_")

    search_url: str
    segments_url: str
    exports_url: str
