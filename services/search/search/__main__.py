"""`python -m search api|consumer|migrate|rebuild`."""

import sys

from common import process
from search.main import ROLES

if len(sys.argv) != 2 or sys.argv[1] not in ROLES:
    sys.exit(f"usage: python -m search {'|'.join(ROLES)}")
process.run(ROLES[sys.argv[1]]())
