"""Teams: a Workflows webhook is sent an Adaptive Card (https://adaptivecards.io/explorer). Pure."""

from typing import Any

from notify.kinds.message import Message
from notify.kinds.plain import fitted, plain

MOST_TEXT = 5000
"""Far below the 28 KB of a message."""


def body(message: Message) -> dict[str, Any]:
    """What was typed stands in a `TextRun`, in which Teams knows no Markdown; `{` would begin a template's expression."""
    text = fitted(plain(message.text), MOST_TEXT, _no_template)
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}],
    }
    if message.link is not None:
        card["actions"] = [{"type": "Action.OpenUrl", "title": message.label, "url": message.link}]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def _no_template(text: str) -> str:
    return text.replace("{", "｛").replace("}", "｝")
