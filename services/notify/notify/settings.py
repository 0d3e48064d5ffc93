"""What notify must be told from outside."""

from typing import Annotated

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import NoDecode, SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, ServiceSettings
from notify.sending.address import Allowed, read_allowed


def _read(value: object) -> object:
    return read_allowed(value) if isinstance(value, str) else value


class Settings(ServiceSettings, CallerSettings, ApiSettings):
    """`NOTIFY_…` of the environment. `public_url` is where links lead: the gateway as people reach it.

    `sealing_key` is 32 bytes in hexadecimal; `allow` names hosts and CIDRs, separated by commas, that notices may go to although
    they are not public.
    """

    model_config = SettingsConfigDict(env_prefix="NOTIFY_", arbitrary_types_allowed=True)

    public_url: str
    segments_url: str
    sealing_key: SecretStr
    allow: Annotated[Allowed, NoDecode, BeforeValidator(_read)] = Allowed()
