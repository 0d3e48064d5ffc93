"""What a write did not take, so that nothing is lost in silence: the key has a value for good, or its field is archived. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from common.events.contacts import Contact, FieldDefinition
from common.pointer import escape
from contacts.contact import Write
from contacts.profile_field import fit, is_nothing, same

Reason = Literal["once", "archived"]


@dataclass(frozen=True, slots=True)
class NotWritten:
    """A key as the API writes it, and why its value was not taken."""

    key: str
    reason: Reason

    def members(self) -> dict[str, str]:
        """As it is told."""
        return {"key": self.key, "reason": self.reason}


def not_written(state: Contact | None, write: Write, fields: Mapping[str, FieldDefinition]) -> tuple[NotWritten, ...]:
    """The keys whose values a write of this contact (None: of a new one) does not take; each once, in their order.

    A value that is the same as the one there is no loss, nor is null for a key that holds nothing.
    """
    refused: dict[str, Reason] = {key: reason for key, reason in _refused(state, write, fields) if reason is not None}
    return tuple(NotWritten(f"profile.{key}", reason) for key, reason in refused.items())


def _refused(state: Contact | None, write: Write, fields: Mapping[str, FieldDefinition]) -> Iterator[tuple[str, Reason | None]]:
    kept = state.profile if state is not None else {}
    for member, given in (("profileOnce", write.profile_once), ("profile", write.profile)):
        for key, value in given.items():
            definition, before = fields.get(key), kept.get(key)
            if definition is None or (member == "profile" and definition.collected and not definition.once):
                continue  # by far the most: such a value is always taken
            if not definition.collected:
                yield key, "archived" if not is_nothing(value) or before is not None else None
                continue
            to = fit(definition, value, f"{write.pointer}/{member}/{escape(key)}")
            if member == "profileOnce" and before is None and key in write.profile and not definition.once:
                before = fit(definition, write.profile[key], f"{write.pointer}/profile/{escape(key)}")  # which has the last word
            if (member == "profileOnce" and to is not None) or (member == "profile" and definition.once):
                yield key, "once" if before is not None and not same(to, before) else None
