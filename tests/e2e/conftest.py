"""A channel of its own for each test, and who asks about it through the gateway."""

from collections.abc import AsyncIterator

import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, fresh_channel
from tests.support.team import Team, new_team


@pytest.fixture
def channel() -> str:
    return fresh_channel()


@pytest.fixture
async def api(stack: Stack, channel: str) -> AsyncIterator[Api]:
    """A manager of the channel who may do everything."""
    async with caller(stack, channel) as made:
        yield made


@pytest.fixture
async def team(stack: Stack) -> AsyncIterator[Team]:
    """The same, with others of the channel beside."""
    async with new_team(stack) as made:
        yield made
