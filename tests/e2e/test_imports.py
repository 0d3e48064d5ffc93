"""Imports through the gateway: files as customers send them, what is told of each row, and what is refused outright."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support import tables
from tests.support.api import caller, eventually, fresh_channel, kill, replaced

PASSWORD = "열려라 참깨 1!"
HEADINGS = ["회원 번호", "고객명", "휴대폰 번호", "이메일", "마케팅 수신거부", "등급", "적립금"]
ROWS = [
    ["m-1", "홍길동", "010-1234-5678", "hong@example.com", "N", "VIP", "1,200"],
    ["m-2", "김철수", "12", "", "Y", "VIP", ""],
    ["m-3", "이영희", "", "no address", "", "", "5"],
    ["m 4", "박", "", "", "", "", ""],
    ["m-5", "최", "02-123-4567", "", "예", "", "많이"],
    ["m-1", "홍길동", "+82 10 1234 5678", "", "", "", ""],
    ["m-6", "", "", "", "Y", "GOLD", "0"],
]
MAPPING = '{"등급": "profile.grade", "적립금": ["profile.point"]}'


class Business:
    """A channel and its imports."""

    def __init__(self, stack: Stack, channel: str, api: Api) -> None:
        self.api = api
        self.channel = channel
        self._stack = stack

    async def post(
        self, content: bytes | None, headers: dict[str, str] | None = None, permission: str = "*", /, **fields: str
    ) -> httpx.Response:
        """Send a form."""
        token = self._stack.token(channel=self.channel, sub="kim", permissions=[permission])
        files: Any = {name: (None, value) for name, value in fields.items()}
        if content is not None:
            files["file"] = ("고객.csv", content)
        async with httpx.AsyncClient(base_url=self._stack.url, timeout=60) as client:
            sent = {"Authorization": f"Bearer {token}"} | (headers or {})
            return await client.post("/v1/imports", files=files, headers=sent)

    async def send(self, content: bytes, **fields: str) -> str:
        """A file that is accepted; the import's id."""
        answer = await self.post(content, **fields)
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "waiting"
        found: str = answer.json()["id"]
        return found

    async def state(self, import_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.api.json("GET", f"/v1/imports/{import_id}")
        return found

    async def ended(self, import_id: str) -> dict[str, Any]:
        return await eventually(lambda: self.state(import_id), lambda now: now["status"] not in {"waiting", "running"}, 60)

    async def take_in(self, content: bytes, **fields: str) -> dict[str, Any]:
        """An import brought to its end."""
        return await self.ended(await self.send(content, **fields))

    async def rows(self, import_id: str, **params: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            page = await self.api.json("GET", f"/v1/imports/{import_id}/rows", params=params)
            items += page["items"]
            if page["next"] is None:
                return items
            params["cursor"] = page["next"]

    async def report(self, import_id: str, **params: str) -> list[list[str]]:
        """The report as a file."""
        answer = await self.api.ask("GET", f"/v1/imports/{import_id}/rows", params=params | {"format": "csv"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="dangol-import-{import_id}.csv"'
        assert answer.content.startswith(b"\xef\xbb\xbf")
        return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))

    async def member(self, member_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.api.json("GET", f"/v1/contacts/@{member_id}")
        return found


@asynccontextmanager
async def a_business(stack: Stack) -> AsyncIterator[Business]:
    channel = fresh_channel()
    async with caller(stack, channel) as api:
        yield Business(stack, channel, api)


def counts(job: dict[str, Any]) -> dict[str, int]:
    return {name: job[name] for name in ("total", "done", "made", "changed", "unchanged", "refused")}


def refused(answer: httpx.Response) -> tuple[int, str, str | None]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem.get("pointer")


async def check(business: Business, job: dict[str, Any]) -> None:
    """What came of ROWS."""
    assert (job["status"], job["problem"]) == ("done", None)
    assert counts(job) == {"total": 7, "done": 7, "made": 2, "changed": 0, "unchanged": 1, "refused": 4}
    one, six = await business.member("m-1"), await business.member("m-6")
    assert (one["name"], one["mobileNumber"], one["email"]) == ("홍길동", "+821012345678", "hong@example.com")
    assert (one["profile"], one["version"], one["unsubscribeTexting"]) == ({"grade": "VIP", "point": 1200}, 1, False)
    assert (six["name"], six["profile"], six["version"]) == (None, {"grade": "GOLD", "point": 0}, 1)
    assert (six["unsubscribeEmail"], six["unsubscribeTexting"], six["unsubscribeAppPush"]) == (True, True, True)
    told = await business.rows(job["id"])
    assert [(r["row"], r["status"], r["problem"] and (r["problem"]["code"], r["problem"]["column"])) for r in told] == [
        (2, "made", None), (3, "refused", ("unreadablePhone", "휴대폰 번호")), (4, "refused", ("invalidEmail", "이메일")),
        (5, "refused", ("invalidMemberId", "회원 번호")), (6, "refused", ("wrongType", "적립금")), (7, "unchanged", None),
        (8, "made", None),
    ]  # fmt: skip


async def test_a_table_in_cp949_with_korean_headings_is_taken_in_and_each_row_reported(stack: Stack) -> None:
    async with a_business(stack) as business:
        job = await business.take_in(tables.text([HEADINGS, *ROWS], "cp949"), mapping=MAPPING)
        await check(business, job)
        assert job["requestedBy"] == "kim"
        assert job["columns"][:2] == [
            {"column": "회원 번호", "key": "memberId", "guessed": True}, {"column": "고객명", "key": "name", "guessed": True},
        ]  # fmt: skip
        assert job["columns"][-2:] == [
            {"column": "등급", "key": "profile.grade", "guessed": False},
            {"column": "적립금", "key": "profile.point", "guessed": False},
        ]
        one = await business.member("m-1")
        history = await business.api.json("GET", f"/v1/contacts/{one['id']}/history")
        assert [(h["by"], h["cause"]) for h in history["items"]] == [("kim", f"import:{job['id']}")]
        lines = await business.report(job["id"])
        assert lines[0] == ["row", "status", "contactId", "code", "column", "detail", "notWritten"]
        assert [line[:2] for line in lines[1:]] == [[str(r["row"]), r["status"]] for r in await business.rows(job["id"])]
        assert lines[1][2] == lines[6][2] == one["id"]
        assert lines[2][3:5] == ["unreadablePhone", "휴대폰 번호"]
        assert "country code" in lines[2][5]
        assert [line[0] for line in (await business.report(job["id"], status="refused"))[1:]] == ["3", "4", "5", "6"]
        assert [r["row"] for r in await business.rows(job["id"], status="refused", limit="1")] == [3, 4, 5, 6]
        assert not {"12", "no address", "m 4", "많이"} & {cell for line in lines for cell in line}


@pytest.mark.parametrize("content", [
    tables.text([HEADINGS, *ROWS], "utf-8"), tables.text([HEADINGS, *ROWS], "utf-8 with its mark", ";"),
    tables.text([HEADINGS, *ROWS], "utf-16 little-endian", "\t"), tables.workbook([HEADINGS, *ROWS]),
    tables.locked(tables.workbook([HEADINGS, *ROWS]), PASSWORD),
], ids=["utf-8", "utf-8-sig", "utf-16", "xlsx", "locked"])  # fmt: skip
async def test_the_same_comes_of_every_format(stack: Stack, content: bytes) -> None:
    async with a_business(stack) as business:
        await check(business, await business.take_in(content, mapping=MAPPING, password=PASSWORD))


async def test_a_preview_tells_how_the_file_would_be_read_and_makes_nothing(stack: Stack) -> None:
    async with a_business(stack) as business:
        answer = await business.post(tables.text([HEADINGS, *ROWS], "cp949"), dryRun="true")
        assert answer.status_code == 200
        found = answer.json()
        assert (found["kind"], found["format"], found["encoding"], found["headings"]) == ("members", "csv", "cp949", 1)
        assert {c["column"]: c["key"] for c in found["columns"]} == {
            "회원 번호": "memberId", "고객명": "name", "휴대폰 번호": "mobileNumber", "이메일": "email",
            "마케팅 수신거부": ["unsubscribeEmail", "unsubscribeTexting", "unsubscribeAppPush"], "등급": "profile.grade",
            "적립금": "profile.point",
        } | {c["column"]: None for c in found["columns"] if c["key"] is None}  # fmt: skip
        assert found["rows"][0]["contact"]["mobileNumber"] == "+821012345678"
        assert found["rows"][1]["problem"]["code"] == "unreadablePhone"
        assert (await business.api.json("GET", "/v1/imports"))["items"] == []
        assert (await business.api.ask("GET", "/v1/contacts/@m-1")).status_code == 404


async def test_leads_need_no_member_id_and_are_made_anew_each_time(stack: Stack) -> None:
    async with a_business(stack) as business:
        rows = [["Name", "Phone"], ["Kim", "010-1111-2222"], ["Lee", "010-3333-4444"]]
        jobs = [await business.take_in(tables.text(rows), kind="leads") for _ in range(2)]
        assert [(j["kind"], j["made"]) for j in jobs] == [("leads", 2), ("leads", 2)]
        made = [(await business.api.json("GET", f"/v1/contacts/{r['contactId']}")) for r in await business.rows(jobs[0]["id"])]
        assert [(c["name"], c["member"], c["mobileNumber"]) for c in made] == [
            ("Kim", False, "+821011112222"), ("Lee", False, "+821033334444"),
        ]  # fmt: skip
        listed = await business.api.json("GET", "/v1/imports", params={"limit": "1"})
        assert [i["id"] for i in listed["items"]] == [jobs[1]["id"]]
        assert [i["id"] for i in (await business.api.json("GET", "/v1/imports", params={"cursor": listed["next"]}))["items"]] == [
            jobs[0]["id"]
        ]


async def test_a_search_with_the_imports_position_sees_what_it_wrote(stack: Stack) -> None:
    async with a_business(stack) as business:
        import_id = await business.send(tables.text([["memberId"], *([f"m-{n}"] for n in range(700))]))
        await business.ended(import_id)
        seen = (await business.api.ask("GET", f"/v1/imports/{import_id}")).headers["Dangol-Position"]
        answer = await business.api.ask("POST", "/v1/search/count", body={}, headers={"Dangol-Position": seen})
        assert answer.json()["total"] == 700


async def test_an_import_goes_on_when_its_worker_is_killed_and_makes_nothing_twice(stack: Stack) -> None:
    members = 6000
    async with a_business(stack) as business:

        async def kill_midway() -> str | None:
            run = uuid4().hex[:6]
            rows: list[list[object]] = [[f"{run}-{n}", f"이름 {n}", n] for n in range(members)]
            again: list[list[object]] = [[f"{run}-0", "", -1], [f"{run}-1", "이름 1", 1], [f"{run}-2", "x" * 10_001, ""]]
            import_id = await business.send(tables.text([["memberId", "name", "profile.n"], *rows, *again]))
            while (await business.state(import_id))["done"] == 0:
                await asyncio.sleep(0)
            pid = kill(stack, "contacts-worker")
            after = await business.state(import_id)
            await replaced(stack, "contacts-worker", pid)
            return import_id if after["status"] != "done" else None

        # A worker faster than the test's look may be done by then: send another file until one was killed at its work.
        import_id = await eventually(kill_midway, lambda found: found is not None, 60)
        assert import_id is not None
        job = await business.ended(import_id)
        total = members + 3
        assert (job["status"], counts(job)) == (
            "done", {"total": total, "done": total, "made": members, "changed": 1, "unchanged": 1, "refused": 1},
        )  # fmt: skip
        lines = (await business.report(import_id))[1:]
        assert [int(line[0]) for line in lines] == list(range(2, total + 2))
        assert Counter(line[1] for line in lines) == {"made": members, "changed": 1, "unchanged": 1, "refused": 1}
        assert len({line[2] for line in lines[:members]}) == members
        await nobody_twice(business, import_id, lines[0][2], {line[2] for line in lines[:members]})


async def nobody_twice(business: Business, import_id: str, changed: str, made: set[str]) -> None:
    """Each member is there once, at its first version, but for the one that a second row changed."""
    seen = (await business.api.ask("GET", f"/v1/imports/{import_id}")).headers["Dangol-Position"]
    versions: dict[str, int] = {}
    body: dict[str, Any] = {"limit": 100}
    while True:
        answer = await business.api.ask("POST", "/v1/search", body=body, headers={"Dangol-Position": seen})
        page = answer.json()
        versions |= {c["id"]: c["version"] for c in page["items"] if c["id"] in made}
        if page["next"] is None:
            break
        body["cursor"] = page["next"]
    assert versions == {contact_id: 2 if contact_id == changed else 1 for contact_id in made}


async def test_a_repeated_post_makes_one_import_and_another_file_is_refused(stack: Stack) -> None:
    async with a_business(stack) as business:
        key, content = {"Idempotency-Key": str(uuid4())}, tables.text([["memberId"], ["m-1"]])
        answers = [await business.post(content, key) for _ in range(3)]
        assert {(a.status_code, a.content) for a in answers} == {(202, answers[0].content)}
        assert [a.headers.get("Idempotency-Replayed") for a in answers] == [None, "true", "true"]
        assert len((await business.api.json("GET", "/v1/imports"))["items"]) == 1
        for other in (await business.post(content + b"m-2\r\n", key), await business.post(content, key, kind="leads")):
            assert other.status_code in {409, 422}
        assert refused(await business.post(content + b"m-2\r\n", key)) == (409, "idempotencyConflict", None)
        assert (await business.ended(answers[0].json()["id"]))["made"] == 1


async def test_an_import_that_has_ended_cannot_be_cancelled(stack: Stack) -> None:
    async with a_business(stack) as business:
        job = await business.take_in(tables.text([["memberId"], ["m-1"]]))
        answer = await business.api.ask("POST", f"/v1/imports/{job['id']}/cancel")
        assert refused(answer) == (409, "notCancellable", None)
        long = await business.send(tables.text([["memberId"], *([f"m-{n}"] for n in range(20_000))]))
        cancelled = await business.api.ask("POST", f"/v1/imports/{long}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
        assert (await business.state(long))["done"] == cancelled.json()["done"] < 20_000


LOCKED = tables.locked(tables.workbook([["memberId"], ["m-1"]]), PASSWORD)
GOOD = tables.text([["memberId", "name"], ["m-1", "Kim"]])
BAD: list[tuple[bytes | None, dict[str, str], int, str, str | None]] = [
    (b"", {}, 422, "emptyFile", "/file"),
    (b"\r\n , \r\n", {}, 422, "emptyFile", "/file"),
    ("memberId\r\nm-1\r\n".encode("utf-16-le"), {}, 422, "unknownEncoding", "/file"),
    (b"memberId\r\n\xff\xff\r\n", {}, 422, "unknownEncoding", "/file"),
    (b'memberId,name\r\nm-1,"Kim\r\n', {}, 422, "unreadableFile", "/file"),
    (tables.text([[f"c{n}" for n in range(501)]]), {}, 422, "tooManyColumns", "/file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), {}, 422, "unreadableWorkbook", "/file"),
    (b"PK\x03\x04 and nothing that follows", {}, 422, "unreadableWorkbook", "/file"),
    (tables.with_part(tables.workbook([["a"]]), "xl/workbook.xml", b"<x/>"), {}, 422, "unreadableFile", "/file"),
    (LOCKED, {}, 422, "passwordRequired", "/password"),
    (LOCKED, {"password": "Open sesame 1!"}, 422, "wrongPassword", "/password"),
    (tables.text([["이름"], ["m-1"]]), {}, 422, "noMemberId", "/mapping"),
    (tables.text([["하나", "둘"], ["1", "2"]]), {"kind": "leads"}, 422, "noColumns", "/mapping"),
    (GOOD, {"mapping": "{memberId: 1}"}, 422, "invalid", "/mapping"),
    (GOOD, {"mapping": '{"name": "nickname"}'}, 422, "unknownField", "/mapping/name"),
    (GOOD, {"mapping": '{"name": "createdAt"}'}, 422, "notEditable", "/mapping/name"),
    (GOOD, {"mapping": '{"nothing": "name"}'}, 422, "unknownColumn", "/mapping/nothing"),
    (GOOD, {"mapping": '{"name": "memberId", "memberId": "memberId"}'}, 422, "keyTwice", "/mapping/name"),
    (GOOD, {"kind": "others"}, 422, "invalid", "/kind"),
    (GOOD, {"kind": "leads", "mapping": '{"name": "memberId"}'}, 422, "invalid", "/mapping/name"),
    (GOOD, {"dryRun": "perhaps"}, 422, "invalid", "/dryRun"),
    (GOOD, {"filter": "{}"}, 422, "unknownMember", "/filter"),
    (GOOD, {"password": "a\0b"}, 422, "badCharacter", "/password"),
    (None, {"kind": "leads"}, 422, "invalid", "/file"),
]  # fmt: skip


async def test_what_cannot_be_imported_is_refused_at_once_with_the_place_and_leaves_nothing(stack: Stack) -> None:
    async with a_business(stack) as business:
        found = [refused(await business.post(content, **fields)) for content, fields, *_ in BAD]
        assert found == [(status, code, pointer) for _, _, status, code, pointer in BAD]
        assert (await business.api.json("GET", "/v1/imports"))["items"] == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("text/csv", GOOD),
        ("multipart/form-data", GOOD),
        ("multipart/form-data; boundary=x", GOOD),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nmemberId'),
    ],
)
async def test_a_body_that_is_no_form_is_unreadable(stack: Stack, content_type: str, body: bytes) -> None:
    async with httpx.AsyncClient(base_url=stack.url) as client:
        token = stack.token(channel=fresh_channel(), sub="kim", permissions=["*"])
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        assert refused(await client.post("/v1/imports", content=body, headers=headers))[:2] == (400, "unreadable")


async def test_a_file_of_more_than_256_mib_is_refused_unread(stack: Stack) -> None:
    # Asked of the service itself: the gateway answers `100 Continue` of its own accord, and then a body has to come.
    address = urlsplit(stack.service_env("exports-api")["EXPORTS_CONTACTS_URL"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    token = stack.token(channel=fresh_channel(), sub="kim", permissions=["*"])
    head = f"POST /v1/imports HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\n"
    head += f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {256 * 1024 * 1024 + 1}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(20):
        answer = await reader.readuntil(b"\r\n")
    writer.close()
    assert answer.split()[1] == b"413"


async def test_it_needs_the_permission_to_edit_and_another_channels_imports_are_not_there(stack: Stack) -> None:
    async with a_business(stack) as ours, a_business(stack) as theirs:
        for permission in ("contacts.read", "visits.write"):
            assert refused(await ours.post(GOOD, None, permission)) == (403, "forbidden", None)
        job = await theirs.take_in(GOOD)
        for method, path in (("GET", ""), ("GET", "/rows"), ("GET", "/rows?format=csv"), ("POST", "/cancel")):
            for import_id in (job["id"], str(uuid4()), "x"):
                answer = await ours.api.ask(method, f"/v1/imports/{import_id}{path}")
                assert refused(answer) == (404, "notFound", None)
            async with caller(stack, theirs.channel, "lee", "contacts.read") as reader:
                answer = await reader.ask(method, f"/v1/imports/{job['id']}{path}")
            assert refused(answer) == (403, "forbidden", None)
        for params in ({"status": "odd"}, {"cursor": "odd"}, {"limit": "0"}):
            assert (await theirs.api.ask("GET", f"/v1/imports/{job['id']}/rows", params=params)).status_code == 422
