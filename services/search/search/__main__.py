"""`python -m search api|consumer|migrate|rebuild`, and `python -m search dlq list|show|retry|drop`."""

import sys

from common import process
from search.main import ROLES, run_dlq

if sys.argv[1:2] == ["dlq"]:
    process.run(run_dlq(sys.argv[2:]))
elif len(sys.argv) != 2 or sys.argv[1] not in ROLES:
    sys.exit(f"usage: python -m search {'|'.join(ROLES)}|dlq")
else:
    process.run(ROLES[sys.argv[1]]())
