"""The OpenAPI document tells what is answered: of every operation the shape, of every write the position."""

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import openapi_spec_validator
import pytest

from common.answers import ETAG, EVENTS, LINES, POSITION
from common.http import Route
from tests.support.documented import document

SERVICES = ("contacts", "search", "segments", "exports", "notify")
ASKS = ("/v1/search", "/v1/filters/check", "/v1/contacts/read", "/explain", "/segments/preview", "/download")
"""Parts of the addresses of those POSTs that write nothing which a reader could wait for."""


def operations() -> Iterator[Any]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
            yield pytest.param(method, path, good, id=f"{method} {path}")


def test_the_document_is_valid() -> None:
    openapi_spec_validator.validate(document())


@pytest.mark.parametrize(("method", "path", "good"), list(operations()))
def test_an_operation_tells_what_it_answers(method: str, path: str, good: dict[str, Any]) -> None:
    assert good
    for status, answer in good.items():
        schemas = {kind: media["schema"] for kind, media in answer.get("content", {}).items()}
        assert all(schemas.values()), (method, path)
        assert (status == "204") == (not schemas)
        headers = answer.get("headers", {}).keys()
        is_write = method != "get" and not any(word in path for word in ASKS)
        if is_write and "HowMany" not in str(schemas):
            assert headers >= POSITION.keys()
        if "ShownContact" in str(schemas) and "FoundPage" not in str(schemas):
            assert headers >= ETAG.keys()
        if path.endswith(("/progress", "/changes")):
            assert EVENTS in schemas
        if path.endswith("/search/ids"):
            assert schemas.keys() == {LINES}


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_is_of_the_house_so_that_what_holds_everywhere_is_decided_in_one_place(service: str) -> None:
    routers = [*importlib.import_module(f"{service}.main").routers()]
    own = importlib.util.find_spec(f"{service}.api") and importlib.import_module(f"{service}.api")
    internal = getattr(own, "internal", None)
    routes = [route for router in [*routers, *([internal] if internal else [])] for route in router.routes]
    assert routes
    assert [route.path for route in routes if not isinstance(route, Route)] == []
