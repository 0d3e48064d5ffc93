"""Answers a browser in words where the button of the page brought no file: without script, the answer is what one sees."""

import re
from typing import Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.ids import parse_id
from common.language import language_of
from exports.link.rendering import Pages, Refusal

_BUTTON = re.compile(r"/v1/exports/([^/]+)/download")
_PROBLEM = "application/problem+json"
_REFUSED = 400


class Browsers:
    """ASGI middleware around the whole application. Whoever does not ask for HTML is answered as without it."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        match = _BUTTON.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if match is None or "text/html" not in Headers(scope=scope).get("Accept", ""):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []
        body = bytearray()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_refusal(message):
                held.append(message)
            elif not held:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    await self._answer(held.pop(), bytes(body), match[1], scope, send)

        await self._app(scope, receive, sending)

    async def _answer(self, start: Message, body: bytes, named: str, scope: Scope, send: Send) -> None:
        language = language_of(Headers(scope=scope).get("Accept-Language"))
        told: dict[str, Any] = orjson.loads(body)
        refusal = Refusal(start["status"], told["code"], told["detail"], told.get("exportStatus"))
        page = self._pages.of_refusal(parse_id(named), refusal, language).encode()
        headers = MutableHeaders(raw=list(start["headers"]))
        headers.update({**self._pages.headers(language), "Content-Type": "text/html; charset=utf-8"})
        if "Content-Length" in headers:
            headers["Content-Length"] = str(len(page))
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": page, "more_body": False})


def _is_refusal(start: Message) -> bool:
    kind: str = Headers(raw=list(start["headers"])).get("Content-Type", "")
    return start["status"] >= _REFUSED and kind.startswith(_PROBLEM)
