"""The OpenAPI document tells what is answered: of every operation the shape, of every write the position."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from common.answers import ETAG, EVENTS, LINES, POSITION
from localstack.home import checkout

ASKS = ("/v1/search", "/v1/filters/check", "/v1/term-sets", "/explain", "/download")
"""Parts of the addresses of those POSTs that write nothing which a reader could wait for."""


def operations() -> Iterator[Any]:
    document = json.loads((checkout() / "docs" / "openapi.json").read_text("utf-8"))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
            yield pytest.param(method, path, good, id=f"{method} {path}")


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
