"""`python -m segments api|consumer|worker|relay|migrate|rebuild|verify`."""

import sys

from segments import main

if __name__ == "__main__":
    sys.exit(main.dispatch(sys.argv[1:]))
