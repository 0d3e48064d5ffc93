"""Keeps a member id's slashes apart from the address's: `@a%2Fhistory` is a member, `@a/history` the history of another.

Routes are matched by a path that is already decoded, in which the two are one. So of a member's path nothing is decoded until it
was matched.
"""

from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import NotFound

_CONTACTS = "/v1/contacts/"
_BELOW = ("/history", "/visits")


class MemberPaths:
    """Hands requests on, the path of a member as it was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"].startswith(f"{_CONTACTS}@"):
            scope = {**scope, "path": _as_sent(scope)}
        await self._app(scope, receive, send)


def _as_sent(scope: Scope) -> str:
    raw = scope["raw_path"].decode("latin-1")
    if not raw.startswith(_CONTACTS):  # an escape where none is needed: all that can be known is the decoded path
        raw = quote(scope["path"], safe="/")
    sent = raw[len(_CONTACTS) :]
    return f"{_CONTACTS}@{sent[3:] if sent.startswith('%') else sent[1:]}"


def member_of(sent: str) -> str:
    """The member id that a part of a path names. Raises NotFound where that is what a member has, not a member."""
    if sent.endswith(_BELOW):
        raise NotFound("History and visits are only read. A slash that is part of a member id is written %2F.")
    return unquote(sent)
