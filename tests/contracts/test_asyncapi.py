"""AsyncAPI's own parser takes the document of the events, and would not take one that is wrong."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from localstack.home import checkout

DOCUMENT = checkout() / "docs" / "asyncapi.json"
WRONG: list[tuple[Callable[[Any], object], str]] = [
    (lambda d: d["components"]["schemas"].pop("Change"), "components/schemas/ContactChanged/properties/changes/items/$ref"),
    (lambda d: d["info"].pop("version"), "info"),
    (lambda d: d["operations"]["exports.relay.send.exports.v1"].pop("channel"), "operations/exports.relay.send.exports.v1"),
    (lambda d: d["channels"]["jobs.v1"]["bindings"]["kafka"].update(partitions=0), "channels/jobs.v1/bindings/kafka/partitions"),
    (lambda d: d["channels"]["visits.v1"]["bindings"]["kafka"]["topicConfiguration"].update({"cleanup.policy": ["keep"]}),
     "channels/visits.v1/bindings/kafka/topicConfiguration/cleanup.policy"),
    (lambda d: d["components"]["schemas"]["Entered"]["properties"]["at"].update(type="words"),
     "components/schemas/Entered/properties/at/type"),
]  # fmt: skip
"""Ways to spoil the document, and the place that is to blame."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the parser says of the document, of it with every fault in it at once, and of one that tells nothing."""
    folder = tmp_path_factory.mktemp("asyncapi")
    spoilt = json.loads(DOCUMENT.read_text("utf-8"))
    for spoil, _ in WRONG:
        spoil(spoilt)
    files = {"right": DOCUMENT, "wrong": folder / "wrong.json", "empty": folder / "empty.json"}
    files["wrong"].write_text(json.dumps(spoilt), "utf-8")
    files["empty"].write_text("{}", "utf-8")
    command = ["make", "-s", "check-asyncapi", f"FILES={' '.join(map(str, files.values()))}"]
    done = subprocess.run(command, cwd=checkout(), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return {name: [line for line in done.stderr.splitlines() if line.startswith(f"{file}:")] for name, file in files.items()}


def test_the_document_is_right(told: dict[str, list[str]]) -> None:
    assert told["right"] == []


def test_nothing_is_no_document(told: dict[str, list[str]]) -> None:
    assert told["empty"] != []


@pytest.mark.parametrize("place", [place for _, place in WRONG])
def test_a_wrong_document_is_refused_with_the_place(told: dict[str, list[str]], place: str) -> None:
    assert any(f": {place}" in line for line in told["wrong"]), told["wrong"]
