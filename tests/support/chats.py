"""What each service of the outside checks of an incoming message, by its public documents, and how it answers."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import jsonschema
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.outside import Reply, Taken

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "syt_a2lt_token"
ROOM = "/_matrix/client/v3/rooms/!abc:matrix.example"

_TEXT = {"type": "string", "minLength": 1, "maxLength": 3000}


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [*required], "properties": properties}


_PLAIN = _object(["type", "text"], type={"const": "plain_text"}, text=_TEXT, emoji={"type": "boolean"})
_MRKDWN = _object(["type", "text"], type={"const": "mrkdwn"}, text=_TEXT, verbatim={"type": "boolean"})
_SECTION = _object(["type", "text"], type={"const": "section"}, text={"oneOf": [_PLAIN, _MRKDWN]})
SLACK = {
    "type": "object", "additionalProperties": False, "required": ["text"],
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 40_000},
        "blocks": {"type": "array", "minItems": 1, "maxItems": 50, "items": _SECTION},
        "unfurl_links": {"type": "boolean"}, "unfurl_media": {"type": "boolean"},
    },
}  # fmt: skip
TEAMS = {
    "type": "object", "additionalProperties": False, "required": ["type", "attachments"],
    "properties": {
        "type": {"const": "message"},
        "attachments": {"type": "array", "minItems": 1, "maxItems": 1, "items": {
            "type": "object", "additionalProperties": False, "required": ["contentType", "content"],
            "properties": {
                "contentType": {"const": "application/vnd.microsoft.card.adaptive"}, "contentUrl": {"type": "null"},
                "content": {
                    "type": "object", "additionalProperties": False, "required": ["type", "version"],
                    "properties": {
                        "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
                        "type": {"const": "AdaptiveCard"}, "version": {"enum": ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"]},
                        "body": {"type": "array", "items": {
                            "type": "object", "additionalProperties": False, "required": ["type", "inlines"],
                            "properties": {"type": {"const": "RichTextBlock"}, "inlines": {"type": "array", "items": {
                                "type": "object", "additionalProperties": False, "required": ["type", "text"],
                                "properties": {"type": {"const": "TextRun"}, "text": {"type": "string"}},
                            }}},
                        }},
                        "actions": {"type": "array", "items": {
                            "type": "object", "additionalProperties": False, "required": ["type", "url"],
                            "properties": {"type": {"const": "Action.OpenUrl"}, "title": {"type": "string"},
                                           "url": {"type": "string", "pattern": "^https?://"}},
                        }},
                    },
                },
            },
        }},
    },
}  # fmt: skip
MATTERMOST = {
    "type": "object", "additionalProperties": False, "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 16_383}},
}  # fmt: skip
DISCORD = {
    "type": "object", "additionalProperties": False, "required": ["content"],
    "properties": {
        "content": {"type": "string", "minLength": 1, "maxLength": 2000},
        "allowed_mentions": {"type": "object", "additionalProperties": False, "properties": {
            "parse": {"type": "array", "items": {"enum": ["roles", "users", "everyone"]}}}},
        "flags": {"type": "integer", "enum": [4]},
    },
}  # fmt: skip
MATRIX = {
    "type": "object",
    "required": ["msgtype", "body"],
    "properties": {"msgtype": {"enum": ["m.text", "m.notice"]}, "body": {"type": "string"}, "m.mentions": {"type": "object"}},
}
WEBHOOK = {
    "type": "object", "required": ["type", "timestamp", "data"],
    "properties": {
        "type": {"type": "string", "pattern": r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$"},
        "timestamp": {"type": "string", "format": "date-time"}, "data": {"type": "object"},
    },
}  # fmt: skip


def _fits(schema: Mapping[str, Any], body: bytes, most: int) -> bool:
    if len(body) > most:
        return False
    try:
        jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(json.loads(body))
    except (jsonschema.ValidationError, ValueError):
        return False
    return True


def _posted(taken: Taken) -> bool:
    return taken.method == "POST" and taken.headers.get("content-type") == "application/json"


def slack(taken: Taken) -> Reply:
    return Reply() if _posted(taken) and _fits(SLACK, taken.body, 150_000) else Reply(400, b"invalid_blocks")


def teams(taken: Taken) -> Reply:
    return Reply(202, b"") if _posted(taken) and _fits(TEAMS, taken.body, 28_000) else Reply(400, b"bad card")


def mattermost(taken: Taken) -> Reply:
    return Reply() if _posted(taken) and _fits(MATTERMOST, taken.body, 60_000) else Reply(400, b"Unable to parse incoming data")


def discord(taken: Taken) -> Reply:
    return Reply(204, b"") if _posted(taken) and _fits(DISCORD, taken.body, 60_000) else Reply(400, b'{"code": 50006}')


def matrix(taken: Taken) -> Reply:
    if taken.headers.get("authorization") != f"Bearer {TOKEN}":
        return Reply(401, b'{"errcode": "M_UNKNOWN_TOKEN"}')
    put = re.fullmatch(r"/_matrix/client/v3/rooms/([^/]+)/send/m\.room\.message/[^/]+", taken.path)
    if taken.method != "PUT" or put is None or unquote(put[1]) != "!abc:matrix.example":
        return Reply(404, b'{"errcode": "M_UNRECOGNIZED"}')
    return Reply(200, b'{"event_id": "$x"}') if _fits(MATRIX, taken.body, 65_536) else Reply(400, b'{"errcode": "M_BAD_JSON"}')


def webhook(taken: Taken) -> Reply:
    try:
        Webhook(SECRET).verify(taken.body, dict(taken.headers))
    except WebhookVerificationError:
        return Reply(401, b"bad signature")
    return Reply() if _posted(taken) and _fits(WEBHOOK, taken.body, 20_000) else Reply(400, b"bad payload")


CHATS: Mapping[str, Callable[[Taken], Reply]] = {
    "slack": slack, "teams": teams, "mattermost": mattermost, "matrix": matrix, "discord": discord, "webhook": webhook,
}  # fmt: skip
"""Each kind's judge."""

PATHS: Mapping[str, str] = {
    "slack": "/services/T00/B00/xxx", "teams": "/workflows/abc/triggers/manual?sig=x", "mattermost": "/hooks/xxx",
    "matrix": ROOM, "discord": "/api/webhooks/1/x", "webhook": "/hook",
}  # fmt: skip
SECRETS: Mapping[str, str] = {"matrix": TOKEN, "webhook": SECRET}
