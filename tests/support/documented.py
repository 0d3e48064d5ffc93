"""The OpenAPI document, asked which operation a request is, and whether that may refuse as it did."""

import json
import re
from functools import cache
from typing import Any

import httpx

from localstack.home import checkout

PROBLEM = "application/problem+json"


@cache
def document() -> Any:
    """The document as the gateway serves it."""
    return json.loads((checkout() / "docs" / "openapi.json").read_text("utf-8"))


@cache
def _operations() -> list[tuple[str, str, re.Pattern[str], Any]]:
    return [
        (method, path, re.compile(re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(path))), operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def operation(method: str, path: str) -> Any:
    """The operation that a request of this method and address is; None for an address that is none of ours."""
    found = [(place, each) for word, place, pattern, each in _operations() if word == method.lower() and pattern.fullmatch(path)]
    return min(found, key=lambda pair: pair[0].count("{"))[1] if found else None


async def check_refusal(response: httpx.Response) -> None:
    """A hook of a client: a refusal has a code that the document lists for its operation."""
    told = operation(response.request.method, response.request.url.path)
    if told is None or not response.headers.get("content-type", "").startswith(PROBLEM):
        return
    code = json.loads(await response.aread())["code"]
    listed = told["responses"].get(str(response.status_code), {}).get("x-codes", [])
    assert code in listed, (
        f"{told['operationId']} answered {response.status_code} {code}, which docs/openapi.json does not list for it"
    )
