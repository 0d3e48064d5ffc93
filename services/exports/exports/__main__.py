"""`python -m exports api|worker|consumer|relay|migrate` and `audit verify`; `verify FILE MANIFEST` for who was given a file."""

import sys

from common import process
from exports import verify
from exports.main import ROLES, run_audit

if sys.argv[1:2] == ["verify"]:
    sys.exit(verify.run(sys.argv[2:]))
elif sys.argv[1:2] == ["audit"]:
    process.run(run_audit(sys.argv[2:]))
elif len(sys.argv) != 2 or sys.argv[1] not in ROLES:
    sys.exit(f"usage: python -m exports {'|'.join([*ROLES, 'audit', 'verify'])}")
else:
    process.run(ROLES[sys.argv[1]]())
