"""The services that exports asks: contacts for fields, settings and ids; search for audiences and rows of one instant."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from common.auth import Signer
from common.errors import Conflict, Problem, Unavailable, Unprocessable
from common.events.contacts import FieldDefinition
from common.position import HEADER, Position

_AWAY = "Another service does not answer. Try again in a moment."
_PASSED_ON: Mapping[int, type[Conflict] | type[Unprocessable]] = {409: Conflict, 422: Unprocessable}
_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "pointer"})
_SCAN_SECONDS = 120.0  # search first waits until it has caught up with all that was committed before the call


class Neighbours:
    """Calls to other services, each with a short token of exports' own."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, contacts_url: str, search_url: str) -> None:
        self._client = client
        self._signer = signer
        self._contacts = contacts_url
        self._search = search_url

    async def settings(self, channel: str) -> Mapping[str, Any]:
        """The channel's settings as the API shows them."""
        found: Mapping[str, Any] = await self._ask("GET", f"{self._contacts}/v1/channel", channel)
        return found

    async def fields(self, channel: str) -> list[FieldDefinition]:
        """The channel's fields in their order."""
        answer = await self._ask("GET", f"{self._contacts}/v1/fields", channel)
        return [FieldDefinition.model_validate(item) for item in answer["items"]]

    async def survivors(self, channel: str, ids: Sequence[str]) -> Mapping[str, str]:
        """For each id that is a contact here, whom it stands for."""
        answer = await self._ask("POST", f"{self._contacts}/internal/contacts/resolve", channel, {"ids": list(ids)})
        return {item["id"]: item["survivor"] for item in answer["found"]}

    async def audience(self, channel: str, asked: Mapping[str, Any], position: Position | None) -> int:
        """How many a filter scope is for. Raises Conflict and Unprocessable as search does, their pointers within the scope."""
        answer = await self._ask("POST", f"{self._search}/internal/audience", channel, asked, position)
        total: int = answer["total"]
        return total

    async def everyone(self, channel: str, position: Position | None) -> int:
        """How many contacts there are."""
        answer = await self._ask("POST", f"{self._search}/v1/search/count", channel, {}, position)
        total: int = answer["total"]
        return total

    @asynccontextmanager
    async def scan(self, channel: str, asked: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a scan: a head, the contacts of one instant in the order of their ids, an end. Raises Problem.

        The instant is not before the call, and whatever was committed before the call is in it.
        """
        request = self._client.build_request(
            "POST", f"{self._search}/internal/scan", content=orjson.dumps(asked), headers=self._headers(channel, 300),
            timeout=httpx.Timeout(30, read=_SCAN_SECONDS),
        )  # fmt: skip
        try:
            answer = await self._client.send(request, stream=True)
            try:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    raise _problem(answer)
                yield _lines(answer)
            finally:
                await answer.aclose()
        except httpx.TransportError:
            raise Unavailable(_AWAY) from None

    def _headers(self, channel: str, seconds: int = 60) -> dict[str, str]:
        return self._signer.authorization(channel, "contacts.read", seconds=seconds)

    async def _ask(self, method: str, url: str, channel: str, body: object = None, position: Position | None = None) -> Any:
        content = None if body is None else orjson.dumps(body)
        seen = {} if position is None else {HEADER: position.encode()}
        try:
            answer = await self._client.request(method, url, content=content, headers=self._headers(channel) | seen)
        except httpx.TransportError:
            raise Unavailable(_AWAY) from None
        if answer.status_code != httpx.codes.OK:
            raise _problem(answer)
        return answer.json()


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in answer.aiter_bytes():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
    if rest:
        yield rest


def _problem(answer: httpx.Response) -> Problem:
    """A refusal that is the caller's to understand, or Unavailable: not knowing better, it may pass."""
    known = answer.headers.get("content-type", "").startswith("application/problem+json")
    told: dict[str, Any] = answer.json() if known else {}
    kind = _PASSED_ON.get(answer.status_code)
    if kind is not None and known:
        pointer = told.get("pointer")
        if pointer is not None and not pointer.startswith("/scope"):
            pointer = f"/scope{pointer}"
        extra = {key: value for key, value in told.items() if key not in _MEMBERS}
        return kind(told["detail"], code=told["code"], pointer=pointer, extra=extra)
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and known:
        return Unavailable(told["detail"], code=told["code"])
    return Unavailable(_AWAY)
