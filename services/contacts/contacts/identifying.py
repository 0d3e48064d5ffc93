"""Who only identifies: says who somebody is without seeing anything of it, and what such a caller may write."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

from common.caller import Caller
from common.errors import Forbidden
from common.pointer import escape
from contacts.contact import CONSENTS
from contacts.profile_field import PRESETS

_OF_THE_TEAM = ("blocked", "tags", "addTags", "removeTags")


@dataclass(frozen=True, slots=True)
class Page(Caller):
    """A page that comes with a browser key."""


def check_person(caller: Caller) -> None:
    """Raises Forbidden for a page: its key is everybody's, so nothing is its own."""
    if isinstance(caller, Page):
        raise Forbidden("A browser key is for `POST /v1/visits` and `PUT /v1/contacts/@{memberId}` alone.")


def only_identifies(caller: Caller) -> bool:
    """Whether the caller says who somebody is without seeing anything of it."""
    return caller.may("contacts.identify") and not caller.may("contacts.edit")


def check_identifying(body: Mapping[str, object], expected: int | None) -> None:
    """Raises Forbidden where whoever only identifies would learn of a contact, or write what is not theirs to say.

    Anybody who has the page can name any member: so a key may take a consent back for somebody, and never give one.
    """
    if expected is not None:
        raise Forbidden("A browser key writes without `If-Match`: it is not told which version is there.")
    for key in _OF_THE_TEAM:
        if key in body:
            raise Forbidden(
                "Tags and blocking are the team's to say. This needs the permission `contacts.edit`.", pointer=f"/{key}"
            )
    for key in CONSENTS:
        if key in body and body[key] is not True:
            raise Forbidden(
                "A browser key unsubscribes and does not subscribe again: a key is public, and nobody could tell who agreed. "
                "This needs the permission `contacts.edit`.",
                pointer=f"/{key}",
            )


def check_defined(body: Mapping[str, object], defined: Container[str]) -> None:
    """Raises Forbidden where a body has a profile key of which there is no field (`defined`, as the API writes them) nor preset.

    A channel has room for so many fields, and whoever has the page could use it up with inventions.
    """
    for member in ("profile", "profileOnce"):
        given = body.get(member)
        for key in given if isinstance(given, Mapping) else ():
            if f"profile.{key}" not in defined and key not in PRESETS:
                raise Forbidden(
                    "A browser key fills fields that are there and makes none. Define this one first, or send it from a server.",
                    pointer=f"/{member}/{escape(key)}",
                )
