"""Exports of more contacts than go without a second person's word, through the gateway: asked, allowed, declined, told, noted."""

import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually
from tests.support.exporting import CONTACTS, SCORED, asked, channel_with_contacts, ended, fingerprint, request, rows_of

MANY, FEW = len(CONTACTS), 10


@pytest.fixture(scope="module")
def channel(stack: Stack) -> str:
    """A channel with more contacts than go without approval."""
    return channel_with_contacts(stack)


async def told(api: Api, kind: str, count: int = 1) -> list[str]:
    """The texts of that kind in the caller's room, newest first, once there are so many."""

    async def texts() -> list[str]:
        answer = await api.ask("GET", "/v1/rooms/me/messages", headers={"Accept-Language": "en"})
        return [item["text"] for item in answer.json()["items"] if item["kind"] == kind]

    return await eventually(texts, lambda found: len(found) >= count)


async def test_a_second_person_decides_on_large_exports_and_both_are_told(stack: Stack, channel: str) -> None:
    async with (
        caller(stack, channel, "boss") as boss,
        caller(stack, channel, "kim", "exports.create", "exports.approve", "contacts.read") as kim,
        caller(stack, channel, "lee", "exports.create", "contacts.read") as lee,
        caller(stack, channel, "eye", "exports.approve") as eye,
    ):
        assert (await boss.json("GET", "/v1/channel"))["exportApprovalRows"] is None
        for wrong in (-1, 1_000_001, "10", True):
            refused = await boss.ask("PATCH", "/v1/channel", body={"exportApprovalRows": wrong})
            assert (refused.status_code, refused.json()["pointer"]) == (422, "/exportApprovalRows")
        assert (await boss.json("PATCH", "/v1/channel", body={"exportApprovalRows": FEW}))["exportApprovalRows"] == FEW
        assert (await kim.json("GET", "/v1/exports/allowance"))["approvalRows"] == FEW
        scored = {"filter": SCORED, "fingerprint": await fingerprint(kim, filter=SCORED)}
        assert len(await rows_of(kim, await asked(kim, scored))) == FEW + 1  # as many as go without

        first, second = await asked(kim, {"all": True}), await asked(kim, {"all": True})
        path = f"/v1/exports/{first}"
        shown = await kim.json("GET", path)
        assert (shown["status"], shown["approval"]["rows"], shown["approval"]["by"]) == ("awaitingApproval", MANY, None)
        waiting = await eye.json("GET", "/v1/exports", params={"status": "awaitingApproval"})
        assert [item["id"] for item in waiting["items"]] == [second, first]
        own, stranger, early = [
            await kim.ask("POST", f"{path}/approve"),
            await lee.ask("POST", f"{path}/approve"),
            await kim.ask("POST", f"{path}/download"),
        ]
        assert [(a.status_code, a.json()["code"]) for a in (own, stranger, early)] == [
            (403, "ownExport"), (403, "forbidden"), (409, "notReady"),
        ]  # fmt: skip

        approved = await eye.json("POST", f"{path}/approve")
        assert (approved["approval"]["outcome"], approved["approval"]["by"]) == ("approved", "eye")
        assert len(await rows_of(kim, first)) == MANY + 1
        again = await eye.ask("POST", f"{path}/decline", body={"reason": "no"})
        assert (again.status_code, again.json()["code"]) == (409, "notAwaitingApproval")
        declined = await eye.json("POST", f"/v1/exports/{second}/decline", body={"reason": " Ask for fewer. "})
        assert (declined["status"], declined["problem"]) == ("declined", "Ask for fewer.")

        assert await told(kim, "export.approvalAsked", 2)
        assert await told(kim, "export.approved") == [f"Your export of {MANY} contacts was approved by eye."]
        assert await told(kim, "export.declined") == [f"Your export of {MANY} contacts was declined by eye. (Ask for fewer.)"]
        assert await told(eye, "export.approved") == [f"You approved an export of {MANY} contacts that kim asked for."]
        assert await told(eye, "export.declined") == [f"You declined an export of {MANY} contacts that kim asked for."]
        lines = (await boss.json("GET", "/v1/audit", params={"target": first}))["items"]
        assert [(i["by"], i["action"], i["outcome"]) for i in reversed(lines)] == [
            ("kim", "export.asked", "accepted"), ("service:exports", "export.approvalAsked", "accepted"),
            ("kim", "export.approved", "refused"), ("lee", "export.approved", "refused"),
            ("kim", "export.downloaded", "refused"), ("eye", "export.approved", "done"),
            ("service:exports", "export.ready", "done"), ("kim", "export.downloaded", "done"),
            ("eye", "export.declined", "refused"),
        ]  # fmt: skip
        as_csv = await boss.ask("GET", "/v1/audit", params={"target": second, "format": "csv"})
        assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
        assert [line.split(",")[2] for line in as_csv.text.splitlines()[1:]] == [
            "export.declined", "export.approvalAsked", "export.asked",
        ]  # fmt: skip


async def test_a_declined_export_counts_for_no_window_one_that_waits_does_and_null_is_off(stack: Stack, channel: str) -> None:
    async with caller(stack, channel, "choi") as choi, caller(stack, channel, "boss") as boss:
        await boss.json("PATCH", "/v1/channel", body={"exportApprovalRows": 0, "exportMinutes": 30})
        export_id = await asked(choi, {"all": True})
        body = request({"all": True})
        assert (await choi.ask("POST", "/v1/exports", body=body)).status_code == 429
        assert (await choi.json("GET", "/v1/exports/allowance"))["openAt"] is not None
        await boss.json("POST", f"/v1/exports/{export_id}/decline")
        assert (await choi.json("GET", "/v1/exports/allowance"))["openAt"] is None
        cancelled = await asked(choi, {"all": True})
        await choi.json("POST", f"/v1/exports/{cancelled}/cancel")
        await boss.json("PATCH", "/v1/channel", body={"exportApprovalRows": None})
        assert (await ended(choi, await asked(choi, {"all": True})))["status"] == "ready"
