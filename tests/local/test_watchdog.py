"""When the watchdog takes a process for hung."""

from localstack.watchdog import PATIENCE_SECONDS, Failing


def test_a_process_that_fails_for_thirty_seconds_is_hung() -> None:
    failing = Failing()
    assert failing.observe({"a": (1, False)}, 0.0) == []
    assert failing.observe({"a": (1, False)}, PATIENCE_SECONDS - 1) == []
    assert failing.observe({"a": (1, False)}, PATIENCE_SECONDS) == [("a", 1)]


def test_one_good_answer_begins_the_count_anew() -> None:
    failing = Failing()
    failing.observe({"a": (1, False)}, 0.0)
    failing.observe({"a": (1, True)}, 20.0)
    assert failing.observe({"a": (1, False)}, 40.0) == []
    assert failing.observe({"a": (1, False)}, 69.0) == []


def test_a_process_started_again_has_its_own_thirty_seconds() -> None:
    failing = Failing()
    failing.observe({"a": (1, False)}, 0.0)
    assert failing.observe({"a": (2, False)}, 31.0) == []


def test_a_killed_process_is_not_killed_twice() -> None:
    failing = Failing()
    failing.observe({"a": (1, False)}, 0.0)
    assert failing.observe({"a": (1, False)}, 31.0) == [("a", 1)]
    assert failing.observe({"a": (1, False)}, 33.0) == []
