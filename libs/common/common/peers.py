"""Asking another service over HTTP: short tokens of one's own, its refusals passed on, its streams whole or not at all."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from common.auth import Signer
from common.errors import Conflict, NotFound, Problem, Unavailable, Unprocessable
from common.position import HEADER, Position
from common.telemetry import trace_headers

_AWAY = "Another service does not answer. Try again in a moment."
_PASSED_ON: Mapping[int, type[Conflict] | type[NotFound] | type[Unprocessable]] = {
    404: NotFound,
    409: Conflict,
    422: Unprocessable,
}
_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "pointer"})
_STREAM_SECONDS = 120.0  # the other may first have to catch up with all that was committed before the call
_TOKEN_SECONDS = 300


class BrokenOff(Unavailable):
    """A stream ended before its end was told: who sends it is there, and may never come to the end. Each time counts."""


class Peer:
    """Another service at its address."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, url: str, *permissions: str) -> None:
        self._client = client
        self._signer = signer
        self._url = url
        self._permissions = permissions

    async def ask(
        self, method: str, path: str, channel: str, body: object = None, *, position: Position | None = None, within: str = ""
    ) -> Any:
        """The answer's JSON. `within` is put before the pointer of a refusal: where in one's own body the other's stands.

        Raises Unavailable, and what the other refuses and its asker may understand: NotFound, Conflict, Unprocessable.
        """
        content = None if body is None else orjson.dumps(body)
        seen = {} if position is None else {HEADER: position.encode(channel)}
        headers = self._signer.authorization(channel, *self._permissions) | trace_headers() | seen
        try:
            answer = await self._client.request(method, self._url + path, content=content, headers=headers)
        except httpx.TransportError:
            raise Unavailable(_AWAY) from None
        if not answer.is_success:
            raise _problem(answer, within)
        return answer.json()

    @asynccontextmanager
    async def lines(self, path: str, channel: str, body: object, *, within: str = "") -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a stream, one by one. Raises as `pieces` does."""
        async with self.pieces(path, channel, body, within=within) as pieces:
            yield _one_by_one(pieces)

    @asynccontextmanager
    async def pieces(
        self, path: str, channel: str, body: object, *, within: str = ""
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """The lines of a stream, as many at a time as have come. Raises Problem, and Unavailable where it breaks off."""
        request = self._client.build_request(
            "POST", self._url + path, content=orjson.dumps(body), timeout=httpx.Timeout(30, read=_STREAM_SECONDS),
            headers=self._signer.authorization(channel, *self._permissions, seconds=_TOKEN_SECONDS) | trace_headers(),
        )  # fmt: skip
        try:
            answer = await self._client.send(request, stream=True)
            try:
                if not answer.is_success:
                    await answer.aread()
                    raise _problem(answer, within)
                yield _pieces(answer)
            finally:
                await answer.aclose()
        except httpx.TransportError:
            raise Unavailable(_AWAY) from None


async def _pieces(answer: httpx.Response) -> AsyncGenerator[list[bytes], None]:
    rest = b""
    async for chunk in answer.aiter_bytes():
        *whole, rest = (rest + chunk).split(b"\n")
        if whole:
            yield whole
    if rest:
        yield [rest]


async def _one_by_one(pieces: AsyncIterator[list[bytes]]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        for line in piece:
            yield line


async def until_end(lines: AsyncIterator[bytes], size: int) -> AsyncGenerator[list[Any], None]:
    """A stream's JSON lines by so many, but the last, `{"end": true, "rows": n}`. Raises BrokenOff where that is not there."""
    batch: list[Any] = []
    rows = 0
    ended = False
    async for line in lines:
        value = orjson.loads(line)
        if "end" in value:
            ended = value == {"end": True, "rows": rows}
            break
        batch.append(value)
        rows += 1
        if len(batch) >= size:
            yield batch
            batch = []
    if not ended:
        raise BrokenOff(_AWAY)
    if batch:
        yield batch


def _problem(answer: httpx.Response, within: str) -> Problem:
    """A refusal that is the caller's to understand, or Unavailable: not knowing better, it may pass."""
    known = answer.headers.get("content-type", "").startswith("application/problem+json")
    told: dict[str, Any] = answer.json() if known else {}
    extra = {key: value for key, value in told.items() if key not in _MEMBERS}
    kind = _PASSED_ON.get(answer.status_code)
    if kind is not None and known:
        pointer = told.get("pointer")
        return kind(told["detail"], code=told["code"], pointer=None if pointer is None else within + pointer, extra=extra)
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and known:
        return Unavailable(told["detail"], code=told["code"], extra=extra)
    return Unavailable(_AWAY)
