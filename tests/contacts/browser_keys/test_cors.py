"""What a browser is told of other origins: pages of known ones may call two addresses, and all others nothing."""

from collections.abc import Iterable

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from common.errors import Unavailable
from contacts.browser_keys.cors import Cors

SHOP = "https://shop.example"


async def is_known(origin: str) -> bool:
    return origin == SHOP


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(Cors(app, is_known)), base_url="http://gateway")


async def ask(method: str, path: str, origin: str | None, wanted: str | None = None) -> httpx.Response:
    headers = {"Origin": origin} if origin else {}
    if wanted:
        headers["Access-Control-Request-Method"] = wanted
        headers["Access-Control-Request-Headers"] = "authorization,content-type"
    async with client(PlainTextResponse("behind", 401)) as asked:
        return await asked.request(method, path, headers=headers)


def of_cors(headers: Iterable[str]) -> set[str]:
    return {name for name in headers if name.startswith("access-control-")}


@pytest.mark.parametrize(
    ("path", "method"), [("/v1/visits", "POST"), ("/v1/contacts/@u1", "PUT"), ("/v1/contacts/@a%2Fb", "PUT")]
)
async def test_a_preflight_of_a_known_origin_is_told_what_it_may_send(path: str, method: str) -> None:
    answer = await ask("OPTIONS", path, SHOP, method)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert answer.headers["Access-Control-Allow-Methods"] == method
    assert {"authorization", "content-type"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"])
async def test_an_unknown_origin_gets_no_header_of_it(origin: str) -> None:
    preflight = await ask("OPTIONS", "/v1/visits", origin, "POST")
    assert (preflight.status_code, preflight.json()["code"]) == (403, "originNotAllowed")
    sent = await ask("POST", "/v1/visits", origin)
    assert of_cors(preflight.headers) == of_cors(sent.headers) == set()
    assert "Origin" in preflight.headers["Vary"]
    assert sent.headers["Vary"] == "Origin"


async def test_answers_of_the_service_itself_can_be_read_by_a_known_origin_refusals_too() -> None:
    answer = await ask("POST", "/v1/visits", SHOP)
    assert (answer.status_code, answer.text) == (401, "behind")
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "dangol-position" not in answer.headers["Access-Control-Expose-Headers"].lower()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/contacts/@u1"), ("PATCH", "/v1/contacts/@u1"), ("GET", "/v1/contacts"), ("POST", "/v1/contacts"),
        ("POST", "/v1/contacts/batch"), ("POST", "/v1/visits/more"), ("GET", "/v1/fields"), ("OPTIONS", "/v1/visits"),
    ],
)  # fmt: skip
async def test_nothing_else_is_open_to_pages(method: str, path: str) -> None:
    answer = await ask(method, path, SHOP)
    assert (answer.text, of_cors(answer.headers)) == ("behind", set())


@pytest.mark.parametrize("path", ["/v1/contacts", "/v1/contacts/batch", "/v1/search", "/v1/browser-keys"])
async def test_a_preflight_of_another_address_is_no_preflight_here(path: str) -> None:
    answer = await ask("OPTIONS", path, SHOP, "POST")
    assert (answer.text, of_cors(answer.headers)) == ("behind", set())


async def away(_: str) -> bool:
    raise Unavailable("away")


async def test_pages_are_asked_to_try_again_while_nobody_knows_which_may_call() -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Cors(PlainTextResponse("behind"), away)), base_url="http://gateway"
    ) as asked:
        answer = await asked.post("/v1/visits", headers={"Origin": SHOP})
    assert (answer.status_code, answer.headers["Retry-After"], of_cors(answer.headers)) == (503, "1", set())


async def test_without_an_origin_nothing_is_added() -> None:
    answer = await ask("POST", "/v1/visits", None)
    assert (answer.text, of_cors(answer.headers), "Vary" in answer.headers) == ("behind", set(), False)
