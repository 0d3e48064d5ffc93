"""Notes refusals in the audit log, whoever refuses: the border, a permission, the body's shape or a rule."""

import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.auth import Caller
from common.errors import Problem
from common.http import caller
from common.ids import parse_id
from common.problems import problem_response
from exports.audit.entry import Action

Note: TypeAlias = Callable[[Caller, Action, UUID | None, str | None, str | None], Awaitable[None]]
"""Takes who was refused, the action, the export's id, the problem's code and the caller's address."""

_ADDRESS = re.compile(r"/v1/exports(?:/([^/]+))?(?:/(download|cancel|revoke|approve|decline))?")
_ACTIONS = {
    None: Action.ASKED, "download": Action.DOWNLOADED, "cancel": Action.CANCELLED, "revoke": Action.REVOKED,
    "approve": Action.APPROVED, "decline": Action.DECLINED,
}  # fmt: skip
_FORBIDDEN, _UNAUTHORIZED = 403, 401


class Refusals:
    """ASGI middleware around the whole application. A refusal is noted before it is answered.

    What counts: every POST on exports that is refused, and every read of exports or of the audit log without permission;
    not a missing token or a browser key (nobody is known who could be written down) and not a server's own trouble.
    """

    def __init__(self, app: ASGIApp, note: Note) -> None:
        self._app = app
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []
        unnoted = False

        async def sending(message: Message) -> None:
            nonlocal unnoted
            if unnoted:
                return
            if message["type"] == "http.response.start" and (action := action_of(scope, message["status"])) is not None:
                held.append({**message, "action": action})
            elif not held:
                await send(message)
            else:
                start = held.pop()
                action, who = start.pop("action"), _known()
                try:
                    if who is not None:
                        await self._note(who, action, _target(scope), _code(message), address_of(scope))
                except Problem as problem:  # as PostgreSQL is away: then nothing is refused, and it may be asked again
                    unnoted = True
                    await problem_response(problem)(scope, receive, send)
                    return
                await send(start)
                await send(message)

        await self._app(scope, receive, sending)


def _known() -> Caller | None:
    """Whoever is calling; None for a browser key, which the border turns away unread."""
    try:
        return caller()
    except LookupError:
        return None


def action_of(scope: Scope, status: int) -> Action | None:
    """What was refused, in the audit log's words; None where the answer is no refusal to be noted."""
    if not 400 <= status < 500 or status == _UNAUTHORIZED:
        return None
    path: str = scope["path"]
    match = _ADDRESS.fullmatch(path)
    if match is not None and scope["method"] == "POST" and (match[1] is None) == (match[2] is None):
        return _ACTIONS[match[2]]
    if status != _FORBIDDEN:
        return None
    return Action.AUDIT_READ if path == "/v1/audit" else Action.READ


def address_of(scope: Scope) -> str | None:
    """The caller's address: whoever connected, or whom the gateway named where that is one of `trusted_proxies`."""
    client = scope.get("client")
    return client[0][:64] if client else None


def _target(scope: Scope) -> UUID | None:
    match = _ADDRESS.match(scope["path"])
    return parse_id(match[1]) if match is not None and match[1] else None


def _code(message: Message) -> str | None:
    """The code of a problem, whose body is always one piece."""
    try:
        problem = orjson.loads(message.get("body", b""))
    except orjson.JSONDecodeError:
        return None
    return problem.get("code") if isinstance(problem, dict) else None
