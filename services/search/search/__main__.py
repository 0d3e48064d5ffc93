"""`python -m search api|consumer|migrate|provision|rebuild|doctor`, and `python -m search dlq list|show|retry|drop`."""

import sys
from collections.abc import Sequence

from common.signals import end_on_sigterm


def main(arguments: Sequence[str]) -> None:
    """Become one of the roles, or do one command."""
    end_on_sigterm()
    from common import process
    from search.main import ROLES, run_dlq

    if arguments[:1] == ["dlq"]:
        process.run(run_dlq(arguments[1:]))
    elif len(arguments) != 1 or arguments[0] not in ROLES:
        sys.exit(f"usage: python -m search {'|'.join(ROLES)}|dlq")
    else:
        process.run(ROLES[arguments[0]]())


if __name__ == "__main__":
    main(sys.argv[1:])
