"""Which bytes of a file a request wants (RFC 9110, section 14): one range, so that a broken download goes on where it broke."""

import re
from http import HTTPStatus

from common.errors import Problem

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


class NotThere(Problem):
    """The file has none of the bytes asked for."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    code = "rangeNotThere"

    def __init__(self, size: int) -> None:
        super().__init__(
            f"The file has {size:,} bytes and ends before the range begins. Ask for a range within it.",
            headers={"Content-Range": f"bytes */{size}"},
            extra={"size": size},
        )


def part_of(size: int, tag: str, wanted: str | None, if_range: str | None) -> range | None:
    """The bytes of the one range that `Range` names, None for the whole file. Raises NotThere.

    A server may ignore a range: one that cannot be read, several at once, and one meant for a file with another tag.
    """
    if wanted is None or (if_range is not None and if_range.strip() != tag):
        return None
    match = _RANGE.fullmatch(wanted)
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        first, past = max(0, size - int(match[2])), size
    else:
        first, past = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
        if match[2] and int(match[2]) < first:
            return None
    if first >= past:
        raise NotThere(size)
    return range(first, past)
