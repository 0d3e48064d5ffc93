"""What a destination is told, in its language. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common.language import Language

_TITLES: Mapping[str, tuple[str, str]] = {
    "export.ready": ("엑셀 파일이 준비되었습니다", "An Excel file is ready"),
    "export.failed": ("엑셀 파일을 만들지 못했습니다", "An Excel file could not be made"),
    "export.withdrawn": ("엑셀 파일을 회수했습니다", "An Excel file was withdrawn"),
    "segment.entered": ("세그먼트에 들어온 고객이 있습니다", "Contacts entered a segment"),
    "segment.left": ("세그먼트에서 나간 고객이 있습니다", "Contacts left a segment"),
    "segment.deleted": ("세그먼트가 삭제되었습니다", "A segment was deleted"),
    "managedUsers.warning": ("관리 고객 한도에 가까워졌습니다", "The managed-user limit is near"),
    "import.done": ("가져오기가 끝났습니다", "An import has ended"),
    "bulkAction.done": ("일괄 작업이 끝났습니다", "A bulk action has ended"),
    "test": ("테스트 메시지", "A test message"),
}
_OPEN: Mapping[Language, str] = {"ko": "열기", "en": "Open"}


@dataclass(frozen=True, slots=True)
class Message:
    """One notice: `id` is the same on every attempt; `text` may hold what somebody typed; `link` is ours. `data` has figures and
    ids for programs."""

    id: str
    event: str
    at: datetime
    language: Language
    text: str
    link: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def title(self) -> str:
        """What it is about, in words that are ours alone."""
        return _TITLES[self.event][0 if self.language == "ko" else 1]

    @property
    def label(self) -> str:
        """What stands on the link."""
        return _OPEN[self.language]


_UNASKED = ("segment.deleted", "test")
"""The end of what a destination is told of a segment comes by itself."""
EVENTS = tuple(event for event in _TITLES if event not in _UNASKED)
"""What a destination may ask to be told of."""
