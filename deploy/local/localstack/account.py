"""PostgreSQL refuses to run as root: as root it gets another account, which must be able to reach its files."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localstack.errors import StackError
from localstack.spec import Spec

UNPRIVILEGED = "nobody"


def unprivileged(command: Sequence[str], *, reaches: Sequence[Path], environment: dict[str, str] | None = None) -> Spec:
    """The command as it is for an ordinary user; as root, with the unprivileged account.

    Where that account can't pass a folder on the way to `reaches` (a checkout under /root), it is lent the right to pass, by
    `setpriv`, rather than opening the folder to everyone. Raises StackError where that is not possible either.
    """
    extra = environment or {}
    if os.geteuid() != 0:
        return Spec(command, extra)
    closed = [folder for path in reaches for folder in (path, *path.parents) if not _open_to_all(folder)]
    if not closed:
        return Spec(command, extra, account=UNPRIVILEGED)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StackError(
            f"PostgreSQL may not run as root, and the account `{UNPRIVILEGED}` can't enter {closed[0]}. Run this as an "
            "ordinary user, or keep the checkout and DANGOL_HOME where every user may enter (such as /opt or /var/tmp)."
        )
    account = pwd.getpwnam(UNPRIVILEGED)
    ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    # `access`, by which PostgreSQL looks for its own programs, regards the lent right only with this security bit.
    lent = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    return Spec([setpriv, *ids, *lent, "--", *command], extra)


def give(path: Path) -> None:
    """Make the account, where there is one, the owner of a file or folder."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(UNPRIVILEGED)
        os.chown(path, account.pw_uid, account.pw_gid)


def run_to_end(spec: Spec) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself, as its account."""
    if spec.account is None:
        return subprocess.run(spec.command, capture_output=True, text=True, check=False, cwd=spec.folder)
    account = pwd.getpwnam(spec.account)
    return subprocess.run(
        spec.command, capture_output=True, text=True, check=False, cwd=spec.folder,
        user=account.pw_uid, group=account.pw_gid, extra_groups=[],
    )  # fmt: skip


def _open_to_all(folder: Path) -> bool:
    status = folder.stat()
    own = os.geteuid() == 0 and status.st_uid == pwd.getpwnam(UNPRIVILEGED).pw_uid
    return own or bool(status.st_mode & stat.S_IXOTH)
