"""`python -m exports api|worker|consumer|relay|migrate|provision`, `audit verify`; `verify FILE MANIFEST` for who got a file."""

import sys
from collections.abc import Sequence

from common.signals import end_on_sigterm


def main(arguments: Sequence[str]) -> None:
    """Become one of the roles, or do one command."""
    end_on_sigterm()
    from common import process
    from exports import verify
    from exports.main import ROLES, run_audit

    if arguments[:1] == ["verify"]:
        sys.exit(verify.run(arguments[1:]))
    elif arguments[:1] == ["audit"]:
        process.run(run_audit(arguments[1:]))
    elif len(arguments) != 1 or arguments[0] not in ROLES:
        sys.exit(f"usage: python -m exports {'|'.join([*ROLES, 'audit', 'verify'])}")
    else:
        process.run(ROLES[arguments[0]]())


if __name__ == "__main__":
    main(sys.argv[1:])
