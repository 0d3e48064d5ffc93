"""What every test may ask for: the whole system, or its three servers, started once per run and only when asked for."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from localstack.errors import StackError
from localstack.stack import Stack
from tests.support.stack import NoStack, stack_of_this_run

# Time says nothing on a machine that runs servers beside: what takes long is bounded where it is tested.
settings.register_profile("servers beside", deadline=None)
settings.load_profile("servers beside")

# A traceback as Python writes it: one drawn with the locals of each frame takes seconds, in which a loop under test stands still.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# Tests that ask for the whole system lie here.
_SYSTEM = (
    "tests/e2e/", "tests/faults/", "tests/local/", "tests/exports/test_database_away.py", "tests/exports/test_in_a_bucket.py",
    "tests/exports/test_kills.py", "tests/exports/test_ready_files.py", "tests/exports/test_worker.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole system's tests first: they take longest, and the other files fill what time is left on either worker."""
    items.sort(key=lambda item: not item.nodeid.startswith(_SYSTEM))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "_Scheduler":
    """Who of several workers, each with servers of its own, gets what."""
    return _Scheduler(config, log)


class _Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """The whole system's tests stay on one worker, so that only one such system is started; all others go file by file."""

    def _split_scope(self, nodeid: str) -> str:
        return "system" if nodeid.startswith(_SYSTEM) else nodeid.partition("::")[0]


@pytest.fixture(scope="session")
def _own_stack() -> Iterator[Stack]:
    try:
        with stack_of_this_run() as stack:
            yield stack
    except NoStack as error:
        pytest.exit(f"The tests run against real servers. {error}", returncode=3)


@pytest.fixture(scope="session")
def servers(_own_stack: Stack) -> Stack:
    """PostgreSQL, Kafka and OpenSearch; with other fixtures possibly more."""
    try:
        _own_stack.servers_up()
    except StackError as error:
        pytest.exit(f"The servers for the tests could not be started. {error}", returncode=3)
    return _own_stack


@pytest.fixture(scope="session")
def stack(_own_stack: Stack) -> Stack:
    """The whole system, behind its gateway."""
    try:
        _own_stack.up()
    except StackError as error:
        pytest.exit(f"The system for the tests could not be started. {error}", returncode=3)
    return _own_stack
