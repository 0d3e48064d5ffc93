"""Exports through the gateway: which rows come out, in which shape, of which instant, and the proof of it."""

import asyncio
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import httpx
import msoffcrypto
import openpyxl
import pytest

from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel
from tests.support.exporting import (
    CONTACTS,
    MEMBERS,
    PASSWORD,
    SCORED,
    UNKNOWN,
    asked,
    channel_with_contacts,
    ended,
    exported,
    fingerprint,
    followed,
    request,
    rows_of,
)


@pytest.fixture(scope="module")
def channel(stack: Stack) -> str:
    """A channel with contacts that nobody changes."""
    return channel_with_contacts(stack)


def members(rows: Sequence[tuple[Any, ...]]) -> set[str]:
    """The member ids, which are in the first column."""
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0] for row in rows[1:]}


async def test_an_export_is_followed_downloaded_in_parts_and_proven(stack: Stack, channel: str) -> None:
    async with caller(stack, channel) as api:
        answer = await api.ask("POST", "/v1/exports", body=request({"all": True}, columns=["memberId", "id", "name"]))
        accepted = answer.json()
        assert answer.status_code == 202
        assert answer.headers["dangol-position"]
        assert accepted | {"id": "", "requestedAt": ""} == {
            "id": "", "status": "waiting", "rowsDone": 0, "rowsTotal": None, "requestedAt": "", "readyAt": None,
            "expiresAt": None, "requestedBy": "kim", "reason": "a greeting", "problem": None, "manifest": None, "approval": None,
        }  # fmt: skip
        told = await followed(stack, stack.token(channel=channel, sub="kim", permissions=["exports.create"]), accepted["id"])
        assert {each["id"] for each in told} == {accepted["id"]}
        order = ["waiting", "counting", "writing", "verifying", "ready"]
        places = [order.index(each["status"]) for each in told]
        assert places == sorted(places)
        done = told[-1]
        assert done == await api.json("GET", f"/v1/exports/{accepted['id']}")
        assert (done["status"], done["rowsDone"], done["rowsTotal"]) == ("ready", len(CONTACTS), len(CONTACTS))
        week = datetime.fromisoformat(done["expiresAt"]) - datetime.fromisoformat(done["readyAt"])
        assert week.days == 7
        assert week.seconds == week.microseconds == 0

        path = f"/v1/exports/{accepted['id']}/download"
        file = await api.ask("POST", path)
        assert file.headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        named = f'attachment; filename="dangol-{done["requestedAt"][:10].replace("-", "")}-{accepted["id"]}.xlsx"'
        assert file.headers["content-disposition"] == named
        assert (file.headers["accept-ranges"], file.headers["cache-control"]) == ("bytes", "no-store")
        half = len(file.content) // 2
        first = await api.ask("POST", path, headers={"Range": f"bytes=0-{half - 1}"})
        second = await api.ask("POST", path, headers={"Range": f"bytes={half}-", "If-Range": first.headers["etag"]})
        assert (first.status_code, second.status_code) == (206, 206)
        assert second.headers["content-range"] == f"bytes {half}-{len(file.content) - 1}/{len(file.content)}"
        assert first.content + second.content == file.content
        past = await api.ask("POST", path, headers={"Range": f"bytes={len(file.content)}-"})
        assert (past.status_code, past.headers["content-range"]) == (416, f"bytes */{len(file.content)}")

        rows = await rows_of(api, accepted["id"])
        assert members(rows) == MEMBERS
        manifest = done["manifest"]
        await proven(stack, done, file.content)
        assert manifest["instant"] >= done["requestedAt"]
        assert manifest | {"instant": "", "signature": ""} == {
            "rows": len(CONTACTS), "columns": ["memberId", "id", "name"], "instant": "", "bytes": len(file.content),
            "fileSha256": hashlib.sha256(file.content).hexdigest(),
            "idsSha256": hashlib.sha256("\n".join(sorted(row[1] for row in rows[1:])).encode()).hexdigest(),
            "longValues": 0, "signature": "",
        }  # fmt: skip


async def proven(stack: Stack, done: dict[str, Any], content: bytes) -> None:
    """Who was given the file and what the API told of it proves both with the published keys, and finds any change."""
    with tempfile.TemporaryDirectory() as folder:
        file, told = Path(folder) / "book.xlsx", Path(folder) / "export.json"
        file.write_bytes(content)
        told.write_text(json.dumps(done))
        keys = f"{stack.url}/.well-known/jwks.json"
        async with httpx.AsyncClient() as anybody:
            answer = await anybody.get(keys)
        assert (answer.status_code, [set(key) & {"d", "kty"} for key in answer.json()["keys"]]) == (200, [{"kty"}])
        command = [sys.executable, "-m", "exports", "verify", file, told, "--keys", keys, "--rows"]
        run = partial(subprocess.run, command, input=PASSWORD, capture_output=True, text=True)
        good = await asyncio.to_thread(run)
        assert (good.returncode, done["id"] in good.stdout) == (0, True), good
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        bad = await asyncio.to_thread(run)
        assert (bad.returncode, "SHA-256" in bad.stdout) == (1, True), bad


