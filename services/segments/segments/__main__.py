"""`python -m segments api|consumer|worker|relay|migrate|provision|rebuild|verify|doctor`."""

import sys

from common.signals import end_on_sigterm

if __name__ == "__main__":
    end_on_sigterm()
    from segments import main

    sys.exit(main.dispatch(sys.argv[1:]))
