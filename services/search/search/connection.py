"""The connection to OpenSearch: its client, and the client's errors in our words."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import orjson
from opensearchpy import AsyncOpenSearch, AsyncTransport
from opensearchpy.exceptions import AuthenticationException, AuthorizationException, NotFoundError, RequestError, TransportError
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.serializer import JSONSerializer

from common.errors import Gone, Unavailable, Unprocessable
from common.tls import BadCertificates, client_context, untrusted
from search.cluster import Cluster

AWAY = "The search index does not answer. Try again in a moment."
_NOT_LET_IN = (
    "The search index does not take this service. Operators: look at search_opensearch_user, search_opensearch_password "
    "and search_opensearch_api_key."
)
_SHOWN = ("http_auth", "headers", "ssl_context")
_MOST_QUERY = 100 * 1024 * 1024  # what OpenSearch takes of a body; beyond it, it closes the connection
_PATIENCE_SECONDS, _PULSE_SECONDS = 2.0, 2.0
_TOO_MANY_CLAUSES = ("too_many_nested_clauses", "too_many_clauses", "maxClauseCount")  # 400 by some nodes, 500 by others


class FilterTooLarge(Unprocessable):
    """The index cannot take what a filter came to."""

    def __init__(self) -> None:
        detail = "This filter is too large together with its segments and term sets. Use fewer or shorter values."
        super().__init__(detail, code="tooLarge")


class TooFewClauses(Unavailable):
    """OpenSearch is not set up as large filters need it."""


class NoRight(Unavailable):
    """OpenSearch knows us, and does not let us do this."""

    def __init__(self) -> None:
        super().__init__(
            "The search index does not give this service what it needs. Operators: look at the rights in docs/connections.md."
        )


class OtherLayout(Unavailable):
    """The index was made by another version, with other fields than this one writes."""

    def __init__(self) -> None:
        super().__init__(
            "The index was made by another version. Run `python -m search rebuild`: after that it goes on by itself.",
            code="otherLayout",
        )


_reading: ContextVar[Callable[[str | bytes], Any]] = ContextVar("how an answer is read", default=orjson.loads)


@contextmanager
def read_by(read: Callable[[str | bytes], Any]) -> Iterator[None]:
    """What is asked within is answered with what `read` makes of the JSON text, rather than with all of it decoded."""
    before = _reading.set(read)
    try:
        yield
    finally:
        _reading.reset(before)


class _Serializer(JSONSerializer):
    """Reads answers three times faster than the client's own reader, and writes JSON that is already text as it is."""

    def dumps(self, data: Any) -> Any:
        """The value's JSON; text is JSON already. Raises FilterTooLarge."""
        if isinstance(data, str | bytes):
            return data
        text = orjson.dumps(data)
        if len(text) > _MOST_QUERY:
            raise FilterTooLarge
        return text

    def loads(self, s: str | bytes) -> Any:
        """The JSON value, or what whoever asked makes of the text."""
        return _reading.get()(s)


class _Watched(AsyncTransport):
    """Gives up what waits for a node that does not answer at all; one that only takes its time over a question is left to it.

    While a request waits the node is asked for nothing but a sign of life, on connections kept for that.
    """

    def __init__(self, hosts: Any, *args: Any, **options: Any) -> None:
        super().__init__(hosts, *args, **options)
        shown = {name: value for name, value in options.items() if name in _SHOWN}
        self._pulse = AsyncTransport(hosts, timeout=_PULSE_SECONDS, max_retries=0, pool_maxsize=2, **shown)
        self._asking: asyncio.Task[Any] | None = None

    async def perform_request(self, *args: Any, **options: Any) -> Any:
        """The answer. Raises ConnectionTimeout where the node gives no sign of life for seconds."""
        request = asyncio.ensure_future(super().perform_request(*args, **options))
        try:
            while not (await asyncio.wait({request}, timeout=_PATIENCE_SECONDS))[0]:
                await self._sign_of_life()
        finally:
            request.cancel()  # of one that has ended this is nothing
        return await request

    async def close(self) -> None:
        """Close its connections."""
        await super().close()
        await self._pulse.close()

    async def _sign_of_life(self) -> None:
        """One question for all who wait."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._pulse.perform_request("HEAD", "/"))
        await asyncio.shield(self._asking)


def _shown(cluster: Cluster) -> dict[str, Any]:
    """What the client connects with. Raises BadCertificates."""
    shown: dict[str, Any] = {}
    if cluster.is_encrypted:
        shown["ssl_context"] = client_context(cluster.ca, cluster.certificate, cluster.key, "opensearch")
    if cluster.user is not None:
        shown["http_auth"] = (cluster.user, cluster.password)
    elif cluster.api_key is not None:
        shown["headers"] = {"authorization": f"ApiKey {cluster.api_key}"}
    return shown


@asynccontextmanager
async def connected(where: Cluster | str) -> AsyncIterator[AsyncOpenSearch]:
    """A client, closed at the end. Ends the process where the certificates that are set cannot be used."""
    cluster = where if isinstance(where, Cluster) else Cluster(where)
    try:
        shown = _shown(cluster)
    except BadCertificates as reason:
        raise SystemExit(str(reason)) from None
    client = AsyncOpenSearch(
        hosts=[cluster.address], timeout=30, max_retries=0, http_compress=False, pool_maxsize=20, serializer=_Serializer(),
        transport_class=_Watched, **shown,
    )  # fmt: skip
    try:
        yield client
    finally:
        await client.close()


class translated:  # noqa: N801 - used like contextlib's own
    """The client's errors as the callers' words: no answer is Unavailable, a vanished point Gone, too large a filter its own."""

    def __init__(self, *, point: bool = False) -> None:
        """`point` where a point in time is read in."""
        self._point = point

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        match error:
            case NotFoundError() if "search_context" in str(error.error) or "search_context" in str(error.info):
                raise _expired() from None
            case NotFoundError() if error.error == "index_not_found_exception":
                if self._point:  # of an index that a rebuild has removed
                    raise _expired() from None
                raise Unavailable(AWAY) from None
            case NoConnection():
                raise Unavailable(_untrusted(error) or AWAY) from None
            case AuthenticationException():
                raise Unavailable(_NOT_LET_IN) from None
            case AuthorizationException() if "security_exception" in f"{error.error} {error.info}":
                raise NoRight from None
            case TransportError() if any(words in f"{error.error} {error.info}" for words in _TOO_MANY_CLAUSES):
                raise FilterTooLarge from None
            case TransportError() if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise FilterTooLarge from None
            case RequestError():
                return
            case TransportError() if error.status_code in (429, 503, 502, 504) or not isinstance(error.status_code, int):
                raise Unavailable(AWAY) from None


def _untrusted(error: NoConnection) -> str | None:
    cause = error.info
    for each in (getattr(cause, "certificate_error", None), getattr(cause, "os_error", None)):
        if isinstance(each, BaseException) and (reason := untrusted(each)):
            return f"The search index is not to be talked to, {reason}. Operators: look at search_opensearch_ca."
    return None


def _expired() -> Gone:
    return Gone("This cursor has expired. Begin again without it.", code="cursorExpired")
