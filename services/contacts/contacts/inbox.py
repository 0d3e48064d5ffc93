"""A contact as the customer panel of the inbox shows it: without the fields that are not visible there. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from common.events.contacts import FieldDefinition

_ALWAYS = "id"
"""Whatever is left out, the panel must know whose it is."""


def in_the_inbox(contact: Mapping[str, Any], fields: Iterable[FieldDefinition]) -> dict[str, Any]:
    """The contact, as the API shows it, without the members whose `inboxVisible` is false; `web.os` is the `os` of its `web`."""
    shown = {**contact, "profile": dict(contact["profile"])}
    for definition in fields:
        if definition.inbox_visible or definition.key == _ALWAYS:
            continue
        holder, dot, member = definition.key.partition(".")
        if not dot:
            shown.pop(definition.key, None)
        elif isinstance(within := shown.get(holder), Mapping):
            shown[holder] = {name: value for name, value in within.items() if name != member}
    return shown
