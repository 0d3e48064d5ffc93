"""The shapes of what is asked of contacts, for the OpenAPI document: bodies are read by the pure core, never through these."""

from typing import TYPE_CHECKING, Annotated, get_args
from uuid import UUID

from msgspec.structs import fields
from pydantic import Field, JsonValue, create_model

from common.answers import Shape, left_out
from common.built_ins import GIVEN
from common.events.contacts import Contact

if TYPE_CHECKING:

    class _Given(Shape):
        """The built-in fields that callers write."""

else:
    _Given = create_model(
        "_Given",
        __base__=Shape,
        **{
            member.name: (get_args(member.type)[0] | None, left_out())
            for member in fields(Contact)
            if member.encode_name in GIVEN
        },
    )


class ContactToMake(_Given):
    """What is known of a contact. What is left out stays as it is, null clears."""

    profile: dict[str, JsonValue] = left_out("Your own fields by key.")
    profile_once: Annotated[dict[str, JsonValue], Field(description="Your own fields, where they have no value yet.")] = (
        left_out()
    )


class ContactToUpsert(ContactToMake):
    """What is known of a member, and who that was until now."""

    member_id: str = left_out("As in the address, where it is given.")
    lead_id: UUID = left_out("The lead who turned out to be this member.")
    member_hash: str = left_out("Of a browser key that verifies members.")


class MemberOfBatch(ContactToMake):
    """An upsert in a batch."""

    member_id: str
    lead_id: UUID = left_out()


class ContactToChange(ContactToMake):
    """What is to be another from now on."""

    add_tags: list[str] = left_out()
    remove_tags: list[str] = left_out()
    expected: dict[str, JsonValue] = left_out("Values by key as they were seen, null for none: others are a 412 `staleValue`.")


class VisitToRecord(Shape):
    """A visit or custom event; it names either the member or the contact."""

    id: Annotated[str, Field(description="The sender's own: sent twice, it counts once.")]
    member_id: str = left_out()
    contact_id: UUID = left_out()
    name: str = left_out("`visit` where it is left out; any other name is a custom event.")
    at: str = left_out("An RFC 3339 instant; now where it is left out.")
    properties: dict[str, JsonValue] = left_out()
    url: str = left_out()
    device: Annotated[dict[str, str], Field(description="`kind` is `web` or `mobile`; the rest are that device's facts.")] = (
        left_out()
    )
    member_hash: str = left_out("Of a browser key that verifies members.")


class ConsentsToSet(Shape):
    """Consents: true is unsubscribed."""

    unsubscribe_email: bool = left_out()
    unsubscribe_texting: bool = left_out()
    unsubscribe_app_push: bool = left_out()


class ActionToTake(Shape):
    """One change for many contacts."""

    add_tags: list[str] = left_out()
    remove_tags: list[str] = left_out()
    set: ConsentsToSet = left_out()
    blocked: bool = left_out()
