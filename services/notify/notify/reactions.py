"""What managers are told of what happened: from an event to a message, or to none."""

from dataclasses import dataclass

from common.events.contacts import BulkActionDone, ImportDone
from common.events.exports import (
    ExportApprovalAsked,
    ExportApproved,
    ExportCompleted,
    ExportDeclined,
    ExportEvent,
    ExportFailed,
    ExportRevoked,
    ExportWithdrawn,
)
from notify.ended_jobs import sentences


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for one manager's own room."""

    manager: str
    kind: str
    korean: str
    english: str
    link: str | None


def react(event: ExportEvent, public_url: str) -> Notice | None:
    """The notice of an event; most events need none. Texts hold no customer's data."""
    match event:
        case ExportApprovalAsked():
            korean = f"요청하신 고객 데이터 {event.rows:,}건은 다른 매니저의 승인이 필요합니다. 승인되면 파일을 만듭니다."
            english = (
                f"Your export of {event.rows:,} contacts has to be approved by another manager. Its file is made after that."
            )
            return Notice(event.requested_by, "export.approvalAsked", korean, english, None)
        case ExportApproved():
            korean = f"요청하신 고객 데이터 {event.rows:,}건의 다운로드를 매니저({event.approved_by})가 승인했습니다."
            english = f"Your export of {event.rows:,} contacts was approved by {event.approved_by}."
            return Notice(event.requested_by, "export.approved", korean, english, None)
        case ExportDeclined():
            why = "" if event.problem is None else f" ({event.problem})"
            korean = f"요청하신 고객 데이터 {event.rows:,}건의 다운로드를 매니저({event.declined_by})가 거절했습니다.{why}"
            english = f"Your export of {event.rows:,} contacts was declined by {event.declined_by}.{why}"
            return Notice(event.requested_by, "export.declined", korean, english, None)
        case ExportCompleted():
            korean = f"요청하신 고객 데이터 {event.rows:,}건의 엑셀 파일이 준비되었습니다. 7일 동안 받을 수 있습니다."
            english = f"Your Excel file of {event.rows:,} contacts is ready. You can download it for 7 days."
            return Notice(event.requested_by, "export.ready", korean, english, f"{public_url}/exports/{event.export_id}")
        case ExportFailed():
            why = event.problem_ko or f"다시 요청해 주세요. ({event.problem})"  # of an earlier version's in English alone
            korean = f"요청하신 고객 데이터 파일을 만들지 못했습니다. {why}"
            english = f"Your file could not be made. {event.problem}"
            return Notice(event.requested_by, "export.failed", korean, english, None)
        case ExportWithdrawn():
            korean = (
                "요청하신 고객 데이터 파일을 회수했습니다. 파일에 담긴 고객이 삭제되었기 때문입니다. "
                "필요하면 바로 다시 요청할 수 있습니다."
            )
            english = "Your file was withdrawn, because a contact in it was erased. You can ask for a new one at once."
            return Notice(event.requested_by, "export.withdrawn", korean, english, None)
        case ExportRevoked(revoked_by=str(by)) if by != event.requested_by:
            korean = f"요청하신 고객 데이터 파일을 다른 매니저({by})가 회수했습니다."
            return Notice(event.requested_by, "export.revoked", korean, f"Your file was revoked by another manager, {by}.", None)
        case _:
            return None


def react_to_end(event: ImportDone | BulkActionDone) -> Notice | None:
    """What whoever asked for an import or a bulk action is told of its end."""
    said = sentences(event)
    return None if said is None else Notice(event.requested_by, event.type, *said, None)


def destination_off(manager: str, kind: str, host: str, problem: str) -> Notice:
    """A destination was switched off: whoever made it is told."""
    where = f"{kind} ({host})" if host else kind
    korean = (
        f"알림 보낼 곳 {where}에 알림을 보낼 수 없어 껐습니다. 고친 뒤 다시 켜면 보내지 못한 알림을 다시 보낼 수 있습니다. "
        f"({problem})"
    )
    english = (
        f"The destination {where} was switched off, because notices do not arrive there. Put it right and switch it on again; "
        f"what was parked can be sent again then. ({problem})"
    )
    return Notice(manager, "destination.disabled", korean, english, None)


def segment_gone(manager: str, kind: str, host: str, name: str) -> Notice:
    """A segment was deleted that a destination was told of, beside other events: whoever made it is told that those go on."""
    where = f"{kind} ({host})" if host else kind
    korean = f"알림 보낼 곳 {where}에 알리던 세그먼트 “{name}”: 삭제되었습니다. 다른 알림은 그대로 갑니다."
    english = f"The destination {where} is told no more of the segment “{name}”, which was deleted. Its other notices go on."
    return Notice(manager, "destination.changed", korean, english, None)


def react_to_decision(event: ExportEvent) -> Notice | None:
    """What whoever decided on another manager's export finds in the own room of it."""
    match event:
        case ExportApproved(approved_by=by, rows=rows):
            korean = f"매니저({event.requested_by})가 요청한 고객 데이터 {rows:,}건의 다운로드를 승인했습니다."
            english = f"You approved an export of {rows:,} contacts that {event.requested_by} asked for."
            return Notice(by, "export.approved", korean, english, None)
        case ExportDeclined(declined_by=by, rows=rows):
            korean = f"매니저({event.requested_by})가 요청한 고객 데이터 {rows:,}건의 다운로드를 거절했습니다."
            english = f"You declined an export of {rows:,} contacts that {event.requested_by} asked for."
            return Notice(by, "export.declined", korean, english, None)
        case _:
            return None
