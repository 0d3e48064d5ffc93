"""`python -m exports.rows`: a process that makes rows for the one that started it.

It ends with its input, however that one has ended. It is given a file's plan and lines, and knows no setting and no secret.
"""

import contextlib
import signal
import sys
import traceback
from pathlib import Path
from typing import IO

import msgspec

from exports.rows.decoding import NoContact
from exports.rows.making import Maker, Plan
from exports.rows.wire import Answer, Order, read_frame, write_frame
from exports.workbook.cells import CannotWrite


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer orders until there are no more. Raises BrokenPipeError."""
    plan = read_frame(source)
    if plan is None:
        return
    maker = Maker(msgspec.msgpack.decode(plan, type=Plan))
    orders = msgspec.msgpack.Decoder(Order)
    while (frame := read_frame(source)) is not None:
        write_frame(sink, msgspec.msgpack.encode(_answer(maker, orders.decode(frame))))


def _answer(maker: Maker, order: Order) -> Answer:
    try:
        return Answer(maker.make(order.first, order.lines, order.count))
    except NoContact:
        return Answer(None, no_contact=True)
    except CannotWrite as error:
        return Answer(None, unfit=str(error))
    except Exception as error:  # noqa: BLE001 - it is told to who gave the order, who raises it again
        # The places alone: the error's own text may quote a value.
        places = (f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__))
        return Answer(None, error=f"{type(error).__name__} in {' > '.join(places)}")


if __name__ == "__main__":
    # An interrupt of the terminal goes to both; the one who started this ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
