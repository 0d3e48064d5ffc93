"""Matrix: an event is sent to a room (https://spec.matrix.org/latest/client-server-api, m.room.message). Pure."""

import re
from typing import Any
from urllib.parse import quote, unquote

from notify.kinds.message import Message
from notify.kinds.plain import fitted, plain

MOST_BODY = 16_000
"""Below the 65,536 bytes of an event, however many bytes a character has."""
_ROOM = re.compile(r"(/_matrix/client/(?:v3|r0)/rooms)/((?:!|%21)[^/?]{1,300})(?:/send/m\.room\.message)?/?", re.IGNORECASE)


def is_room(path: str) -> bool:
    """Whether an address leads to a room of a home server."""
    return _ROOM.fullmatch(path) is not None


def path(room: str, message: Message) -> str:
    """Where the message is put: under its own id, so that a home server that has it already takes it no second time."""
    match = _ROOM.fullmatch(room)
    assert match is not None, "the address was checked when it was given"
    return f"{match[1]}/{quote(unquote(match[2]), safe='')}/send/m.room.message/{quote(message.id, safe='')}"


def body(message: Message) -> dict[str, Any]:
    """A notice, as robots write, in plain text alone; it mentions nobody, whatever it says."""
    link = "" if message.link is None else f"\n{message.link}"
    text = fitted(plain(message.text), MOST_BODY - len(link)) + link
    return {"msgtype": "m.notice", "body": text, "m.mentions": {}}
