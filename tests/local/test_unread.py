"""What `make status` counts as unread: every group, and of each the topics that it really reads."""

from collections.abc import Sequence

import pytest

from common.topics import GROUPS
from exports import consumer as exports
from localstack.kafka import READS
from notify import consumer as notify
from segments import consumer as segments


@pytest.mark.parametrize(
    ("group", "topics"),
    [(exports.GROUP, exports.TOPICS), (notify.GROUP, notify.READS), (segments.GROUP, segments.TOPICS)],
)
def test_what_the_status_counts_as_unread_is_what_is_read(group: str, topics: Sequence[str]) -> None:
    assert READS[group] == tuple(topics)


def test_every_group_is_counted() -> None:
    assert READS.keys() == set(GROUPS)
