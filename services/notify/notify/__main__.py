"""`python -m notify api|consumer|worker|migrate|provision`."""

import sys
from collections.abc import Sequence

from common.signals import end_on_sigterm


def main(arguments: Sequence[str]) -> None:
    """Become one of the roles."""
    end_on_sigterm()
    from common import process
    from notify.main import ROLES

    if len(arguments) != 1 or arguments[0] not in ROLES:
        sys.exit(f"usage: python -m notify {'|'.join(ROLES)}")
    process.run(ROLES[arguments[0]]())


if __name__ == "__main__":
    main(sys.argv[1:])
