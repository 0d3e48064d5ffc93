"""The route of the page."""

from typing import Annotated

from fastapi import Depends, Header
from fastapi.responses import HTMLResponse

from common import http
from common.answers import content
from common.http import part
from common.ids import parse_id
from common.language import language_of
from exports.link.queries import Links
from exports.link.rendering import Pages

_HTML = "text/html"

routes = http.router(tags=["Exports"])


@routes.head("/exports/{export_id}", include_in_schema=False)
@routes.get("/exports/{export_id}", response_class=HTMLResponse, responses=content(_HTML) | content(_HTML, status=404))
async def show_link_page(
    export_id: str,
    links: Annotated[Links, Depends(part(Links))],
    pages: Annotated[Pages, Depends(part(Pages))],
    accept_language: Annotated[str | None, Header(description="Of the page: Korean where it is left out.")] = None,
) -> HTMLResponse:
    """The page that a chat link opens, for anybody: what the file is and what became of it, no data of contacts, and a button.

    Every address that leads to no export answers one and the same page, with 404.
    """
    language = language_of(accept_language)
    known = parse_id(export_id)
    facts = None if known is None else await links.facts(known)
    if known is None or facts is None:
        return HTMLResponse(pages.of_nothing(language), 404, headers=pages.headers(language))
    return HTMLResponse(pages.of_export(known, facts, language), headers=pages.headers(language))
