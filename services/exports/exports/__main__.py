"""`python -m exports api|worker|consumer|relay|migrate`, or `verify FILE MANIFEST` for whoever was given a file."""

import sys

from common import process
from exports import verify
from exports.main import ROLES

if sys.argv[1:2] == ["verify"]:
    sys.exit(verify.run(sys.argv[2:]))
if len(sys.argv) != 2 or sys.argv[1] not in ROLES:
    sys.exit(f"usage: python -m exports {'|'.join([*ROLES, 'verify'])}")
process.run(ROLES[sys.argv[1]]())
