"""`python -m search dlq list|show|retry|drop`: the dead letters for an operator, without anybody's data unless asked for."""

import argparse
import base64
import json
import sys
from collections.abc import Sequence
from contextlib import aclosing

from common.clock import to_wire
from common.errors import Problem
from search.dead_letters.box import DeadLetterBox, Letter


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command; ends the process with the usage where it is none."""
    parser = argparse.ArgumentParser(prog="python -m search dlq", description="Messages that search could not handle.")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("list", help="those that nobody has handled, oldest first")
    shown.add_argument("--all", action="store_true", help="with those that were retried or dropped")
    shown.add_argument("--format", choices=["text", "json"], default="text")
    one = commands.add_parser("show", help="one of them with its headers")
    one.add_argument("ids", nargs=1, metavar="ID", help="as `list` shows it: topic/partition/offset")
    one.add_argument("--payload", action="store_true", help="and its value, which may be personal data")
    for name, what in (("retry", "handle again, as if they came now"), ("drop", "mark as handled; they count no more")):
        some = commands.add_parser(name, help=what)
        group = some.add_mutually_exclusive_group(required=True)
        group.add_argument("ids", nargs="*", default=[], metavar="ID")
        group.add_argument("--all", action="store_true", help="all that nobody has handled")
    return parser.parse_args(arguments)


async def run(command: argparse.Namespace, box: DeadLetterBox) -> int:
    """Do it; answers 1 where a letter could not be handled again."""
    match command.command:
        case "list":
            await _list(box, handled=command.all, as_json=command.format == "json")
        case "show":
            async for letter in box.chosen(command.ids):
                _show(letter, payload=command.payload)
        case "drop":
            async for letter in box.chosen(command.ids):
                _say(f"{(await box.drop(letter)).id} dropped")
        case _:
            return await _retry(box, command.ids)
    return 0


async def _list(box: DeadLetterBox, *, handled: bool, as_json: bool) -> None:
    count = 0
    async with aclosing(box.letters(handled=handled)) as letters:
        async for letter in letters:
            count += 1
            summary = _summary(letter)
            _say(json.dumps(summary) if as_json else "  ".join(str(value) for value in summary.values() if value is not None))
    if not as_json:
        _say(f"{count} dead letters" if count != 1 else "1 dead letter")


async def _retry(box: DeadLetterBox, ids: Sequence[str]) -> int:
    failed = 0
    async with aclosing(box.chosen(ids)) as letters:
        async for letter in letters:
            try:
                tried = await box.retry(letter)
            except Problem as reason:
                _say(f"{letter.id} was not tried: {reason.detail}")
                return 1
            handled = tried.outcome == "retried"
            _say(f"{tried.id} handled" if handled else f"{tried.id} cannot be handled: {tried.reason}")
            failed += not handled
    return 1 if failed else 0


def _summary(letter: Letter) -> dict[str, object]:
    record = letter.record
    return {
        "id": letter.id,
        "at": to_wire(letter.at) if letter.at is not None else "-",
        "origin": f"{record.topic}/{record.partition}/{record.offset}",
        "tries": letter.tries,
        "outcome": letter.outcome,
        "reason": letter.reason,
    }


def _show(letter: Letter, *, payload: bool) -> None:
    record = letter.record
    size = len(record.value) if record.value is not None else None
    # As JSON: a broken message must not be able to write to the terminal.
    _say(json.dumps({**_summary(letter), "key": record.key, "bytes": size, "headers": record.headers}, indent=2))
    if payload and record.value is not None:
        try:
            _say(json.dumps(json.loads(record.value), ensure_ascii=False, indent=2))
        except ValueError:
            _say(f"no JSON; in base64: {base64.b64encode(record.value).decode()}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