async def test_every_cell_is_what_the_contact_has_and_none_can_run(stack: Stack, channel: str) -> None:
    keys = [
        "memberId", "name", "mobileNumber", "city", "tags", "member", "sessionsCount", "createdAt",
        "profile.memo", "profile.score", "profile.paid", "profile.born", "profile.likes",
    ]  # fmt: skip
    async with caller(stack, channel) as api:
        export_id = await asked(api, {"all": True}, columns=keys, headings="keys")
        rows = await rows_of(api, export_id)
        assert list(rows[0]) == keys
        by_member = {row[0]: dict(zip_longest(keys, row)) for row in rows[1:]}
        contact = await api.json("GET", "/v1/contacts/@m-0")
        made = datetime.fromisoformat(contact["createdAt"])
        first = by_member["m-0"]
        assert first.pop("createdAt") == datetime.fromtimestamp(made.timestamp() + 9 * 3600, made.tzinfo).replace(tzinfo=None)
        assert first == {
            "memberId": "m-0", "name": "=1+1", "mobileNumber": "+821012345678", "city": "@SUM(A1)", "tags": 'VIP/gold, "a, b"',
            "member": True, "sessionsCount": 0, "profile.memo": "-2+3|cmd", "profile.score": 0, "profile.paid": False,
            "profile.born": datetime(1990, 5, 6, 0, 30), "profile.likes": "x, y",
        }  # fmt: skip
        second = by_member["m-1"]
        assert (second["name"], second["mobileNumber"], second["tags"]) == ("<&> 'x'", None, None)
        assert (second["profile.score"], second["profile.paid"], second["profile.born"]) == (-1.5, True, "1890-01-01 08:27:52")
        assert sheet_of(await api.ask("POST", f"/v1/exports/{export_id}/download")).count("<f") == 0


def decrypted(file: httpx.Response) -> io.BytesIO:
    """The workbook, decrypted by software that is not ours."""
    office: Any = msoffcrypto.OfficeFile(io.BytesIO(file.content))
    office.load_key(password=PASSWORD)
    whole = io.BytesIO()
    office.decrypt(whole)
    return whole


def sheet_of(file: httpx.Response) -> str:
    """The sheet's own text."""
    with zipfile.ZipFile(decrypted(file)) as archive:
        return archive.read("xl/worksheets/sheet1.xml").decode()


