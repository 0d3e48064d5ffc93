"""The shape of what preferences answer, for the OpenAPI document."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from common.answers import Shape


class Preferences(Shape):
    """What the caller has set, with whatever else a frontend keeps."""

    model_config = ConfigDict(extra="allow")

    copy_country_code: Annotated[bool, Field(description="False: numbers are copied in the national form, 010-1234-5678.")]
    language: Annotated[Literal["ko", "en"] | None, Field(description="Null: whatever the browser asks for.")]
