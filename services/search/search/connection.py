"""The connection to OpenSearch: its client, and the client's errors in our words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import orjson
from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import NotFoundError, RequestError, TransportError
from opensearchpy.serializer import JSONSerializer

from common.errors import Gone, Unavailable, Unprocessable

AWAY = "The search index does not answer. Try again in a moment."
_MOST_QUERY = 100 * 1024 * 1024  # what OpenSearch takes of a body; beyond it, it closes the connection
_TOO_MANY_CLAUSES = ("too_many_nested_clauses", "too_many_clauses", "maxClauseCount")  # 400 by some nodes, 500 by others


class FilterTooLarge(Unprocessable):
    """The index cannot take what a filter came to."""

    def __init__(self) -> None:
        detail = "This filter is too large together with its segments and term sets. Use fewer or shorter values."
        super().__init__(detail, code="tooLarge")


class TooFewClauses(Unavailable):
    """OpenSearch is not set up as large filters need it."""


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
        """The JSON value."""
        return orjson.loads(s)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[AsyncOpenSearch]:
    """A client, closed at the end."""
    client = AsyncOpenSearch(
        hosts=[address], timeout=30, max_retries=0, http_compress=False, pool_maxsize=20, serializer=_Serializer()
    )
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
                raise Unavailable(AWAY) from None
            case TransportError() if any(words in f"{error.error} {error.info}" for words in _TOO_MANY_CLAUSES):
                raise FilterTooLarge from None
            case TransportError() if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise FilterTooLarge from None
            case RequestError():
                return
            case TransportError() if error.status_code in (429, 503, 502, 504) or not isinstance(error.status_code, int):
                raise Unavailable(AWAY) from None


def _expired() -> Gone:
    return Gone("This cursor has expired. Begin again without it.", code="cursorExpired")
