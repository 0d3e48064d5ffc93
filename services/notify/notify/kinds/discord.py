"""Discord: a webhook is executed (https://discord.com/developers/docs/resources/webhook#execute-webhook). Pure."""

from typing import Any

from notify.kinds.message import Message
from notify.kinds.plain import escaped, fitted, plain

MOST_CONTENT = 2000
_SUPPRESS_EMBEDS = 1 << 2


def body(message: Message) -> dict[str, Any]:
    """Markdown in which every mark is escaped, and our link; nobody is mentioned, whatever it says."""
    link = "" if message.link is None else f"\n[{message.label}](<{message.link}>)"
    content = fitted(plain(message.text), MOST_CONTENT - len(link), escaped) + link
    return {"content": content, "allowed_mentions": {"parse": []}, "flags": _SUPPRESS_EMBEDS}
