"""Runs the cases of tests/data/cases: each in a channel of its own, and judged by its expected.json.

A case is added by adding its folder: `case.md` (what it is, what is right and why), `expected.json` and the files that it
names; every folder that is there runs. tests/data/cases/README.md tells what stands in an expected.json.
"""

import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import msoffcrypto
import openpyxl
import orjson

from localstack.stack import Stack
from tests.support.api import eventually, fresh_channel

FOLDER = Path(__file__).parents[1] / "data" / "cases"
POSITION = "Dangol-Position"
_PATIENCE = 60.0
_BUSY = {"waiting", "running", "counting", "writing", "verifying"}

Json: TypeAlias = dict[str, Any]


class Unprepared(AssertionError):
    """What comes before a case did not succeed, or its expected.json says what nobody knows how to judge."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a step; a job, with its rows or its file, stands there once it has ended."""

    response: httpx.Response
    job: Json = field(default_factory=dict[str, Any])
    rows: list[Json] = field(default_factory=list[Json])


def names() -> list[str]:
    """The cases that are there."""
    return sorted(path.parent.name for path in FOLDER.glob("*/expected.json"))


async def run(stack: Stack, name: str) -> list[str]:
    """What is wrong with the answers to a case; nothing where all is right."""
    folder = FOLDER / name
    return await judged(stack, folder, orjson.loads((folder / "expected.json").read_bytes()))


async def judged(stack: Stack, folder: Path, case: Json) -> list[str]:
    """The same for a case that is given, its files in the folder."""
    token = stack.token(channel=fresh_channel(), sub="kim", permissions=["*"])
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        channel = Channel(client, folder)
        for step in case.get("before", []):
            _succeeded((await channel.do(step)).response)
        requests, expected = case["request"], case["expect"]
        if isinstance(requests, dict):
            requests, expected = [requests], [expected]
        wrong: list[str] = []
        for number, (step, right) in enumerate(zip(requests, expected, strict=True)):
            answer = await channel.do(step)
            wrong += [f"step {number}: {what}" for what in await _judge(channel, answer, right)]
        return wrong


def _succeeded(response: httpx.Response) -> None:
    problems = [r for r in response.json().get("results", []) if r.get("problem")] if response.is_success else []
    if not response.is_success or problems:
        raise Unprepared(f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}")


class Channel:
    """The gateway as the channel's manager sees it, who reads what was written before."""

    def __init__(self, client: httpx.AsyncClient, folder: Path) -> None:
        self.ids: dict[str, str] = {}
        self._client = client
        self._folder = folder
        self._exported = b""

    async def do(self, step: Json) -> Answer:
        """Send what the step says; where that began a job, wait for its end."""
        answer = await self._sent(step)
        if "as" in step:
            self.ids[step["as"]] = answer.json()["id"]
        await self._written(answer)
        if answer.status_code == 202 and answer.request.url.path == "/v1/imports":
            return await self._imported(answer)
        if answer.status_code == 202 and answer.request.url.path == "/v1/exports":
            return await self._export(answer)
        return Answer(answer)

    async def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """The answer, whatever its status but 503, which is waited out."""
        return await eventually(
            lambda: self._client.request(method, path, **sent), lambda answer: answer.status_code != 503, _PATIENCE
        )

    async def read(self, path: str, **params: str) -> Json:
        """The body of an answer that succeeds."""
        answer = await self.ask("GET", path, params=params)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    async def _sent(self, step: Json) -> httpx.Response:
        if "file" in step or "importOf" in step:
            content = (self._folder / step["file"]).read_bytes() if "file" in step else self._exported
            form = {k: v if isinstance(v, str) else orjson.dumps(v).decode() for k, v in step.get("form", {}).items()}
            files = {"file": (step.get("fileName", "export.xlsx"), content)}
            return await self.ask("POST", step.get("path", "/v1/imports"), data=form, files=files)
        body = (self._folder / step["body"]).read_bytes() if "body" in step else orjson.dumps(step.get("json"))
        if "body" not in step and "json" not in step:
            return await self.ask(step["method"], step["path"])
        text = body.decode()
        for name, known in self.ids.items():
            text = text.replace(f"{{{name}}}", known)
        return await self.ask(step["method"], step["path"], content=text, headers={"Content-Type": "application/json"})

    async def _written(self, answer: httpx.Response) -> None:
        """Wait until what an answer says was written is seen by searches, and by all that searches."""
        if word := answer.headers.get(POSITION):
            found = await self.ask("POST", "/v1/search/count", json={}, headers={POSITION: word})
            assert found.status_code == 200, found.text

    async def _ended(self, path: str) -> httpx.Response:
        return await eventually(lambda: self.ask("GET", path), lambda now: now.json()["status"] not in _BUSY, _PATIENCE)

    async def _imported(self, begun: httpx.Response) -> Answer:
        path = f"/v1/imports/{begun.json()['id']}"
        ended = await self._ended(path)
        await self._written(ended)
        return Answer(begun, ended.json(), (await self.read(f"{path}/rows"))["items"])

    async def _export(self, begun: httpx.Response) -> Answer:
        path = f"/v1/exports/{begun.json()['id']}"
        ended = (await self._ended(path)).json()
        if ended["status"] == "ready":
            file = await self.ask("POST", f"{path}/download")
            office: Any = msoffcrypto.OfficeFile(io.BytesIO(file.content))
            office.load_key(password=orjson.loads(begun.request.content)["password"])
            plain = io.BytesIO()
            office.decrypt(plain)
            self._exported = plain.getvalue()
        return Answer(begun, ended)

    def sheets(self) -> list[list[tuple[Any, ...]]]:
        """The last export's sheets, read by software that is not ours."""
        book = openpyxl.load_workbook(io.BytesIO(self._exported), read_only=True)
        return [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]