async def test_a_text_longer_than_a_cell_stands_whole_on_a_second_sheet(stack: Stack) -> None:
    # 100 × 256 characters of two UTF-16 units each: a list that is allowed, and more than a cell holds.
    long = [f"{n:03d}, " + "😀" * 251 for n in range(100)]
    async with caller(stack, fresh_channel()) as api:
        await api.json("PUT", "/v1/contacts/@m", body={"profile": {"long": long, "score": 12345678901234567}})
        columns = ["memberId", "profile.long", "profile.score"]
        export_id = await asked(api, {"all": True}, columns=columns, headings="keys", language="en")
        manifest = (await ended(api, export_id))["manifest"]
        assert (manifest["rows"], manifest["longValues"]) == (1, 1)
        book = openpyxl.load_workbook(decrypted(await api.ask("POST", f"/v1/exports/{export_id}/download")))
        assert book.sheetnames == ["Sheet1", "Long values"]
        cut = book["Sheet1"]["B2"].value
        whole = ", ".join(f'"{element}"' for element in long)
        assert isinstance(cut, str)
        assert cut.endswith(" …[Long values]")
        assert whole.startswith(cut.removesuffix(" …[Long values]"))
        headings, *pieces = book["Long values"].iter_rows(values_only=True)
        assert headings == ("Row", "Column", "Piece", "Text")
        assert [piece[:3] for piece in pieces] == [(2, "B", 1), (2, "B", 2)]
        assert "".join(str(piece[3]) for piece in pieces) == whole
        assert max(len(str(piece[3]).encode("utf-16-le")) // 2 for piece in pieces) <= 32_767
        assert book["Sheet1"]["C2"].value in {"12345678901234567", "12345678901234568"}


async def test_the_columns_follow_order_visibility_and_language(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0, "timeZone": "America/New_York"})
        body = {"key": "profile.grade", "type": "String", "displayName": {"ko": "등급", "en": "Grade"}}
        await api.json("POST", "/v1/fields", body=body)
        await api.json("PUT", "/v1/contacts/@m", body={"profile": {"grade": "A", "born": "2026-07-01T03:00:00.000Z"}})
        fields = (await api.json("GET", "/v1/fields"))["items"]
        keys = ["profile.grade", *(f["key"] for f in fields if f["key"] != "profile.grade")]
        await api.json("PUT", "/v1/fields/order", body={"keys": keys})
        await api.json("PATCH", "/v1/fields/email", body={"visible": False})
        fields = (await api.json("GET", "/v1/fields"))["items"]
        shown = [f for f in fields if f["visible"]]
        assert shown[0]["key"] == "profile.grade"
        assert "email" not in [f["key"] for f in shown]

        by_key = (await exported(api, {"all": True}, headings="keys"))[0]
        assert list(by_key) == [f["key"] for f in shown]
        korean = (await exported(api, {"all": True}))[0]
        assert list(korean) == [f["displayName"].get("ko") or f["displayName"].get("en") or f["key"] for f in shown]
        english = (await exported(api, {"all": True}, language="en-US,en;q=0.9,ko;q=0.5"))[0]
        assert list(english) == [f["displayName"].get("en") or f["displayName"].get("ko") or f["key"] for f in shown]
        assert (korean[0], english[0]) == ("등급", "Grade")
        chosen = await exported(
            api, {"all": True}, headings="keys", columns=["profile.born", "email", "sessionCount", "memberId"]
        )
        assert chosen == [("profile.born", "email", "sessionsCount", "memberId"), (datetime(2026, 6, 30, 23), None, 0, "m")]
        await api.json("POST", "/v1/fields/profile.grade/archive")
        archived = await api.ask("POST", "/v1/exports", body=request({"all": True}, columns=["email", "profile.grade"]))
        assert (archived.status_code, archived.json()["code"], archived.json()["pointer"]) == (422, "archivedField", "/columns/1")


async def test_the_scope_is_exactly_who_was_asked_for(stack: Stack, channel: str) -> None:
    async with caller(stack, channel) as api:
        ids = {c["memberId"]: c["id"] for c in (await api.json("POST", "/v1/search", body={}))["items"]}
        segment = (await api.json("POST", "/v1/segments", body={"name": "scored", "filter": SCORED}))["id"]
        scored = {f"m-{n}" for n in range(20, 30)}

        async def got(scope: dict[str, Any]) -> set[str]:
            return members(await exported(api, scope, columns=["memberId"], headings="keys"))

        seen = await fingerprint(api, filter=SCORED)
        assert await got({"filter": SCORED, "fingerprint": seen}) == scored
        without = [ids["m-20"], ids["m-29"], ids["m-1"]]
        assert await got({"filter": SCORED, "fingerprint": seen, "except": without}) == scored - {"m-20", "m-29"}
        seen = await fingerprint(api, segment=segment)
        assert await got({"segment": segment, "fingerprint": seen}) == scored
        seen = await fingerprint(api, segment=segment, query="손님 2")
        assert await got({"segment": segment, "query": "손님 2", "fingerprint": seen}) == scored
        seen = await fingerprint(api)
        assert await got({"fingerprint": seen, "except": without}) == MEMBERS - {"m-20", "m-29", "m-1"}
        assert await got({"all": True}) == MEMBERS
        assert await got({"contactIds": [ids["m-3"], ids["m-1"].upper(), ids["m-3"]]}) == {"m-1", "m-3"}


