"""`make check-deploy` and `make test-kube`: deploy/kubernetes by its schemas, and by a real API server."""

import os
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from localstack.cluster import secrets_of_cluster
from localstack.errors import StackError
from localstack.home import checkout
from tests.kube import server
from tests.kube.manifests import PARTS, PLACES, Document, KubeError, documents, of_place, pods
from tests.kube.schemas import Schemas, Unknown
from tests.kube.wrong import all_wrong

_OURS = checkout() / "deploy" / "engine" / "kubernetes" / "definitions"


def check() -> int:
    """Build every place and hold each document against its schema; answers how many are wrong."""
    gathered = sorted(server.DEFINITIONS.glob("*/*.yaml"))
    schemas = Schemas([*gathered, *sorted(_OURS.glob("*.yaml"))])
    wrong, unknown, count = 0, set[str](), 0
    for place in PLACES:
        for document in of_place(place):
            count += 1
            try:
                problems = schemas.problems(document)
            except Unknown as kind:
                unknown.add(str(kind))
                continue
            wrong += bool(problems)
            for problem in problems:
                print(f"{place}: {document['kind']} {document['metadata']['name']}: {problem}", file=sys.stderr)
    if unknown:
        print(f"check-deploy: no schema here of {', '.join(sorted(unknown))}: `make test-kube` gathers them", file=sys.stderr)
    print(f"check-deploy: {count} documents, {wrong} wrong")
    return wrong


class _Report:
    def __init__(self) -> None:
        self.failed = False
        self.lines: list[str] = []

    def tell(self, what: str, seen: str, *, well: bool = True) -> None:
        self.failed |= not well
        self.lines.append(f"| {what} | {seen}{'' if well else ' **wrong**'} |")
        print(self.lines[-1], file=sys.stderr, flush=True)


def test() -> int:
    """Every document by the real API server, every pod in its namespace, and each that is wrong; 0 where all is well."""
    server.gather()
    report = _Report()
    with tempfile.TemporaryDirectory(prefix="dangol-kube.") as folder, server.started(Path(folder) / "server") as (api, seconds):
        report.tell(f"kube-apiserver {server.VERSION} answers", f"after {seconds:.0f} s")
        report.tell("definitions (CRDs)", str(api.define()))
        api.make(_standing())
        for place in PLACES:
            for part in PARTS:
                _take(api, report, f"{place}/{part}", documents(place, part))
            _take(api, report, f"{place}: its pods, in a namespace that enforces `restricted`", pods(place).values())
        made: list[Document] = secrets_of_cluster(Path(folder) / "keys")["items"]
        _take(api, report, "`make kube-secrets`", [_in_namespace(each) for each in made])
        _refuse(api, report)
    print(f"`make test-kube`, {datetime.now(UTC):%d %B %Y}, {os.cpu_count()} processors\n")
    print("\n".join(["| what | seen |", "|---|---|", *report.lines]))
    return int(report.failed)


def _standing() -> list[Document]:
    """What must be there before others are tried: the namespace with its rule, and the accounts that pods are to have."""
    (namespace,) = {each["metadata"]["name"]: each for each in of_place("production") if each["kind"] == "Namespace"}.values()
    accounts = [each for each in documents("production", "services") if each["kind"] == "ServiceAccount"]
    default = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "dangol"}}
    return [namespace, *accounts, default]


def _in_namespace(document: Document) -> Document:
    return {**document, "metadata": {**document["metadata"], "namespace": "dangol"}}


def _take(api: server.Server, report: _Report, what: str, given: Iterable[Document]) -> None:
    wanted = list(given)
    try:
        taken = api.would_take(wanted)
    except KubeError as error:
        report.tell(what, str(error).replace("\n", "; "), well=False)
    else:
        report.tell(what, f"{taken} of {len(wanted)} taken", well=taken == len(wanted))


def _refuse(api: server.Server, report: _Report) -> None:
    refused, count = 0, 0
    for wrong in all_wrong():
        count += 1
        words = api.refusal(wrong.document)
        if words is None:
            report.tell(wrong.what, "was taken", well=False)
        elif wrong.words not in words:
            report.tell(wrong.what, f"refused for another reason: {words[-300:]}", well=False)
        else:
            refused += 1
    report.tell("one change that makes it wrong", f"{refused} of {count} refused, each for its own reason", well=refused == count)


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["check"]:
                sys.exit(min(check(), 1))
            case ["server"]:
                sys.exit(test())
            case _:
                sys.exit("usage: python -m tests.kube check|server")
    except (KubeError, StackError) as error:
        sys.exit(f"tests.kube: {error}")
