"""Where what was written is seen: told of the last written first, and by no more of them than it takes."""

from collections.abc import Iterator
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from common.clock import EPOCH, to_wire
from common.events.contacts import Contact
from common.partition import SHARDS
from common.position import Applied, last_by_partition
from contacts.publish import where_told


def a_contact(number: int, version: int = 1) -> Contact:
    return Contact(id=UUID(int=number), created_at=to_wire(EPOCH), updated_at=to_wire(EPOCH), version=version)


WRITTEN = st.lists(st.builds(a_contact, st.integers(0, 300), st.integers(1, 9)), max_size=200)


@given(WRITTEN)
def test_the_last_of_each_partition_tells_where_all_are_seen(written: list[Contact]) -> None:
    plainly = last_by_partition("c", [Applied("contact", str(c.id), c.version) for c in written])
    assert set(where_told("c", reversed(written)).entries) == set(plainly.entries)


def test_nobody_is_looked_at_once_each_partition_has_one() -> None:
    looked_at = 0

    def many() -> Iterator[Contact]:
        nonlocal looked_at
        for looked_at in range(1, 10_001):
            yield a_contact(looked_at)

    assert len(where_told("c", many()).entries) == SHARDS
    assert looked_at < 500
