"""The HTTP border that every service has: tokens, body limits, readable JSON, problems, paging and health."""

import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from functools import partial, wraps
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import orjson
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common import idempotency, position, query
from common.auth import Caller, Door
from common.body import MIB, Incoming, counted, read_all, read_json, replay, too_large
from common.body import refusal as body_refusal
from common.clock import Clock, SystemClock
from common.errors import ANY_VERSION, Problem, Unreadable
from common.fair_use import UNLIMITED, FairUse
from common.health import PATHS, Health, routes
from common.problems import HANDLERS, problem_response, unforeseen
from common.telemetry import REQUESTS, describe, log, span

DEFAULT_LIMIT = MIB

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_caller: ContextVar[Caller] = ContextVar("caller")
_carried: ContextVar[position.Position] = ContextVar("position that the request carried", default=position.NOWHERE)

T = TypeVar("T")


class Wire(BaseModel):
    """A request or response body: camelCase, frozen, strict about types, and about members it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class Change(Wire):
    """What is not named stays, and nothing that is named may be null, which would change nothing, silently: but for what null is
    a value of."""

    nullable: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _something(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.field_name not in cls.nullable:
            raise ValueError("must not be null; leave it out and it stays as it is")
        return value


class Page(Wire, Generic[T]):
    """A list's answer. `next` is the cursor of what follows, null at the end."""

    items: list[T]
    next: str | None = None


Limit = Annotated[int, Query(ge=1, le=100, description="How many at the most.")]
Cursor = Annotated[str | None, Query(description="The `next` of the answer before.")]


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON as orjson writes it; what is answered has been shaped before."""
    return Response(orjson.dumps(value), status, headers=headers, media_type="application/json")


def tell(response: Response, where: position.Position) -> None:
    """Put the position of a write, which covers what the request carried, into its answer."""
    response.headers.update(where_written(where))


def where_written(where: position.Position = position.NOWHERE) -> dict[str, str]:
    """The header of a write's answer: its position, which covers what the request carried.

    Without one: the write is read where it is written, so that no reader has to wait for it.
    """
    channel = _caller.get().channel
    return {position.HEADER: where.after(_carried.get(), channel).encode(channel)}


def caller() -> Caller:
    """Whoever is calling, as the border has checked."""
    return _caller.get()


def permit(*permissions: str) -> Callable[[], Coroutine[Any, Any, Caller]]:
    """A dependency: the caller, who must hold any one of these permissions (none named: any valid token)."""

    async def permitted() -> Caller:
        who: Caller = _caller.get()
        if permissions:
            who.require(*permissions)
        return who

    return permitted


AnyCaller = Annotated[Caller, Depends(permit())]


def part(kind: type[T]) -> Callable[[Request], Coroutine[Any, Any, T]]:
    """A dependency: the service's own object of this class, of those that `application` was given."""

    async def found(request: Request) -> T:
        its: T = request.app.state.parts[kind]
        return its

    return found


async def awaited_position() -> position.Position | None:
    """A dependency: what the request wants to see applied, by `Dangol-Position`; None where there is nothing to wait for."""
    carried = _carried.get()
    return None if carried == position.NOWHERE else carried


AwaitedPosition = Annotated[position.Position | None, Depends(awaited_position)]


async def expected_version(
    tag: Annotated[
        str | None,
        Header(alias="If-Match", description="The `ETag` that was seen; another by now is a 412 `staleVersion`."),
    ] = None,
) -> int | None:
    """A dependency: the version that `If-Match` names, ANY_VERSION for `*`, None without it."""
    if tag is None:
        return None
    if tag.strip() == "*":
        return ANY_VERSION
    match = re.fullmatch(r'(?:W/)?"(\d{1,18})"', tag.strip(), re.ASCII)
    if match is None:
        raise Unreadable('`If-Match` must be an ETag as you got it, such as "7".')
    return int(match[1])


IfMatch = Annotated[int | None, Depends(expected_version)]


async def past_instant(
    request: Request,
    at: Annotated[
        str | None,
        Query(json_schema_extra={"format": "date-time"}, description="As it was at this instant, which is not later than now."),
    ] = None,
) -> datetime | None:
    """A dependency: the instant that `at` names, None without it. Raises Unprocessable where it is later than now."""
    clock: Clock = request.app.state.clock
    return None if at is None else query.not_later(query.instant(at, "at"), clock.now(), "at")


