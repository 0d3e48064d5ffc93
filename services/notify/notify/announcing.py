"""What destinations are told of what happened: from an event to a sentence in both languages, or to none. Pure.

No customer's data is in it: figures, ids, and who of the managers asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from common.events.contacts import BulkActionDone, ImportDone, ManagedUsersWarning
from common.events.exports import ExportCompleted, ExportEvent, ExportFailed, ExportWithdrawn
from common.language import Language
from notify.ended_jobs import sentences

SEGMENT_DELETED = "segment.deleted"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A notice for every destination that asked for its event; `data` is for programs."""

    event: str
    korean: str
    english: str
    link: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def text(self, language: Language) -> str:
        """The sentence in a language."""
        return self.korean if language == "ko" else self.english


Announced: TypeAlias = ExportEvent | ManagedUsersWarning | ImportDone | BulkActionDone


def announce(event: Announced, public_url: str) -> Announcement | None:
    """What an event is announced as; most are not."""
    match event:
        case ExportCompleted():
            korean = f"고객 데이터 {event.rows:,}건의 엑셀 파일이 준비되었습니다. (요청: {event.requested_by})"
            english = f"An Excel file of {event.rows:,} contacts is ready, asked for by {event.requested_by}."
            data = {"exportId": str(event.export_id), "requestedBy": event.requested_by, "rows": event.rows}
            return Announcement("export.ready", korean, english, f"{public_url}/exports/{event.export_id}", data)
        case ExportFailed():
            why = event.problem_ko or event.problem
            korean = f"고객 데이터 파일을 만들지 못했습니다. (요청: {event.requested_by}) {why}"
            english = f"A file that {event.requested_by} asked for could not be made. {event.problem}"
            data = {"exportId": str(event.export_id), "requestedBy": event.requested_by, "problem": event.problem}
            return Announcement("export.failed", korean, english, None, data)
        case ExportWithdrawn():
            korean = f"고객 데이터 파일을 회수했습니다. 파일에 담긴 고객이 삭제되었기 때문입니다. (요청: {event.requested_by})"
            english = f"A file that {event.requested_by} asked for was withdrawn, because a contact in it was erased."
            data = {"exportId": str(event.export_id), "requestedBy": event.requested_by}
            return Announcement("export.withdrawn", korean, english, None, data)
        case ManagedUsersWarning():
            korean = f"관리 고객이 한도 {event.limit:,}명의 {event.percent}%에 이르렀습니다. 지금 {event.count:,}명입니다."
            english = f"The contacts have reached {event.percent}% of the limit of {event.limit:,}; there are {event.count:,}."
            if event.hidden:
                korean += f" 그중 {event.hidden:,}명은 숨겨져 있습니다."
                english += f" {event.hidden:,} of them are hidden."
            figures = {"percent": event.percent, "limit": event.limit, "count": event.count, "hidden": event.hidden}
            return Announcement("managedUsers.warning", korean, english, None, figures)
        case ImportDone() | BulkActionDone():
            return _ended(event)
        case _:
            return None


def _ended(event: ImportDone | BulkActionDone) -> Announcement | None:
    if (said := sentences(event)) is None:
        return None
    by = event.requested_by
    data = {"jobId": str(event.job_id), "requestedBy": by, "status": event.status, "total": event.total, "counts": event.counts}
    return Announcement(event.type, f"{said[0]} (요청: {by})", f"{said[1]} Asked for by {by}.", None, data)


def moved(segment_id: str, name: str, entered: int, left: int) -> Announcement:
    """What happened to a segment in a minute, as one sentence with both counts."""
    korean = f"세그먼트 “{name}”: {entered:,}명이 들어오고 {left:,}명이 나갔습니다."
    english = f"Segment “{name}”: {entered:,} entered, {left:,} left."
    data = {"segmentId": segment_id, "segmentName": name, "entered": entered, "left": left}
    return Announcement("segment.entered" if entered else "segment.left", korean, english, None, data)


def deleted(segment_id: str, name: str) -> Announcement:
    """The last that is told of a segment."""
    korean = f"세그먼트 “{name}”: 삭제되었습니다. 이 세그먼트의 알림은 여기서 끝납니다."
    english = f"Segment “{name}”: it was deleted. Its notices end here."
    return Announcement(SEGMENT_DELETED, korean, english, None, {"segmentId": segment_id, "segmentName": name})


def trial() -> Announcement:
    """What a destination is sent to see whether it arrives."""
    korean = "Dangol에서 보낸 테스트 메시지입니다. 알림을 받을 준비가 되었습니다."
    return Announcement("test", korean, "This is a test message from Dangol. Notices will arrive here.")
