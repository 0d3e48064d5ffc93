"""`python -m notify api|consumer|worker|migrate`."""

import sys

from common import process
from notify.main import ROLES

if len(sys.argv) != 2 or sys.argv[1] not in ROLES:
    sys.exit(f"usage: python -m notify {'|'.join(ROLES)}")
process.run(ROLES[sys.argv[1]]())
