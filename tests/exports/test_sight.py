"""Who may see an export, and what is seen of it."""

import pytest

from common.clock import to_wire
from common.errors import Forbidden
from exports.sight import check_visible, export_shown
from tests.exports.test_export import APPROVED, AT, AWAITING, DECLINED, ID, READY, after


def test_it_is_shown_to_its_asker_and_to_whoever_reads_the_audit_log() -> None:
    export = after(READY)
    check_visible(export, "kim", auditor=False)
    check_visible(export, "lee", auditor=True)
    with pytest.raises(Forbidden):
        check_visible(export, "lee", auditor=False)


def test_what_is_shown_holds_neither_scope_nor_columns() -> None:
    assert export_shown(after(READY)) == {
        "id": str(ID), "status": "ready", "rowsDone": 3, "rowsTotal": 3, "requestedAt": "2026-11-24T03:00:00.000Z",
        "readyAt": "2026-11-24T03:00:00.000Z", "expiresAt": "2026-12-01T03:00:00.000Z", "requestedBy": "kim",
        "reason": "a greeting", "problem": None,
        "manifest": {
            "rows": 3, "columns": ["id"], "instant": "2026-11-24T03:00:00.000Z", "bytes": 9, "fileSha256": "f", "idsSha256": "i",
            "longValues": 0, "signature": None,
        },
        "approval": None,
    }  # fmt: skip


def test_who_decided_on_how_many_is_shown() -> None:
    assert export_shown(after(AWAITING))["approval"] == {"rows": 3, "outcome": "asked", "by": None, "at": None}
    assert export_shown(after(APPROVED))["approval"] == {"rows": 3, "outcome": "approved", "by": "lee", "at": to_wire(AT)}
    shown = export_shown(after(DECLINED))
    assert shown["approval"] == {"rows": 3, "outcome": "declined", "by": "lee", "at": to_wire(AT)}
    assert shown["problem"] == "Ask for fewer."
