"""What every test may ask for: the whole system, or its three servers, started once per run and only when asked for."""

from collections.abc import Iterator

import pytest

from localstack.errors import StackError
from localstack.stack import Stack
from tests.support.stack import NoStack, stack_of_this_run


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
