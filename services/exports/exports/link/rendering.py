"""Writes the pages: of an export, of a link that leads nowhere, and of a refusal at the button. No script is on any of them.

The templates escape whatever is put into them; what is sent along keeps a browser from running, loading or framing anything.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import Any
from uuid import UUID

import jinja2
from markupsafe import Markup

from common.language import Language
from exports.export import Status
from exports.link.facts import Facts
from exports.link.words import Said, Words, day_and_time, words_of

_GOOD, _OVER, _BAD = "good", "over", "bad"
_FEW_COLUMNS = 8
"""So many stand there at once; more are opened by whoever wants to see them."""
_TONES = {
    Status.READY: _GOOD, Status.FAILED: _BAD, Status.DECLINED: _BAD, Status.CANCELLED: _OVER, Status.EXPIRED: _OVER,
    Status.REVOKED: _OVER, Status.WITHDRAWN: _OVER,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was answered instead of the file, and where the export stands if that is told."""

    status: int
    code: str
    detail: str
    export_status: str | None = None


class Pages:
    """Writes them for one gateway, as people reach it at `public_url`."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        room = files("exports.link")
        style = room.joinpath("page.css").read_text("utf-8")
        page = room.joinpath("page.html.jinja").read_text("utf-8")
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
        # What is ours is no text to escape, and its hash is over these very characters.
        self._template = environment.from_string(page, {"style": Markup(style)})  # noqa: S704 - a file of this package
        self._policy = _policy(style)

    def headers(self, language: Language) -> Mapping[str, str]:
        """What is sent along with a page."""
        return {
            "Cache-Control": "no-store",
            "Content-Language": language,
            "Content-Security-Policy": self._policy,
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept, Accept-Language",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex, nofollow",
        }

    def of_export(self, export_id: UUID, facts: Facts, language: Language) -> str:
        """What the file is and what became of it; a button while it is there."""
        words, ready = words_of(language), facts.status is Status.READY
        return self._write(
            language, words.state(facts.status), _TONES.get(facts.status, ""), export_id=export_id, facts=facts, ready=ready,
            detail=facts.why(language), in_korean=facts.in_korean(language), command=ready,
        )  # fmt: skip

    def of_nothing(self, language: Language) -> str:
        """The same for every link that leads to no export, whatever stands in it."""
        return self._write(language, words_of(language).nothing, _OVER)

    def of_refusal(self, export_id: UUID | None, refusal: Refusal, language: Language) -> str:
        """Why the button brought no file, and what to do."""
        words = words_of(language)
        said = _said(words, refusal)
        return self._write(
            language, said, _BAD if refusal.status != _UNAUTHORIZED else "", export_id=export_id,
            detail=refusal.detail if said is words.other else None, command=refusal.status == _UNAUTHORIZED, open_=True,
        )  # fmt: skip

    def _write(
        self, language: Language, said: Said, tone: str, *, export_id: UUID | None = None, facts: Facts | None = None,
        ready: bool = False, detail: str | None = None, in_korean: bool = False, command: bool = False, open_: bool = False,
    ) -> str:  # fmt: skip
        written: Any = partial(_written, language=language)
        return self._template.render(
            language=language, words=words_of(language), said=said, tone=tone, id=None if export_id is None else str(export_id),
            facts=facts, ready=ready, detail=detail, detail_language="ko" if in_korean else "en", open=open_,
            written=written, few=_FEW_COLUMNS,
            command=self._command(export_id) if command and export_id is not None else None,
        ).lstrip()  # fmt: skip

    def _command(self, export_id: UUID) -> str:
        return f'curl -fOJ -X POST -H "Authorization: Bearer $TOKEN" {self._public_url}/v1/exports/{export_id}/download'


_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE = 401, 403, 404, 410
_BUSY = frozenset({429, 500, 502, 503, 504})


def _said(words: Words, refusal: Refusal) -> Said:
    if refusal.export_status in set(Status):
        return words.state(Status(refusal.export_status))
    if refusal.status in _BUSY:
        return words.busy
    return {
        _UNAUTHORIZED: words.sign_in, _FORBIDDEN: words.not_yours, _NOT_FOUND: words.nothing, _GONE: words.gone,
    }.get(refusal.status, words.other)  # fmt: skip


def _written(at: datetime, language: Language) -> str:
    return day_and_time(at, language)


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
