"""What a manager reads of an export that waits or failed: why, in both languages, and what to do."""

import errno
import os

import pytest

from common.errors import Unavailable
from exports import said
from exports.said import AWAY, NO_FILES, NO_ROOM, Said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unavailable("The search index does not answer."), AWAY),
        (OSError(errno.ENOSPC, "No space left on device"), NO_ROOM),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), NO_ROOM),
        (OSError(errno.EFBIG, "File too large"), NO_ROOM),
        (OSError(errno.EROFS, "Read-only file system"), NO_FILES),
        (PermissionError(errno.EACCES, "Permission denied"), NO_FILES),
        (TimeoutError(), NO_FILES),
    ],
)
def test_what_is_waited_for_is_said_by_what_was_met(error: Unavailable | OSError, words: Said) -> None:
    assert said.waits_for(error) == words


def test_a_disk_that_is_full_says_so() -> None:
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as met:  # noqa: PTH123
        full.write(b"x")
    assert said.waits_for(met.value) == NO_ROOM


@pytest.mark.parametrize(
    "words",
    [
        said.GAVE_UP, said.CANNOT, said.UNANSWERED, said.AGAIN, AWAY, NO_ROOM, NO_FILES, said.unfit("It does not fit."),
        said.refused("There is no such segment."), said.too_many(1_000_001, 1_000_000),
    ],
)  # fmt: skip
def test_it_is_said_in_both_languages(words: Said) -> None:
    assert words.english.isascii()
    assert words.english.endswith(".")
    assert any("가" <= character <= "힣" for character in words.korean)
    assert words.korean.endswith(".")
