"""Lets pages of known origins call the two addresses that browser keys are for, and no page anything else."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import Forbidden, Problem
from common.problems import problem_response

_HEADERS = "authorization, content-type, idempotency-key, traceparent, tracestate"
_EXPOSED = "Retry-After, Idempotency-Replayed"
_SECONDS = 600
"""How long a browser may remember a preflight's answer: not much longer than a key lives on after it was revoked."""


class Cors:
    """ASGI middleware around the border: a preflight carries no token, so it is answered before one is asked for.

    An origin that no key of any channel is for gets no header. Whether this key is for this origin is checked where the key is.
    """

    def __init__(self, app: ASGIApp, is_known: Callable[[str], Awaitable[bool]]) -> None:
        self._app = app
        self._is_known = is_known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            await self._answer(scope, receive, send)
        except Problem as problem:  # of the asking for origins; whatever is behind answers its own
            await problem_response(problem)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope.get("headers", ())}
        origin, open_to_pages = headers.get(b"origin"), _method(scope)
        if origin is None or open_to_pages is None:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _preflight(open_to_pages, await self._allowed(origin))(scope, receive, send)
        elif scope["method"] == open_to_pages:
            allowed = await self._allowed(origin)
            exposed = {"Access-Control-Expose-Headers": _EXPOSED} if allowed else {}
            await self._app(scope, receive, _adding({**allowed, **exposed, "Vary": "Origin"}, send))
        else:
            await self._app(scope, receive, send)

    async def _allowed(self, origin: str) -> dict[str, str]:
        return {"Access-Control-Allow-Origin": origin} if await self._is_known(origin) else {}


def _method(scope: Scope) -> str | None:
    """Which method of the address is open to pages."""
    path = scope["path"] if scope["type"] == "http" else ""
    if path == "/v1/visits":
        return "POST"
    return "PUT" if path.startswith("/v1/contacts/@") else None


def _preflight(method: str, allowed: dict[str, str]) -> Response:
    vary = {"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
    if not allowed:
        detail = "Pages of this origin may not call. Whoever manages the channel can add it to a browser key."
        return problem_response(Forbidden(detail, code="originNotAllowed", headers=vary))
    told = {
        "Access-Control-Allow-Methods": method,
        "Access-Control-Allow-Headers": _HEADERS,
        "Access-Control-Max-Age": f"{_SECONDS}",
    }
    return Response(None, HTTPStatus.NO_CONTENT, {**allowed, **told, **vary})


def _adding(more: dict[str, str], send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.lower().encode(), value.encode("latin-1")) for name, value in more.items()]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending
