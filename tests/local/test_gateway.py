"""The gateway's routes, refusals and streams, with Caddy itself in front of stand-in services."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from localstack.home import SERVICES, Facts, Home
from localstack.ports import port_of
from localstack.processes import BY_NAME, GATEWAY
from tests.support.door import Door, StandIn, caddy, serving
from tests.support.sockets import Stopwatch, connected
from tests.support.stack import free_port_base

DOWN = "notify"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The gateway with four of its services; the fifth is away."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    home.make()
    facts = Facts(free_port_base(), 9250, {})
    docs = home.root / "docs"
    docs.mkdir()
    (docs / "openapi.json").write_text('{"openapi": "3.1.0"}')
    (docs / "secret.md").write_text("not served")
    services = {name: StandIn(name) for name in SERVICES if name != DOWN}
    with ExitStack() as open_things:
        for name, service in services.items():
            open_things.enter_context(serving(service, port_of(BY_NAME[f"{name}-api"], facts)))
        open_things.enter_context(caddy(home, facts, {"GATEWAY_DOCS": str(docs), "GATEWAY_PATIENCE": "300ms"}))
        yield Door(port_of(GATEWAY, facts), services, home.log_file("gateway"))


ROUTES = {
    "contacts": ["/v1/contacts", "/v1/contacts/@kim", "/v1/contacts/batch", "/v1/visits", "/v1/imports/1/rows",
                 "/v1/bulk-actions", "/v1/fields/order", "/v1/channel", "/v1/erasures/1"],
    "search": ["/v1/search", "/v1/search/count", "/v1/filters/check", "/v1/term-sets", "/v1/term-sets/1/terms"],
    "segments": ["/v1/segments", "/v1/segments/1/members"],
    "exports": ["/v1/exports", "/v1/exports/1/download", "/v1/audit", "/exports/1"],
}  # fmt: skip


@pytest.mark.parametrize(("service", "path"), [(s, p) for s, paths in ROUTES.items() for p in paths])
def test_each_address_reaches_its_service(door: Door, service: str, path: str) -> None:
    assert door.get(f"{path}?limit=1").text == f"{service} {path}?limit=1"


def test_an_address_arrives_as_it_was_sent(door: Door) -> None:
    path = "/v1/contacts/@a%2Fb%20%ED%99%8D?x=%2F"
    assert door.get(path).text == f"contacts {path}"


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/contactsX", "/v1/contacts-old/1", "/v1/unknown", "/exports", "/exportsX/1", "/livez", "/metrics", "/readyz",
     "/secret.md", "/openapi.json/x", "/docs/openapi.json", "/v2/contacts", "/v1/segmentsmembers"],
)  # fmt: skip
def test_every_other_address_is_unknown(door: Door, path: str) -> None:
    answer = door.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["title"]) == (404, "notFound", "Not Found")
    assert problem["detail"]


def test_a_service_that_is_away_is_a_503_that_says_when_to_come_back(door: Door) -> None:
    answer = door.get("/v1/rooms/me/messages")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.headers["retry-after"] == "1"
    assert (answer.json()["status"], answer.json()["code"]) == (503, "unavailable")


def test_the_openapi_document_is_served(door: Door) -> None:
    answer = door.get("/openapi.json")
    assert (answer.status_code, answer.json()) == (200, {"openapi": "3.1.0"})
    assert answer.headers["content-type"].startswith("application/json")


def test_the_openapi_document_takes_no_parameters(door: Door) -> None:
    answer = door.get("/openapi.json?x=1")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknownParameter")
    assert answer.headers["content-type"] == "application/problem+json"
    assert door.get("/openapi.json?").status_code == 200


def test_a_stream_is_passed_on_as_it_comes_and_ends_when_its_reader_goes(door: Door) -> None:
    service = door.services["segments"]
    with httpx.stream("GET", f"http://127.0.0.1:{door.port}/v1/segments/1/stream", timeout=20) as answer:
        # The service waits with the second event until the first was read here.
        assert next(answer.iter_raw()) == b"data: first\n\n"
        service.go_on.set()
    assert service.reader_left.wait(20)


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [("/v1/contacts", 401, b"no"), ("/v1/rooms/me", 503, b"unavailable"), ("/unknown", 404, b"notFound")],
)
@pytest.mark.parametrize("lines", [["Content-Length: 10"], ["Content-Length: 10000000"], ["Transfer-Encoding: chunked"]])
async def test_a_refusal_arrives_before_the_body_and_breaks_nothing(
    door: Door, path: str, status: int, word: bytes, lines: list[str]
) -> None:
    watch = Stopwatch()
    async with connected(door.port) as line:
        await line.send(f"POST {path}", *lines)
        assert await line.status() == status
        assert b"unread" not in (await line.until(word)).lower()
    async with connected(door.port) as line:
        await line.send(f"POST {path}", "Content-Length: 300", body=b"x" * 300)
        assert await line.status() == status
        await line.until(word)
    assert watch.seconds < 2
    assert "panic" not in door.log.read_text()


def test_no_path_is_written_to_the_log(door: Door) -> None:
    for path in ("/v1/contacts/@hong-gildong", "/v1/rooms/hong-gildong", "/hong-gildong"):
        door.get(path)
    assert "hong-gildong" not in door.log.read_text()