async def test_a_merged_contact_stands_for_its_survivor_checked_or_unchecked(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
        await api.json("PUT", "/v1/contacts/@other", body={"name": "b"})
        survivor = await api.json("PUT", "/v1/contacts/@m", body={"name": "a"})
        lead = await api.json("POST", "/v1/contacts", body={"email": "a@example.com"})
        merged = await api.ask("PUT", "/v1/contacts/@m", body={"leadId": lead["id"]})
        assert merged.json()["id"] == survivor["id"]
        columns = ["id", "memberId", "email"]
        rows = await exported(api, {"contactIds": [lead["id"], survivor["id"]]}, columns=columns, headings="keys")
        assert rows[1:] == [(survivor["id"], "m", "a@example.com")]
        seen = {"Dangol-Position": merged.headers["Dangol-Position"]}
        counted = (await api.ask("POST", "/v1/search/count", body={}, headers=seen)).json()
        assert counted["total"] == 2
        scope = {"fingerprint": counted["fingerprint"], "except": [lead["id"], UNKNOWN]}
        rows = await exported(api, scope, columns=["memberId"], headings="keys")
        assert rows[1:] == [("other",)]


async def test_an_export_of_nobody_is_a_file_with_headings(stack: Stack, channel: str) -> None:
    nobody = {"or": list[object]()}
    async with caller(stack, channel) as api:
        scope = {"filter": nobody, "fingerprint": await fingerprint(api, filter=nobody)}
        export_id = await asked(api, scope, columns=["memberId"], headings="keys")
        assert await rows_of(api, export_id) == [("memberId",)]
        manifest = (await ended(api, export_id))["manifest"]
        assert (manifest["rows"], manifest["idsSha256"]) == (0, hashlib.sha256(b"").hexdigest())


async def test_a_fingerprint_of_something_else_or_of_far_fewer_is_a_conflict(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
        first = await api.ask("PUT", "/v1/contacts/@m", body={"profile": {"score": 25}})
        known = {"Dangol-Position": first.headers["Dangol-Position"]}
        assert (await api.ask("POST", "/v1/search/count", body={}, headers=known)).status_code == 200
        everyone = await fingerprint(api)
        made = await api.ask("POST", "/v1/segments", body={"name": "scored", "filter": SCORED}, headers=known)
        segment = made.json()["id"]
        of_segment = await fingerprint(api, segment=segment)
        for scope in (
            {"filter": SCORED, "fingerprint": everyone},
            {"query": "m", "fingerprint": everyone},
            {"fingerprint": await fingerprint(api, filter=SCORED)},
            {"fingerprint": "none of ours"},
        ):
            answer = await api.ask("POST", "/v1/exports", body=request(scope))
            assert (answer.status_code, answer.json()["code"]) == (409, "fingerprintMismatch")
            assert answer.json()["pointer"] == "/scope/fingerprint"
        wider = {"key": "profile.score", "operator": "gte", "values": [0]}
        await api.json("PATCH", f"/v1/segments/{segment}", body={"filter": wider})
        answer = await api.ask("POST", "/v1/exports", body=request({"segment": segment, "fingerprint": of_segment}))
        assert (answer.status_code, answer.json()["code"]) == (409, "fingerprintMismatch")

        rows = [{"memberId": f"late-{n}"} for n in range(12)]
        written = await api.ask("POST", "/v1/contacts/batch", body={"contacts": rows})
        seen = {"Dangol-Position": written.headers["Dangol-Position"]}
        answer = await api.ask("POST", "/v1/exports", body=request({"fingerprint": everyone}), headers=seen)
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["total"]) == (409, "audienceChanged", 13)
        again = request({"fingerprint": problem["fingerprint"]}, columns=["memberId"], headings="keys")
        accepted = await api.ask("POST", "/v1/exports", body=again)
        assert accepted.status_code == 202
        assert len(await rows_of(api, accepted.json()["id"])) == 14
        assert len((await api.json("GET", "/v1/exports"))["items"]) == 1


async def test_rows_are_of_one_instant_while_writes_go_on(stack: Stack) -> None:
    everyone = 500
    async with caller(stack, fresh_channel()) as api:
        await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
        acknowledged = 0
        begun = 0
        stop = asyncio.Event()

        async def write() -> None:
            nonlocal acknowledged, begun
            while not stop.is_set():
                begun += 1
                rows = [{"memberId": f"m-{n}", "profile": {"round": begun}} for n in range(everyone)]
                rows.append({"memberId": f"new-{begun}", "profile": {"round": begun}})
                await api.json("POST", "/v1/contacts/batch", body={"contacts": rows})
                acknowledged = begun

        async def written() -> int:
            return acknowledged

        writing = asyncio.create_task(write())
        for _ in range(3):
            before = acknowledged
            await eventually(written, lambda now, before=before: now > before, 60)  # type: ignore[misc]
            seen = acknowledged
            export_id = await asked(api, {"all": True}, columns=["memberId", "profile.round"], headings="keys")
            export = await ended(api, export_id)
            latest = begun
            rows = await rows_of(api, export_id)
            assert export["manifest"]["rows"] == len(rows) - 1
            rounds = dict(rows[1:])
            assert len(rounds) == len(rows) - 1
            assert {f"m-{n}" for n in range(everyone)} | {f"new-{n}" for n in range(1, seen + 1)} <= set(rounds)
            assert seen <= min(rounds[f"m-{n}"] for n in range(everyone))
            assert max(rounds.values()) <= latest
        stop.set()
        await writing
