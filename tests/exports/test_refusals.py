"""Refusals on their way out: noted before they are answered, and not answered where they cannot be noted."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from common import http
from common.auth import Caller
from common.errors import Forbidden, TooManyRequests, Unavailable
from common.health import Health
from exports import api
from exports.audit.entry import Action
from exports.queries import Queries
from exports.refusals import Refusals

KIM = Caller("kim", "c", frozenset({"exports.create"}))
ID = UUID("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")
routes = http.router("/v1")


class Door:
    async def admit(self, headers: Any) -> Caller:
        return KIM


@routes.post("/exports")
async def ask() -> None:
    raise TooManyRequests("Not yet.", 7, code="exportWindow")


@routes.post("/exports/{export_id}/approve")
async def approve(export_id: str) -> None:
    raise Forbidden("You asked for it yourself.", code="ownExport")


@routes.get("/exports/{export_id}")
async def read(export_id: str) -> dict[str, str]:
    return {"id": export_id}


async def asked(method: str, path: str, *, away: bool = False) -> tuple[httpx.Response, list[tuple[Any, ...]]]:
    noted: list[tuple[Any, ...]] = []

    async def note(who: Caller, action: Action, target: UUID | None, code: str | None, address: str | None) -> None:
        if away:
            raise Unavailable("The database does not answer.")
        noted.append((who.subject, action, target, code, address))

    app = Refusals(http.application("exports", "", Door(), Health({}), [routes]), note)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=("203.0.113.5", 0)), base_url="http://exports"
    ) as client:
        return await client.request(method, path, headers={"X-Forwarded-For": "192.0.2.7, 10.0.0.1"}), noted


@pytest.mark.parametrize(
    ("path", "status", "note"),
    [
        ("/v1/exports", 429, ("kim", Action.ASKED, None, "exportWindow", "203.0.113.5")),
        (f"/v1/exports/{ID}/approve", 403, ("kim", Action.APPROVED, ID, "ownExport", "203.0.113.5")),
    ],
)
async def test_a_refusal_is_noted_or_the_answer_is_that_it_cannot_be(path: str, status: int, note: tuple[Any, ...]) -> None:
    answer, noted = await asked("POST", path)
    assert (answer.status_code, noted) == (status, [note])
    answer, noted = await asked("POST", path, away=True)
    assert (answer.status_code, noted, answer.headers["content-type"]) == (503, [], "application/problem+json")
    assert (answer.json()["code"], "Retry-After" in answer.headers) == ("unavailable", True)


async def test_what_is_no_refusal_needs_no_note() -> None:
    answer, noted = await asked("GET", f"/v1/exports/{ID}", away=True)
    assert (answer.status_code, answer.json(), noted) == (200, {"id": str(ID)}, [])


@pytest.mark.parametrize("decision", ["approve", "decline"])
async def test_whoever_may_not_decide_is_not_told_what_is_there(decision: str) -> None:
    """Without the permission nothing is looked up: here there is no database that could be asked."""
    app = http.application("exports", "", Door(), Health({}), [api.routes], parts=[Queries(None)])  # type: ignore[arg-type]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=("203.0.113.5", 0)), base_url="http://exports"
    ) as client:
        answer = await client.post(f"/v1/exports/{ID}/{decision}")
    assert (answer.status_code, answer.json()["permissions"]) == (403, ["exports.approve"])
