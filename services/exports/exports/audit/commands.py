"""`python -m exports audit verify`: whether the audit log is what was written, for an operator."""

import argparse
import sys
from collections.abc import Sequence

from common.postgres import Database
from exports.audit import store
from exports.audit.chain import Chain, Head

_MAY_CHANGE = "This was asked with a role that may change the log. Give its tables an owner of their own, as docs/audit.md tells."


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command; ends the process with the usage where it is none."""
    parser = argparse.ArgumentParser(prog="python -m exports audit", description="The log of who took what out.")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="name the first line of each channel that is not as it was written")
    verify.add_argument("--channel", help="of this channel alone")
    verify.add_argument(
        "--known", metavar="NUMBER:HASH", type=_known, help="a line that was told before, which must be there: with --channel"
    )
    parsed = parser.parse_args(arguments)
    if parsed.known is not None and parsed.channel is None:
        parser.error("--known is a line of one channel: name it with --channel")
    return parsed


def _known(text: str) -> Head:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise argparse.ArgumentTypeError("must be the line's number, a colon and its hash, as `verify` tells them")
    return Head(int(number), digest)


async def run(command: argparse.Namespace, database: Database) -> int:
    """Do it; answers 1 where a log is broken. All is read as of one moment, however long it is."""
    chains: dict[str, Chain] = {} if command.channel is None else {command.channel: Chain(command.known)}
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        open_to_change = await store.may_change(connection)
        heads = await store.heads(connection, command.channel)
        async for channel, line in store.lines(connection, command.channel):
            chains.setdefault(channel, Chain()).add(line)
    for channel in sorted(chains.keys() | heads.keys()):
        chain = chains.setdefault(channel, Chain())
        chain.end(heads.get(channel))
        _say(_told(channel, chain))
    if open_to_change:
        sys.stderr.write(_MAY_CHANGE + "\n")
    return 1 if any(chain.broken for chain in chains.values()) else 0


def _told(channel: str, chain: Chain) -> str:
    broken = chain.broken
    if broken is None:
        return f"{channel}: whole, {chain.last.number} lines; the last is {chain.last.number}:{chain.last.hash}"
    named = "" if broken.id is None else f" ({broken.id})"
    return f"{channel}: broken at line {broken.number}{named}: {broken.why}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
