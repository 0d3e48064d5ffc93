"""A real API server of this machine's own, with the operators' definitions, and nothing that would run a pod."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localstack.home import checkout
from localstack.toolchain import find_java
from tests.kube.manifests import KUBECTL, Document, KubeError

VERSION = "1.37.2"
PLACE = checkout() / ".tools" / "kubernetes"
"""Programs and definitions that are gathered once."""
DEFINITIONS = PLACE / "definitions"
_SCRIPTS = checkout() / "deploy" / "engine" / "kubernetes"


class Server:
    """What it says to documents."""

    def __init__(self, kubeconfig: Path) -> None:
        self._command = [str(KUBECTL), "--kubeconfig", str(kubeconfig)]

    def run(self, *words: str, said: str | None = None) -> str:
        """What a command of kubectl says. Raises KubeError."""
        done = subprocess.run([*self._command, *words], input=said, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KubeError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def define(self) -> int:
        """Add the operators' definitions; answers how many kinds there are then, beside Kubernetes' own."""
        self.run("apply", "--server-side", "--recursive", "--filename", str(DEFINITIONS))
        self.run("wait", "--for", "condition=Established", "crd", "--all", "--timeout", "60s")
        return len(self.run("get", "crd", "--output", "name").split())

    def make(self, documents: Iterable[Document]) -> None:
        """Keep them for real. Raises KubeError."""
        self.run("apply", "--server-side", "--filename", "-", said=_stream(documents))

    def would_take(self, documents: Iterable[Document]) -> int:
        """How many the server would take, with nothing that it warns of. Raises KubeError, with its words."""
        told = self.run("apply", "--dry-run=server", "--warnings-as-errors", "--filename", "-", said=_stream(documents))
        return len(told.splitlines())

    def refusal(self, document: Document) -> str | None:
        """Why the server would not take it; None where it would."""
        try:
            self.would_take([document])
        except KubeError as error:
            return str(error)
        return None


def _stream(documents: Iterable[Document]) -> str:
    # One by one: what is in a List is looked at by kubectl, and does not come to the server where that finds a mistake.
    return "\n---\n".join(json.dumps(document) for document in documents)


def gather() -> None:
    """Build the server and gather the definitions, where this has not been done. Raises KubeError."""
    if not (PLACE / VERSION / "kube-apiserver").exists():
        _script("build.sh", str(PLACE / VERSION), VERSION)
    sources = [_SCRIPTS / "crds.sh", *sorted((_SCRIPTS / "definitions").glob("*.yaml"))]
    made_from = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp = DEFINITIONS / ".made-from"
    if not stamp.exists() or stamp.read_text("utf-8") != made_from:
        _script("crds.sh", str(DEFINITIONS), str(find_java()))
        stamp.write_text(made_from, "utf-8")


@contextmanager
def started(folder: Path) -> Iterator[tuple[Server, float]]:
    """The server, and after how many seconds it answered; it is stopped at the end. Raises KubeError."""
    began = time.monotonic()
    try:
        _script("up.sh", str(PLACE / VERSION), str(folder))
        yield Server(folder / "kubeconfig"), time.monotonic() - began
    finally:
        _script("down.sh", str(folder))


def _script(name: str, *words: str) -> None:
    print(f"{name} {' '.join(words)}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [str(_SCRIPTS / name), *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise KubeError(f"{name}: {done.stderr.strip()[-2000:]}")
