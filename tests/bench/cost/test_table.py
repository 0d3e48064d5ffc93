"""The tables of `make bench-cost`, and what it refuses to measure."""

from pathlib import Path

import pytest

from tests.bench.cost.__main__ import Wanted, wanted
from tests.bench.cost.cpu import COMPILING
from tests.bench.cost.rounds import Idle, Round
from tests.bench.cost.table import Cell, tables

IDLE = {"ours": [Idle({"contacts-api": 0.01, "Kafka": 0.002}), Idle({"contacts-api": 0.03})]}


def a_round(api: float, kafka: float, moves: int = 0) -> Round:
    idle = {"contacts-api": 0.1, "Kafka": 0.1, COMPILING: 9.0}
    return Round(1000, {"contacts-api": api, "Kafka": kafka, COMPILING: 0.05}, idle, moves)


def test_a_cost_is_the_mean_of_its_rounds_without_what_passes_while_idle() -> None:
    cells = [
        Cell("visit", 0, {"ours": [a_round(0.4, 0.1), a_round(0.6, 0.1)]}),
        Cell("visit", 100, {"ours": [a_round(1.1, 0.3, moves=500), a_round(1.1, 0.3, moves=100)]}),
    ]
    summary, where, idle = tables(cells, IDLE)
    assert summary.splitlines() == [
        "| µs of processors, all processes | 0 segments | 100 segments |",
        "| --- | --- | --- |",
        "| a visit, 500 a request | 400 (300–500) | 1,200 (1,200–1,200) |",
    ]
    assert where.splitlines()[2:] == [
        "| contacts-api | 400 | 1,000 |",
        "| Kafka | 0 | 200 |",
        "| all | 400 | 1,200 |",
        "| taken off: while idle | 200 | 200 |",
        "| left out: compilers of Kafka and OpenSearch | 50 | 50 |",
        "| moves of segments | 0.00 | 0.30 |",
    ]
    assert "| contacts-api | 20.0 |" in idle.splitlines()
    assert idle.splitlines()[-1] == "| all | 21.0 |"


def test_another_build_stands_beside_with_its_ratio() -> None:
    cells = [Cell("event", 0, {"ours": [a_round(0.5, 0.1)], "the build beside": [a_round(1.1, 0.1)]})]
    summary, where, _ = tables(cells, IDLE | {"the build beside": [Idle({})]})
    assert summary.splitlines()[2:] == [
        "| a custom event, 500 a request | 400 |",
        "| – by the build beside | 1,000 |",
        "| – the build beside, ratio | 2.50 × |",
    ]
    assert "| contacts-api | 400 / 1,000 |" in where.splitlines()


def test_what_was_not_reached_is_a_dash() -> None:
    cells = [
        Cell("visit", 0, {"ours": [a_round(0.5, 0.1)]}),
        Cell("visit", 100, {}),
        Cell("import", 0, {}),
        Cell("import", 100, {}),
    ]
    summary, where, nowhere, _ = tables(cells, IDLE | {"the build beside": [Idle({})]})
    assert summary.splitlines()[2:5] == [
        "| a visit, 500 a request | 400 | – |",
        "| – by the build beside | – | – |",
        "| – the build beside, ratio | – | – |",
    ]
    assert "| all | 400 / – | – / – |" in where.splitlines()
    assert "| all | – / – | – / – |" in nowhere.splitlines()


def test_without_words_everything_is_measured() -> None:
    asked = wanted([], {"SEGMENTS": "", "N": "", "ROUNDS": "", "BASE": ""})
    assert (asked.segments, asked.contacts, asked.rounds, asked.base, len(asked.kinds)) == ([0, 100, 1000], 30_000, 3, None, 7)
    some = wanted(["import", "visit"], {"SEGMENTS": "10, 0", "N": "1000000", "BASE": "/"})
    assert some == Wanted(["visit", "import"], [0, 10], 1_000_000, 3, Path("/"))


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["visits"], {}),
        ([], {"N": "5999"}),
        ([], {"N": "many"}),
        ([], {"SEGMENTS": "0,"}),
        ([], {"ROUNDS": "0"}),
        ([], {"ROUNDS": "21"}),
    ],
)
def test_what_cannot_be_measured_is_refused(words: list[str], environment: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match=r"at least|Kinds are"):
        wanted(words, environment)
