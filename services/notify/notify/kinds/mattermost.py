"""Mattermost: an incoming webhook is sent Markdown (https://developers.mattermost.com/integrate/webhooks/incoming). Pure."""

from typing import Any

from notify.kinds.message import Message
from notify.kinds.plain import escaped, fitted, plain

MOST_TEXT = 4000
"""Of older servers; those of today take 16,383."""


def body(message: Message) -> dict[str, Any]:
    """Markdown in which every mark is escaped, and our link."""
    link = "" if message.link is None else f"\n[{message.label}](<{message.link}>)"
    return {"text": fitted(plain(message.text), MOST_TEXT - len(link), escaped) + link}
