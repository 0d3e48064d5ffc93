"""`python -m exports api|worker|consumer|relay|migrate`."""

import sys

from common import process
from exports.main import ROLES

if len(sys.argv) != 2 or sys.argv[1] not in ROLES:
    sys.exit(f"usage: python -m exports {'|'.join(ROLES)}")
process.run(ROLES[sys.argv[1]]())
