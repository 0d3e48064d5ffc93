"""Whom search finds for a segment: whole or not at all, its refusals as what they are; and who is told of it, as notify says."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import httpx
import orjson
import pytest
from asyncpg.pgproto import pgproto
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.auth import Signer
from common.errors import NotFound, Problem, Unavailable, Unprocessable
from common.peers import BrokenOff, Peer
from common.problems import problem_response
from segments.neighbours import Neighbours, Notices

SEGMENT = UUID(int=9)
IDS = [UUID(int=n) for n in range(2500)]
WHOLE = [{"total": len(IDS)}, *({"id": str(i), "version": 1} for i in IDS), {"end": True, "rows": len(IDS)}]


async def found(path: Path, *rows: object, refusal: Problem | None = None) -> list[UUID]:
    async def scan(request: Request) -> Response:
        assert await request.json() == {"segment": str(SEGMENT), "whole": False}
        return problem_response(refusal) if refusal else Response(b"\n".join(map(orjson.dumps, rows)))

    (path / "key.json").write_text(json.dumps(ECKey.generate_key("P-256", {"kid": "one"}).as_dict(private=True)))
    search = Starlette(routes=[Route("/internal/scan", scan, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(search)) as client:
        peer = Peer(client, Signer(path / "key.json", "dangol-local", "service:segments"), "http://search", "contacts.read")
        return [each async for each in Neighbours(peer, peer).found("c", SEGMENT)]


async def test_everybody_is_found_in_their_order(tmp_path: Path) -> None:
    assert await found(tmp_path, *WHOLE) == IDS


@pytest.mark.parametrize("length", [0, 1, 2, len(WHOLE) - 1])
async def test_a_stream_that_ends_too_soon_is_no_answer(tmp_path: Path, length: int) -> None:
    with pytest.raises(BrokenOff):
        await found(tmp_path, *WHOLE[:length])


@pytest.mark.parametrize("refusal", [Unprocessable("broken", code="brokenSegment"), Unavailable("away")])
async def test_a_refusal_is_passed_on(tmp_path: Path, refusal: Problem) -> None:
    with pytest.raises(type(refusal)) as told:
        await found(tmp_path, refusal=refusal)
    assert told.value.code == refusal.code


async def told(path: Path, answer: Callable[[Request], Awaitable[Response]]) -> object:
    (path / "key.json").write_text(json.dumps(ECKey.generate_key("P-256", {"kid": "one"}).as_dict(private=True)))
    notify = Starlette(routes=[Route("/internal/destinations/of-segments", answer, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(notify)) as client:
        signer = Signer(path / "key.json", "dangol-local", "service:segments")
        notices = Notices(Peer(client, signer, "http://notify", "notices.manage"), within=0.2)
        return await notices.told_of("c", [pgproto.UUID(str(SEGMENT)), UUID(int=8)])  # as PostgreSQL's driver makes them, too


async def test_who_is_told_of_segments_is_what_notify_says(tmp_path: Path) -> None:
    each = {"id": str(UUID(int=1)), "kind": "room", "state": "active"}

    async def answer(request: Request) -> Response:
        assert await request.json() == {"ids": [str(SEGMENT), str(UUID(int=8))]}
        return Response(orjson.dumps({"items": [{"segmentId": str(SEGMENT), **each}]}))

    assert await told(tmp_path, answer) == {SEGMENT: [each], UUID(int=8): []}


async def test_nobody_knows_who_is_told_while_notify_is_away_hangs_or_is_of_an_older_version(tmp_path: Path) -> None:
    async def away(_: Request) -> Response:
        return problem_response(Unavailable("Starting."))

    async def older(_: Request) -> Response:
        return problem_response(NotFound("There is no such address."))

    async def hangs(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    assert [await told(tmp_path, answer) for answer in (away, older, hangs)] == [None] * 3
