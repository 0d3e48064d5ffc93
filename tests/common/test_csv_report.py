"""Reports as CSV files: when one is asked for, and what cannot be asked for with it."""

import httpx
import pytest
from fastapi import FastAPI

from common import csv_report
from common.errors import Unprocessable

JSON, CSV = {"Accept": "application/json"}, {"Accept": "text/csv"}


async def asked(query: str, headers: dict[str, str]) -> bool:
    app = FastAPI()

    @app.get("/rows")
    async def rows(as_csv: csv_report.AskedFor, limit: int = 100, cursor: str | None = None) -> bool:
        assert (limit, cursor) == (100, None) or not as_csv
        return as_csv

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return bool((await client.get(f"/rows{query}", headers=headers)).raise_for_status().json())


@pytest.mark.parametrize(
    ("query", "headers", "csv"),
    [
        ("", {}, False), ("?limit=1&cursor=x", {}, False), ("?limit=1", JSON, False), ("?format=json&limit=1", CSV, False),
        ("", CSV, True), ("?format=csv", JSON, True), ("", {"Accept": "application/json, text/csv;q=0.5"}, False),
    ],
)  # fmt: skip
async def test_a_file_is_asked_for_by_the_address_or_by_the_header(query: str, headers: dict[str, str], csv: bool) -> None:
    assert await asked(query, headers) is csv


@pytest.mark.parametrize(
    ("query", "headers", "parameter"),
    [("?format=csv&limit=10", {}, "limit"), ("?cursor=x&format=csv", JSON, "cursor"), ("?limit=10", CSV, "limit")],
)
async def test_a_page_of_a_file_is_refused(query: str, headers: dict[str, str], parameter: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        await asked(query, headers)
    assert (refused.value.code, refused.value.extra) == ("notTogether", {"parameter": parameter})
