"""The imports of the test's channel."""

import pytest

from tests.contacts.conftest import World
from tests.contacts.imports.importing import Importing


@pytest.fixture
async def shop(world: World) -> Importing:
    return Importing(world, world.channel)
