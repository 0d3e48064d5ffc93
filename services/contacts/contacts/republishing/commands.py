"""`python -m contacts republish`, for an operator."""

import argparse
from collections.abc import Sequence
from uuid import UUID

from contacts.republishing.handlers import Republisher

_RATE = 2000


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command; ends the process with the usage where it is none."""
    parser = argparse.ArgumentParser(
        prog="python -m contacts republish",
        description="Send the newest state of everyone to Kafka again. Broken off, it goes on where it was.",
    )
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument("--channel", metavar="C", help="of this channel alone")
    whom.add_argument("--contact", metavar="ID", type=UUID, help="of this contact alone")
    parser.add_argument("--rate", metavar="N", type=_rate, default=_RATE, help=f"contacts a second at the most (default {_RATE})")
    return parser.parse_args(arguments)


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < float("inf"):
        raise ValueError(text)
    return rate


async def run(command: argparse.Namespace, republisher: Republisher) -> str:
    """Do it; answers what to say. Raises NotFound, OneAtATime."""
    if command.contact is not None:
        await republisher.contact(command.contact)
        return "1 contact told again\n"
    return f"{await republisher.everyone(command.channel)} contacts told again\n"