async def _judge(channel: Channel, answer: Answer, right: Json) -> list[str]:
    """What is wrong with an answer; each member of an entry is judged, and one that is unknown is an error of the case."""
    if unknown := right.keys() - _JUDGES.keys():
        raise Unprepared(f"nobody judges {sorted(unknown)}")
    wrong: list[str] = []
    if answer.response.status_code >= 500:
        wrong.append(f"answered {answer.response.status_code}: {answer.response.text}")
    for member, wanted in right.items():
        wrong += [f"{member}: {what}" for what in await _JUDGES[member](channel, answer, wanted)]
    return wrong


def _differs(what: str, found: object, wanted: object) -> list[str]:
    return [] if found == wanted else [f"{what} is {found!r} and should be {wanted!r}"]


async def _status(_: Channel, answer: Answer, wanted: list[int]) -> list[str]:
    found = answer.response.status_code
    return [] if found in wanted else [f"answered {found}: {answer.response.text}"]


async def _rows(channel: Channel, answer: Answer, wanted: Mapping[str, list[Any]]) -> list[str]:
    wrong = [] if answer.rows else [f"no rows: {answer.response.text} {answer.job}"]
    if "*" not in wanted:
        wrong += _differs("the numbers", [str(row["row"]) for row in answer.rows], list(wanted))
    for row in answer.rows:
        rights = wanted.get(str(row["row"]), wanted.get("*", []))
        contact = await channel.read(f"/v1/contacts/{row['contactId']}") if row["contactId"] else {}
        ways = [_is_row(row, contact, right) for right in rights]
        if [] not in ways:
            wrong += [f"row {row['row']} ({row['status']}, {row['problem']}): {way}" for way in ways]
    return wrong


def _is_row(row: Json, contact: Json, right: str | Json) -> list[str]:
    if isinstance(right, str):
        return _differs("the status", row["status"], right)
    if not contact:
        return ["there is no contact"]
    return _has(contact, right)


def _has(contact: Json, values: Json) -> list[str]:
    return [what for key, value in values.items() for what in _differs(key, _value(contact, key), value)]


def _value(contact: Json, key: str) -> object:
    found: object = contact["profile"].get(key[8:]) if key.startswith("profile.") else contact[key]
    return found


async def _row_statuses(_: Channel, answer: Answer, wanted: list[str]) -> list[str]:
    return _differs("the rows", [row["status"] for row in answer.rows], wanted)


def _refusal(answer: Answer) -> str | None:
    """Why a file was refused as a whole; None where it was not."""
    if answer.response.status_code == 422:
        return str(answer.response.json().get("detail"))
    return str(answer.job.get("problem")) if answer.job.get("status") == "failed" else None


