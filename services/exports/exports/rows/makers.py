"""Who makes the rows of a file: this process, or some of its own, so that one file is written by more than one processor."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final, Protocol

import msgspec

from exports.rows.decoding import NoContact
from exports.rows.making import Made, Maker, Plan
from exports.rows.wire import Answer, Order, read_frame, write_frame
from exports.workbook.cells import CannotWrite

_AHEAD: Final = 2
"""So many blocks for each process are under way or wait to be taken, at most."""
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TZDIR")


class MakerEnded(Exception):
    """A process of rows ended before its work was done."""


class MakerFailed(Exception):
    """A process of rows met an error of the program; the text names its kind and place, never a value."""


class Makers(Protocol):
    """Takes orders, and gives in their order what is made of them. Every method blocks and belongs in a thread."""

    def order(self, order: Order) -> None:
        """Have rows made."""

    def ready(self) -> Iterator[Made]:
        """What can be taken, and what must be before the next order. Raises NoContact, CannotWrite, MakerEnded, MakerFailed."""
        ...

    def rest(self) -> Iterator[Made]:
        """All that was ordered and not yet taken. Raises as `ready` does."""
        ...

    def halt(self) -> None:
        """Nothing is made any more, and who waits for it is told by MakerEnded. May be called by another thread; never blocks."""

    def close(self) -> None:
        """Nothing is made any more; what was not taken is dropped."""


class MakerHere:
    """Makes rows in this process, when they are taken."""

    def __init__(self, plan: Plan) -> None:
        self._maker = Maker(plan)
        self._orders: deque[Order] = deque()

    def order(self, order: Order) -> None:
        self._orders.append(order)

    def ready(self) -> Iterator[Made]:
        while self._orders:
            order = self._orders.popleft()
            yield self._maker.make(order.first, order.lines, order.count)

    rest = ready

    def halt(self) -> None:
        """Nobody waits: rows are made while they are taken."""

    def close(self) -> None:
        self._orders.clear()


class MakersBeside:
    """Has rows made by processes of its own, which end when it is closed, and when this process ends in whatever way."""

    def __init__(self, plan: Plan, processes: int) -> None:
        self._most = _AHEAD * processes
        self._pending: deque[Future[Made]] = deque()
        self._idle: SimpleQueue[_Child] = SimpleQueue()
        self._threads = ThreadPoolExecutor(processes, "rows")
        self._children: list[_Child] = []
        with contextlib.ExitStack() as failed:
            failed.callback(self.close)
            for _ in range(processes):
                child = _Child(plan)
                self._children.append(child)
                self._idle.put(child)
            failed.pop_all()

    def order(self, order: Order) -> None:
        self._pending.append(self._threads.submit(self._ask, order))

    def ready(self) -> Iterator[Made]:
        while self._pending and (len(self._pending) >= self._most or self._pending[0].done()):
            yield self._pending.popleft().result()

    def rest(self) -> Iterator[Made]:
        while self._pending:
            yield self._pending.popleft().result()

    def halt(self) -> None:
        for child in self._children:
            child.kill()

    def close(self) -> None:
        self.halt()
        self._threads.shutdown(cancel_futures=True)
        for child in self._children:
            child.bury()

    def _ask(self, order: Order) -> Made:
        child = self._idle.get()
        try:
            return child.ask(order)
        finally:
            self._idle.put(child)


class _Child:
    """One process of rows. It is told nothing but the plan: what the environment holds of secrets stays here."""

    def __init__(self, plan: Plan) -> None:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "exports.rows"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._decoder = msgspec.msgpack.Decoder(Answer)
        self._plan: Plan | None = plan

    def ask(self, order: Order) -> Made:
        """Raises NoContact, CannotWrite, MakerEnded, MakerFailed."""
        try:
            if self._plan is not None:
                write_frame(self._to, msgspec.msgpack.encode(self._plan))
                self._plan = None
            write_frame(self._to, msgspec.msgpack.encode(order))
            frame = read_frame(self._from)
        except BrokenPipeError:
            frame = None
        if frame is None:
            raise MakerEnded(f"a process that makes rows {_how(self._process.wait())}")
        answer = self._decoder.decode(frame)
        if answer.made is not None:
            return answer.made
        if answer.no_contact:
            raise NoContact
        raise CannotWrite(answer.unfit) if answer.unfit else MakerFailed(answer.error)

    def kill(self) -> None:
        """It works no more; whoever waits for it is told."""
        self._process.kill()

    def bury(self) -> None:
        """Nothing is left of it."""
        self._process.wait()
        self._from.close()
        with contextlib.suppress(BrokenPipeError):
            self._to.close()


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def makers(plan: Plan, processes: int) -> Makers:
    """Rows made by so many processes of their own; by this one where that is none."""
    return MakersBeside(plan, processes) if processes else MakerHere(plan)
