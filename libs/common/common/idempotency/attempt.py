"""One POST with an `Idempotency-Key`: its effect and its answer are written in one transaction, or neither is.

That transaction begins with the first write: while a request reads and asks other services it holds no connection.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from http import HTTPStatus
from uuid import UUID

from fastapi import Response

from common.auth import Caller
from common.clock import Clock
from common.errors import Conflict, Gone, Unreadable
from common.idempotency import ledger
from common.idempotency.ledger import Answer, Found, Name
from common.loop import repeat
from common.postgres import Database, Tx

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_HEADERS = ("Content-Type", "ETag", "Dangol-Position", "Location")
_PATIENCE_SECONDS, _LOOK_SECONDS = 5.0, 0.05
_PURGE_SECONDS = 600.0

_current: ContextVar["Attempt | None"] = ContextVar("idempotent request", default=None)


class Answered(Exception):
    """The request was answered meanwhile, by another process, and is not done again."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Idempotency:
    """A service's memory of the requests that carried a key."""

    def __init__(self, database: Database, secret: bytes, clock: Clock) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock
        self._at_work: set[bytes] = set()

    @asynccontextmanager
    async def attempt(self, caller: Caller, method: str, path: str, key: str) -> AsyncIterator["Attempt"]:
        """One request from here to its answer. Raises Unreadable for a key of another form."""
        if not key.strip() or _KEY.fullmatch(key) is None:
            raise Unreadable(f"`{HEADER}` must be 1 to 255 printable ASCII characters; a new UUID does well.")
        name = Name.of(self._secret, caller.channel, caller.subject, method, path, key)
        async with AsyncExitStack() as stack:
            attempt = Attempt(self._database, self._secret, self._clock, self._at_work, name, stack)
            token = _current.set(attempt)
            try:
                yield attempt
            finally:
                _current.reset(token)

    async def purge(self, stop: asyncio.Event) -> None:
        """A loop: deletes what is older than 24 hours, until told to stop."""

        async def purge() -> None:
            async with self._database.transaction() as tx:
                await ledger.purge(tx, self._clock.now())

        await repeat(purge, stop, every=_PURGE_SECONDS, name="purge")


class Attempt:
    """A request with a key: begun once it is permitted and readable, kept once it has an answer that is no refusal."""

    def __init__(
        self, database: Database, secret: bytes, clock: Clock, at_work: set[bytes], name: Name, stack: AsyncExitStack
    ) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock
        self._at_work = at_work
        self._name = name
        self._stack = stack
        self._asked: bytes | None = None
        self._repeatable = False
        self._replayed = False
        self._contact_id: UUID | None = None

    async def answer(self, handle: Callable[[], Awaitable[Response]]) -> Response:
        """What the request is answered, and kept. Raises what `handle` raises; then nothing is kept."""
        try:
            response = await handle()
            await self.keep(response)
        except Answered as before:
            return before.response
        return response

    async def begin(self, request: bytes, *, repeatable: bool = False) -> Response | None:
        """The answer that was given before, or None: then every write until the answer is one transaction with it.

        `request` is what was asked, `repeatable` that the request changes nothing: it is answered anew each time.
        Raises Conflict where the key was used for another request or its first request is still at work, Gone where
        the answer held an erased contact.
        """
        self._asked = ledger.keyed(self._secret, b"asked", self._name.digest + request)
        self._repeatable = repeatable
        if not repeatable:
            await self._stack.enter_async_context(self._alone_here())
        async with self._database.connection() as connection:
            given = self._given(await ledger.find(connection, self._name, self._clock.now()))
        if given is None and not repeatable:
            await self._stack.enter_async_context(self._database.whole(self._alone))
        return given

    def _given(self, found: Found | None) -> Response | None:
        """The answer that was given before. Raises Conflict, Gone."""
        if found is None:
            return None
        if found.asked != self._asked:
            raise Conflict(
                f"This `{HEADER}` came with another request before. Give every new request a new key.", code="idempotencyConflict"
            )
        if found.erased:
            raise Gone("The contact that this request wrote was erased since.", code="erased")
        if found.answer is None:
            return None
        self._replayed = True
        headers = {**found.answer.headers, REPLAYED: "true"}
        return Response(found.answer.body, found.answer.status, headers=headers)

    @asynccontextmanager
    async def _alone_here(self) -> AsyncIterator[None]:
        """Waits until no other request of this process has this name. Raises Conflict."""
        waiting = _Patience()
        while self._name.digest in self._at_work:
            await waiting.look_again()
        self._at_work.add(self._name.digest)
        try:
            yield
        finally:
            self._at_work.discard(self._name.digest)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Tx]:
        """A transaction in which nobody else answers this request, in whatever process. Raises Conflict, Gone, Answered."""
        waiting = _Patience()
        while True:
            async with self._database.apart() as tx:
                if await ledger.alone(tx, self._name):
                    given = self._given(await ledger.find(tx, self._name, self._clock.now()))
                    if given is not None:
                        raise Answered(given)
                    yield tx
                    return
            await waiting.look_again()

    def concerns(self, contact_id: UUID) -> None:
        """The answer holds this contact's data, and goes when the contact is erased."""
        self._contact_id = contact_id

    async def keep(self, response: Response) -> None:
        """Keep the answer, in the transaction of the request's effect. A refusal had no effect and is not kept."""
        if self._asked is None or self._replayed or response.status_code >= HTTPStatus.BAD_REQUEST:
            return
        answer: Answer | None = None
        if not self._repeatable:
            headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
            answer = Answer(response.status_code, headers, bytes(response.body))
        async with self._database.transaction() as tx:
            await ledger.keep(tx, self._name, self._asked, answer, self._contact_id, self._clock.now())


class _Patience:
    """How long the second of two requests with one key waits for the first."""

    def __init__(self) -> None:
        self._until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS

    async def look_again(self) -> None:
        """Rest before the next look. Raises Conflict where it was long enough."""
        if asyncio.get_running_loop().time() > self._until:
            raise Conflict(
                "The first request with this key is still at work. Send it again in a moment.",
                code="idempotencyInProgress",
                headers={"Retry-After": "1"},
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def begin(request: bytes, *, repeatable: bool = False) -> Response | None:
    """For a request with a key what was answered before (see `Attempt.begin`), else None."""
    attempt = _current.get()
    return None if attempt is None else await attempt.begin(request, repeatable=repeatable)


def concerns(contact_id: UUID) -> None:
    """The answer to this request holds this contact's data."""
    attempt = _current.get()
    if attempt is not None:
        attempt.concerns(contact_id)
