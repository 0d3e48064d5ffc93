"""Which POSTs a key guards, and when two of them ask the same."""

import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import orjson
from fastapi import Request

from common.idempotency.attempt import HEADER

E = TypeVar("E", bound=Callable[..., Any])
_REPEATABLE, _STREAMED = "dangol_repeatable", "dangol_streamed"
_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)

PARAMETER = {
    "name": HEADER, "in": "header", "required": False,
    "description": "Sent again with the same body within 24 hours, the request has no second effect and the same answer.",
    "schema": {"type": "string", "maxLength": 255},
}  # fmt: skip

asked: ContextVar[bytes] = ContextVar("asked", default=b"")
"""What this request asks, as `what_is_asked` says."""


def repeatable(endpoint: E) -> E:
    """Marks a POST that changes nothing: with a key it is answered anew, and no answer is kept."""
    setattr(endpoint, _REPEATABLE, True)
    return endpoint


def streamed(endpoint: E) -> E:
    """Marks a POST that reads its body itself, and so calls `begin` itself once it knows what is asked."""
    setattr(endpoint, _STREAMED, True)
    return endpoint


def is_repeatable(endpoint: Callable[..., Any]) -> bool:
    """Whether the endpoint is marked as one that changes nothing."""
    return hasattr(endpoint, _REPEATABLE)


def is_streamed(endpoint: Callable[..., Any]) -> bool:
    """Whether the endpoint is marked as one that reads its body itself."""
    return hasattr(endpoint, _STREAMED)


async def what_is_asked(request: Request, json: object | None) -> bytes:
    """Query and body, alike for two requests that ask the same: JSON by its values, a form without its boundary."""
    query = request.url.query.encode() + b"\0"
    if json is not None:
        return query + orjson.dumps(json, option=orjson.OPT_SORT_KEYS)
    body = await request.body()
    boundary = _BOUNDARY.search(request.headers.get("content-type", ""))
    return query + (body if boundary is None else body.replace(boundary[1].encode("latin-1"), b""))
