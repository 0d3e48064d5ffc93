"""From a message to the request that a kind takes, and from an answer to how long the other side wants to be left alone. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

import orjson

from notify.kinds import discord, matrix, mattermost, slack, teams, webhook
from notify.kinds.kind import Kind
from notify.kinds.message import Message
from notify.sending.address import Target
from notify.sending.answer import Answer, retry_after
from notify.sending.call import Call

_MOST_SECONDS = 24 * 60 * 60.0


def call(kind: Kind, target: Target, secret: str | None, message: Message, now: datetime) -> Call:
    """The request. A room has none: it is here."""
    match kind:
        case Kind.SLACK:
            return Call(target, orjson.dumps(slack.body(message)))
        case Kind.TEAMS:
            return Call(target, orjson.dumps(teams.body(message)))
        case Kind.MATTERMOST:
            return Call(target, orjson.dumps(mattermost.body(message)))
        case Kind.DISCORD:
            return Call(target, orjson.dumps(discord.body(message)))
        case Kind.MATRIX:
            placed = replace(target, path=matrix.path(target.path, message))
            return Call(placed, orjson.dumps(matrix.body(message)), {"Authorization": f"Bearer {secret}"}, "PUT")
        case Kind.WEBHOOK:
            assert secret is not None, "a webhook has one"
            body = orjson.dumps(webhook.body(message))
            return Call(target, body, webhook.signature(secret, message.id, now, body))
        case Kind.ROOM:
            raise AssertionError("a room is written to where it is")
        case _:
            assert_never(kind)


def wait_asked(kind: Kind, answer: Answer, now: datetime) -> float | None:
    """The seconds that the other side asks to wait before the next attempt; None where it does not say."""
    asked = retry_after(answer, now)
    if kind is Kind.DISCORD and answer.busy:
        asked = max(asked or 0, _number(answer, "retry_after") or 0) or asked
    if kind is Kind.MATRIX and answer.busy and asked is None:
        millis = _number(answer, "retry_after_ms")
        asked = None if millis is None else millis / 1000
    return None if asked is None else min(asked, _MOST_SECONDS)


def _number(answer: Answer, name: str) -> float | None:
    try:
        told: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    value = told.get(name) if isinstance(told, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None
