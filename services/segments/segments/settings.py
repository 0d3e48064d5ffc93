"""What a process of segments must be told from outside."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, ServiceSettings


class Settings(ServiceSettings, ApiSettings, CallerSettings):
    """Read from `SEGMENTS_…`.

    `changes_days` is how long a segment's changes are kept, 0 is for ever; `sweep_minutes` how often memberships are held against
    search, 0 is never.
    """

    model_config = SettingsConfigDict(env_prefix="SEGMENTS_")

    search_url: str
    contacts_url: str
    notify_url: str
    changes_days: Annotated[int, Field(ge=0)] = 90
    sweep_minutes: float = 60.0
