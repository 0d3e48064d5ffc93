"""Metrics as the code declares them: no label can say whose a thing is, no name is there twice."""

from collections import Counter
from importlib import import_module
from typing import Any

_METRICS: Any = import_module("docs.metrics")
DECLARED = _METRICS.declared()


def test_every_label_is_one_of_few_values_that_are_written_down() -> None:
    assert {label for metric in DECLARED for label in metric.labels} == set(_METRICS.VALUES)


def test_a_name_is_there_once_and_says_that_it_is_ours_and_its_unit() -> None:
    assert [name for name, count in Counter(metric.name for metric in DECLARED).items() if count > 1] == []
    for metric in DECLARED:
        assert metric.name.startswith("dangol_"), metric
        assert metric.text.endswith("."), metric
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric
        assert metric.kind != "histogram" or metric.name.endswith("_seconds"), metric