async def _file_refused(_: Channel, answer: Answer, wanted: bool) -> list[str]:
    return _differs("the file's refusal", _refusal(answer) is not None, wanted)


async def _detail_has(_: Channel, answer: Answer, wanted: str) -> list[str]:
    detail = _refusal(answer)
    return [] if detail is not None and wanted in detail else [f"the detail is {detail!r}"]


async def _contacts(channel: Channel, _: Answer, wanted: int) -> list[str]:
    total = (await channel.ask("POST", "/v1/search/count", json={})).json()["total"]
    return _differs("how many there are", total, wanted)


async def _fields(channel: Channel, _: Answer, wanted: Mapping[str, str]) -> list[str]:
    types = {f["key"]: f["type"] for f in (await channel.read("/v1/fields"))["items"]}
    return [what for key, kind in wanted.items() for what in _differs(key, types.get(key), kind)]


async def _members(channel: Channel, _: Answer, wanted: Mapping[str, Json]) -> list[str]:
    return [what for name, values in wanted.items() for what in _has(await channel.read(f"/v1/contacts/@{name}"), values)]


async def _results(_: Channel, answer: Answer, wanted: list[Json]) -> list[str]:
    results = {result["index"]: result for result in answer.response.json()["results"]}
    return [
        what for one in wanted for key in one for what in _differs(f"{one['index']}/{key}", results[one["index"]][key], one[key])
    ]


async def _terms(channel: Channel, answer: Answer, wanted: Mapping[str, str]) -> list[str]:
    term_set = answer.response.json()
    items = (await channel.read(f"/v1/term-sets/{term_set['id']}/terms"))["items"]
    so = [item["term"] for item in items if item["status"] == wanted["none"]]
    return _differs(f"what is {wanted['none']}", (so, term_set[wanted["none"]]), ([], 0))


async def _found(_: Channel, answer: Answer, wanted: list[str]) -> list[str]:
    return _differs("who is found", [item["memberId"] for item in answer.response.json()["items"]], wanted)


async def _exported(channel: Channel, answer: Answer, wanted: Json) -> list[str]:
    if ask := wanted.get("ask"):
        answer = await channel.do({"method": "POST", "path": "/v1/exports", "json": ask})
    wrong = _differs(f"the export ({answer.job.get('problem')})", answer.job.get("status"), wanted["status"])
    if wrong:
        return wrong
    sheets = channel.sheets()
    if most := wanted.get("cellsAtMostUtf16Units"):
        texts = [cell for sheet in sheets for row in sheet for cell in row if isinstance(cell, str)]
        wrong += [f"a cell of {n} units" for text in texts if (n := len(text.encode("utf-16-le")) // 2) > most]
    headings, *rows = sheets[0]
    people = {row[headings.index("memberId")]: dict(zip(headings, row, strict=True)) for row in rows} if "cells" in wanted else {}
    for member, cells in wanted.get("cells", {}).items():
        for key, cell in cells.items():
            value = people[member][key]
            if _kind(value) != cell["type"] or value not in cell["oneOf"]:
                wrong.append(f"the cell {member}/{key} is {value!r} and should be {cell}")
    return wrong


def _kind(value: object) -> str:
    return "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else type(value).__name__


async def _different(channel: Channel, _: Answer, wanted: list[str]) -> list[str]:
    now = [(await channel.read(f"/v1/contacts/{channel.ids[name]}"))["id"] for name in wanted]
    return [] if len(set(now)) == len(wanted) else [f"{wanted} are {now}"]


async def _any_of(channel: Channel, answer: Answer, wanted: list[Json]) -> list[str]:
    ways = [await _judge(channel, answer, way) for way in wanted]
    return [] if [] in ways else [f"none of {ways}"]


_JUDGES: Mapping[str, Callable[[Channel, Answer, Any], Awaitable[list[str]]]] = {
    "status": _status,
    "rows": _rows,
    "rowStatuses": _row_statuses,
    "fileRefused": _file_refused,
    "detailHas": _detail_has,
    "contacts": _contacts,
    "fields": _fields,
    "members": _members,
    "results": _results,
    "terms": _terms,
    "found": _found,
    "export": _exported,
    "different": _different,
    "anyOf": _any_of,
}
