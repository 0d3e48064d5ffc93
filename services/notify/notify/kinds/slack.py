"""Slack: an incoming webhook is sent Block Kit (https://docs.slack.dev/reference/block-kit/blocks). Pure."""

from typing import Any

from notify.kinds.message import Message
from notify.kinds.plain import fitted, plain

MOST_SECTION = 3000


def body(message: Message) -> dict[str, Any]:
    """What was typed stands in `plain_text` alone, which Slack does not interpret; `text`, which it does, is in our own words."""
    blocks: list[dict[str, Any]] = [
        {
            "type": "section",
            "text": {"type": "plain_text", "text": fitted(plain(message.text), MOST_SECTION), "emoji": False},
        }
    ]
    if message.link is not None:
        link = {"type": "mrkdwn", "text": f"<{_address(message.link)}|{message.label}>", "verbatim": True}
        blocks.append({"type": "section", "text": link})
    return {"text": message.title, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _address(link: str) -> str:
    return link.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
