"""What is said of an import or a bulk action that has ended: one sentence in Korean and one in English, figures alone. Pure."""

from typing import assert_never

from common.events.contacts import BulkActionDone, ImportDone


def sentences(event: ImportDone | BulkActionDone) -> tuple[str, str] | None:
    """In Korean and in English; None where somebody cancelled it, who knows."""
    match event:
        case ImportDone(status="cancelled") | BulkActionDone(status="cancelled"):
            return None
        case ImportDone(status="failed"):
            return f"가져오기를 끝내지 못했습니다. {_why(event)}", f"The import could not be finished. {_why(event)}"
        case BulkActionDone(status="failed"):
            return f"일괄 작업을 끝내지 못했습니다. {_why(event)}", f"The bulk action could not be finished. {_why(event)}"
        case ImportDone():
            made, changed, same, refused = (event.counts.get(n, 0) for n in ("made", "changed", "unchanged", "refused"))
            return (
                f"가져오기가 끝났습니다. 만듦 {made:,}건, 바뀜 {changed:,}건, 그대로 {same:,}건, 거절 {refused:,}건.",
                f"The import has ended: {made:,} made, {changed:,} changed, {same:,} unchanged, {refused:,} refused.",
            )
        case BulkActionDone(status="undone"):
            back, skipped = event.counts.get("undone", 0), event.counts.get("skipped", 0)
            return (
                f"일괄 작업을 되돌렸습니다. 되돌림 {back:,}명, 건너뜀 {skipped:,}명.",
                f"The bulk action was taken back: {back:,} as before, {skipped:,} skipped.",
            )
        case BulkActionDone():
            changed, same, failed = (event.counts.get(n, 0) for n in ("changed", "unchanged", "failed"))
            return (
                f"일괄 작업이 끝났습니다. 바뀜 {changed:,}명, 그대로 {same:,}명, 실패 {failed:,}명.",
                f"The bulk action has ended: {changed:,} changed, {same:,} unchanged, {failed:,} failed.",
            )
        case _:
            assert_never(event)


def _why(event: ImportDone | BulkActionDone) -> str:
    return event.problem or ""
