"""What a manager is told of an export that waits, is tried again or has failed: in words, in Korean and in English."""

import errno
from typing import NamedTuple

from common.errors import Unavailable


class Said(NamedTuple):
    """The same in both languages, without personal data."""

    english: str
    korean: str


GAVE_UP = Said(
    "The file could not be finished after several attempts. Ask again; if it fails again, tell the operators.",
    "여러 번 시도했지만 파일을 완성하지 못했습니다. 다시 요청해 주세요. 또 실패하면 운영자에게 알려 주세요.",
)
CANNOT = Said(
    "The file cannot be written. Ask again; if it fails again, tell the operators.",
    "파일을 만들 수 없습니다. 다시 요청해 주세요. 또 실패하면 운영자에게 알려 주세요.",
)
UNANSWERED = Said(
    "Nobody approved this export within 7 days. Ask again.",
    "7일 동안 아무도 승인하지 않았습니다. 다시 요청해 주세요.",
)
AGAIN = Said(
    "An attempt to write the file came to nothing. Another one begins by itself.",
    "파일을 만들다가 문제가 생겼습니다. 저절로 다시 시도합니다.",
)
AWAY = Said(
    "A service that the export needs does not answer. The export goes on by itself once it does.",
    "필요한 서비스가 응답하지 않아 기다리고 있습니다. 응답하면 저절로 이어집니다.",
)
NO_ROOM = Said(
    "There is no room for the file. The export goes on by itself once the operators have made some.",
    "파일을 둘 공간이 없어 기다리고 있습니다. 운영자가 공간을 마련하면 저절로 이어집니다.",
)
NO_FILES = Said(
    "The file cannot be stored. The export goes on by itself once the operators have put that right.",
    "파일을 저장할 수 없어 기다리고 있습니다. 운영자가 고치면 저절로 이어집니다.",
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def waits_for(error: Unavailable | OSError) -> Said:
    """What an export waits for that met this."""
    if isinstance(error, Unavailable):
        return AWAY
    return NO_ROOM if error.errno in _FULL else NO_FILES


def refused(detail: str) -> Said:
    """Search cannot be asked for these contacts any more, and tells why."""
    return Said(detail, "요청한 대상을 더는 찾을 수 없습니다. 필터나 세그먼트를 확인하고 다시 요청해 주세요.")


def unfit(reason: str) -> Said:
    """Something does not fit into a workbook."""
    return Said(
        f"{reason} Ask again without what does not fit.",
        "엑셀 파일에 담을 수 없는 내용이 있습니다. 열이나 대상을 줄여 주세요.",
    )


def too_many(total: int, most: int) -> Said:
    """More contacts match than a file takes."""
    return Said(
        f"{total:,} contacts match, more than the {most:,} that one file takes. Narrow it down and ask again.",
        f"대상이 {total:,}명으로 한 파일에 담을 수 있는 {most:,}명을 넘습니다. 대상을 줄여 다시 요청해 주세요.",
    )
