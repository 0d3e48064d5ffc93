"""Whoever presses the button without a script sees a page where there is no file; a program goes on getting the problem."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp

from common.errors import Problem, Unauthorized, Unavailable
from common.problems import problem_response
from exports.link.browsers import Browsers
from exports.link.rendering import Pages
from tests.exports.test_export import ID
from tests.support.pages import read_page

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PATH = f"/v1/exports/{ID}/download"


async def asked(app: ASGIApp, accept: str = HTML, path: str = PATH, method: str = "POST", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(Browsers(app, Pages("https://dangol.example")))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        return await client.request(method, path, headers={"Accept": accept, **headers})


async def test_a_browser_without_a_session_is_told_in_words_what_to_do() -> None:
    refusal = problem_response(Unauthorized("Send a token."))
    answer = await asked(refusal, **{"Accept-Language": "en-GB,en;q=0.9"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert answer.headers["www-authenticate"] == refusal.headers["www-authenticate"]
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    root = read_page(answer.text)
    assert root.attributes["lang"] == "en"
    assert "Sign-in needed" in root.text
    assert root.one("a").attributes["href"] == f"/exports/{ID}"
    assert PATH in root.one("code").text
    assert read_page((await asked(refusal)).text).attributes["lang"] == "ko"


@pytest.mark.parametrize(
    "asking",
    [{"accept": "*/*"}, {"accept": "application/json"}, {"path": "/v1/exports"}, {"path": f"{PATH}/x"}, {"method": "GET"}],
)
async def test_whoever_asks_for_no_page_or_presses_no_button_gets_the_problem(asking: Mapping[str, Any]) -> None:
    answer = await asked(problem_response(Unauthorized("Send a token.")), **asking)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthorized"


async def test_how_long_to_wait_is_told_along_and_an_address_that_is_none_leads_nowhere() -> None:
    busy = await asked(problem_response(Unavailable("Later.")))
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
    root = read_page((await asked(problem_response(Problem("<i>")), path="/v1/exports/%3Cscript%3E/download")).text)
    assert (root.all("a"), root.all("script"), root.all("code")) == ([], [], [])


async def test_a_file_goes_through_piece_by_piece_and_an_answer_in_pieces_is_put_together() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    file = await asked(StreamingResponse(pieces(), 200, media_type="application/x"))
    assert (file.status_code, file.content) == (200, b"ab")
    body = problem_response(Unauthorized("Send a token.")).body

    async def parts() -> AsyncIterator[bytes]:
        yield bytes(body)[:5]
        yield bytes(body)[5:]

    answer = await asked(StreamingResponse(parts(), 401, media_type="application/problem+json"))
    assert "로그인 필요" in read_page(answer.text).text
    assert (await asked(Response("no", 400, media_type="text/plain"))).text == "no"
