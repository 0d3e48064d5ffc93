"""Who only identifies: says who somebody is without seeing anything of it. What it may write, and how it proves whom it names."""

import hashlib
import hmac
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from common.built_ins import CONSENTS
from common.caller import Caller
from common.errors import Forbidden
from common.pointer import escape
from contacts.profile_field import PRESETS

_OF_THE_TEAM = ("blocked", "tags", "addTags", "removeTags")


@dataclass(frozen=True, slots=True)
class Page(Caller):
    """A page that comes with a browser key; with a secret it has to prove which member it is."""

    secret: str | None = field(default=None, compare=False, repr=False)


def check_person(caller: Caller) -> None:
    """Raises Forbidden for a page: its key is everybody's, so nothing is its own."""
    if isinstance(caller, Page):
        raise Forbidden("A browser key is for `POST /v1/visits` and `PUT /v1/contacts/@{memberId}` alone.")


def member_hash(secret: str, member_id: str) -> str:
    """The HMAC-SHA256 of a member id, in hexadecimal; the key is the secret's text as it was shown, in UTF-8."""
    return hmac.new(secret.encode(), member_id.encode(), hashlib.sha256).hexdigest()


def proved(caller: Caller, member_id: object, body: Mapping[str, object], pointer: str) -> Mapping[str, object]:
    """What a page says of a member, without the proof that the member is its own.

    Raises Forbidden where the caller's key asks for a proof and there is no right one. A page may send it before its key asks.
    """
    if not isinstance(caller, Page) or not isinstance(member_id, str):
        return body
    given = body.get("memberHash")
    if caller.secret is not None:
        wanted = member_hash(caller.secret, member_id)
        if not isinstance(given, str) or not hmac.compare_digest(given.lower().encode(), wanted.encode()):
            raise Forbidden(
                "This browser key verifies members: send `memberHash`, the HMAC-SHA256 of the memberId by the key's secret, in "
                "hexadecimal, as your server makes it.",
                code="memberNotVerified",
                pointer=f"{pointer}/memberHash",
            )
    return {key: value for key, value in body.items() if key != "memberHash"}


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
