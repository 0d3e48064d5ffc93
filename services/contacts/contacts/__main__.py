"""`python -m contacts api|worker|relay|migrate|provision|restored|doctor`, and `republish [--channel C | --contact ID]`."""

import sys
from collections.abc import Sequence

from common.signals import end_on_sigterm


def main(arguments: Sequence[str]) -> None:
    """Become one of the roles."""
    end_on_sigterm()
    from common import process
    from contacts.main import ROLES, run_republish

    if arguments[:1] == ["republish"]:
        process.run(run_republish(arguments[1:]))
    elif len(arguments) != 1 or arguments[0] not in ROLES:
        sys.exit(f"usage: python -m contacts {'|'.join(ROLES)}|republish")
    else:
        process.run(ROLES[arguments[0]]())


if __name__ == "__main__":
    main(sys.argv[1:])