At = Annotated[datetime | None, Depends(past_instant)]


_JSON = "dangol.json"


class _Request(Request):
    async def json(self) -> Any:
        """What the border has read: one reading of the body, by one reader, with one idea of what JSON is."""
        return self.scope[_JSON]


class Route(APIRoute):
    """A route whose endpoint runs only after permission and existence are checked and no text of the body is refused.

    A POST with an `Idempotency-Key` runs it once: repeated, it gets the answer that was given before.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if "POST" in (options.get("methods") or ()):
            options["openapi_extra"] = {"parameters": [idempotency.PARAMETER], **(options.get("openapi_extra") or {})}
        self._streamed = idempotency.is_streamed(endpoint)
        super().__init__(path, _guarded(endpoint), **options)
        # Most routes are told apart by these, at a tenth of what the pattern costs.
        self._begins = path.partition("{")[0]
        self._slashes = None if ":path}" in path else path.count("/")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As its path says; with a slash at its end an address is another one, whatever a path's parameter could take in."""
        path: str = scope["path"]
        if path.endswith("/") or not path.startswith(self._begins) or self._slashes not in {None, path.count("/")}:
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, given a request whose JSON is already read."""
        handle = super().get_route_handler()
        known = query.declared(self.dependant)

        async def handling(plain: Request) -> Response:
            request = _Request(plain.scope, plain.receive)
            if body_refusal.get() is None:
                body_refusal.set(query.refusal(request.query_params.multi_items(), known))
            memory: idempotency.Idempotency | None = request.app.state.idempotency
            key = request.headers.get(idempotency.HEADER)
            who = _caller.get(None)
            words = ",".join(request.headers.getlist(position.HEADER))
            _carried.set(position.NOWHERE if who is None else position.decode(words, who.channel))
            if key is None or memory is None or who is None or request.method != "POST" or body_refusal.get() is not None:
                return await handle(request)
            if not self._streamed:
                idempotency.asked.set(await idempotency.what_is_asked(request, request.scope.get(_JSON)))
            async with memory.attempt(who, request.method, request.url.path, key) as attempt:
                response = await attempt.answer(partial(handle, request))
            if (given := response.headers.get(position.HEADER)) and idempotency.REPLAYED in response.headers:
                response.headers[position.HEADER] = (_carried.get() + position.kept(given, who.channel)).encode(who.channel)
            return response

        return handling


def _guarded(endpoint: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(endpoint)
    async def run(*arguments: Any, **named: Any) -> Any:
        if (refusal := body_refusal.get()) is not None:
            raise refusal
        if not idempotency.is_streamed(endpoint):
            given = await idempotency.begin(idempotency.asked.get(), repeatable=idempotency.is_repeatable(endpoint))
            if given is not None:
                return given
        return await endpoint(*arguments, **named)

    return run


def router(prefix: str = "", **options: Any) -> APIRouter:
    """A router whose routes are `Route`s."""
    return APIRouter(prefix=prefix, route_class=Route, **options)


def application(
    service: str,
    description: str,
    door: Door,
    health: Health,
    routers: Sequence[APIRouter],
    *,
    limits: Mapping[str, int] | None = None,
    public: Sequence[str] = (),
    streamed: Sequence[str] = (),
    parts: Sequence[object] = (),
    admitted: Callable[[str], Awaitable[None]] | None = None,
    fair_use: FairUse = UNLIMITED,
    memory: idempotency.Idempotency | None = None,
    clock: Clock | None = None,
    access_log: bool = False,
) -> ASGIApp:
    """A service's whole HTTP application.

    `limits` gives the body limit in bytes of path prefixes that have their own (default 1 MiB), `public` the path prefixes
    that need no token, `streamed` the path prefixes whose body the route reads itself (uploads). `parts` are the service's
    own objects, one of a class, for its routes to find by `part`; `admitted` is told the channel of every valid token that
    `fair_use` lets in;
    `memory` remembers what POSTs with an `Idempotency-Key` were answered; `clock` is asked whether an instant is past (default:
    the machine's). With `access_log` each request is a line in the log: method, route, status, milliseconds.
    """
    app = _routed(service, description, routers)
    app.router.routes.extend(routes(health))
    app.state.idempotency = memory
    app.state.clock = clock or SystemClock()
    app.state.parts = {type(each): each for each in parts}
    return Border(app, door, limits or {}, tuple(public), tuple(streamed), admitted, fair_use, access_log=access_log)


def _routed(service: str, description: str, routers: Sequence[APIRouter]) -> FastAPI:
    """The routes, and what is answered where one raises; without FastAPI's own pages, as the gateway has the document."""
    app = FastAPI(
        title=f"Dangol {service}",
        description=description,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={**HANDLERS},
        # FastAPI's own spans tell paths and queries, which hold ids; the border's tell neither.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    # An included router would match every address twice.
    app.router.routes.extend(route for each in routers for route in each.routes)
    return app


class Border:
    """ASGI middleware around the routes: refuses in the order 401, 429 (fair use), 413, 400, counts, traces; logs no address."""

    def __init__(
        self,
        app: FastAPI,
        door: Door,
        limits: Mapping[str, int],
        public: tuple[str, ...],
        streamed: tuple[str, ...],
        admitted: Callable[[str], Awaitable[None]] | None,
        fair_use: FairUse,
        *,
        access_log: bool = False,
    ) -> None:
        self.app = app
        self._access_log = access_log
        self._door = door
        self._limits = dict(limits)
        self._public = (*PATHS, *public)
        self._streamed = streamed
        self._admitted = admitted
        self._fair_use = fair_use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. One that is refused is answered at once, before its body has come."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = time.perf_counter()
        status, answered, streaming = 500, False, 0.0

        async def sending(message: Message) -> None:
            nonlocal status, answered, streaming
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                if any(k == b"content-type" and v.startswith(b"text/event-stream") for k, v in message["headers"]):
                    # It lasts as long as its reader likes.
                    streaming = time.perf_counter() - began
            await answering(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        incoming = Incoming(receive, headers)
        answering = incoming.answering(send)
        with span("http", {k: v for k, v in headers.items() if k in {"traceparent", "tracestate"}}, method=scope["method"]):
            try:
                await self.app(scope, await self._check(scope, headers, incoming), sending)
            except Problem as problem:
                await problem_response(problem)(scope, receive, sending)
            except Exception as error:  # noqa: BLE001 - a 500, answered by then unless it was the border's; logged without its text
                log.error("a request failed", exc_info=error)
                if not answered:
                    await (await unforeseen(Request(scope), error))(scope, receive, sending)
            finally:
                self._told(scope, status, streaming or time.perf_counter() - began)

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        """Count it by its route, as its path would hold ids; one that was refused before it came to its route as well."""
        if scope["path"] in PATHS:  # asked by machines every few seconds: they would drown what people wait for
            return
        route = getattr(scope.get("route"), "path", None) or self._route(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        REQUESTS.labels(method, route, str(status)).observe(seconds)
        describe(f"{method} {route}", status)
        if self._access_log:
            log.info("answered", method=method, route=route, status=status, ms=round(seconds * 1000, 1))

    def _route(self, scope: Scope) -> str:
        found = ((route.matches(scope)[0], route) for route in self.app.router.routes)
        best = max(((match.value, getattr(route, "path", "")) for match, route in found), default=(0, ""))
        return best[1] if best[0] else "unmatched"

    async def _check(self, scope: Scope, headers: Mapping[str, str], receive: Incoming) -> Receive:
        path: str = scope["path"]
        body_refusal.set(None)
        if not any(path == p or path.startswith(p.rstrip("/") + "/") for p in self._public):
            who = await self._door.admit(headers)
            receive.known = True
            self._fair_use.admit(who)
            _caller.set(who)
            if self._admitted is not None:
                await self._admitted(who.channel)
        limit = _by_prefix(self._limits, path, DEFAULT_LIMIT)
        if int(headers.get("content-length", "0") or 0) > limit:
            raise too_large(limit)
        if not receive.ended and not any(route.matches(scope)[0] is Match.FULL for route in self.app.router.routes):
            return receive  # no such address, or not by this method: the routes say so without the body
        if any(path.startswith(p) for p in self._streamed):
            return counted(receive, limit)
        body = await read_all(receive, limit)
        if body and headers.get("content-type", "").split(";")[0].strip().lower() != "multipart/form-data":
            scope[_JSON] = read_json(body)
            scope["headers"] = [(k, v) for k, v in scope["headers"] if k != b"content-type"] + [
                (b"content-type", b"application/json")
            ]
        return replay(body, receive)


def _by_prefix(limits: Mapping[str, int], path: str, default: int) -> int:
    return next((limits[p] for p in sorted(limits, key=len, reverse=True) if path.startswith(p)), default)
