"""`python -m contacts api|worker|relay|migrate`."""

import sys

from common import process
from contacts.main import ROLES

if len(sys.argv) != 2 or sys.argv[1] not in ROLES:
    sys.exit(f"usage: python -m contacts {'|'.join(ROLES)}")
process.run(ROLES[sys.argv[1]]())
