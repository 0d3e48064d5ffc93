"""The routes of preferences."""

from typing import Annotated, Literal

from fastapi import Depends, Response
from pydantic import ConfigDict, model_validator

from common.answers import POSITION, answers
from common.auth import Caller
from common.http import Wire, json_response, part, permit, router, where_written
from contacts.identifying import check_person
from contacts.preferences import answers as shapes
from contacts.preferences.handlers import Preferences

routes = router("/v1", tags=["Preferences"])


async def person(caller: Annotated[Caller, Depends(permit())]) -> Caller:
    """Whoever comes with a token of their own. Raises Forbidden for a browser key, which is a page's."""
    check_person(caller)
    return caller


Person = Annotated[Caller, Depends(person)]
Own = Annotated[Preferences, Depends(part(Preferences))]


class PreferencesChange(Wire):
    """Keys to set; null takes one away, and what is not named stays. Any other key is kept as it is given."""

    model_config = ConfigDict(extra="allow", validate_by_name=False)

    copy_country_code: bool | None = None
    language: Literal["ko", "en"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_their_names(cls, body: object) -> object:
        for field, info in cls.model_fields.items():
            if isinstance(body, dict) and field != info.alias and field in body:
                raise ValueError(f"there is no `{field}`; write `{info.alias}`")
        return body


@routes.get("/me/preferences", responses=answers(shapes.Preferences))
async def get_preferences(caller: Person, own: Own) -> Response:
    """What the caller has set in this channel, with the defaults of what they have not."""
    return json_response(await own.read(caller))


@routes.patch("/me/preferences", responses=answers(shapes.Preferences, headers=POSITION))
async def change_preferences(caller: Person, body: PreferencesChange, own: Own) -> Response:
    """Merge these keys into the caller's own, 16 KiB at most."""
    given = body.model_dump(by_alias=True, exclude_unset=True)
    # No reader waits for a preference, so its writes stand nowhere in what they read.
    return json_response(await own.change(caller, given), headers=where_written())
