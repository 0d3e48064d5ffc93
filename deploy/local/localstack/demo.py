"""The main job, end to end, as a user would do it: every step through the gateway, every count checked against a plain one."""

import asyncio
import hashlib
import io
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import msoffcrypto
import openpyxl
import stamina

from common.clock import to_wire
from localstack import demo_data

PASSWORD = "dangol!2026"  # noqa: S105 - the demo's own file, shown on screen on purpose
LOYAL = {
    "and": [
        {"key": "profile.purchaseCount", "operator": "gte", "values": [3]},
        {"key": "profile.lastCheckoutCompletedAt", "operator": "withinLast", "values": [{"n": 30, "unit": "days"}]},
    ]
}
_COLUMNS = ["id", "memberId", "name", "mobileNumber", "email", "profile.purchaseCount", "profile.lastCheckoutCompletedAt"]
_BATCH = 1000
_PATIENCE = 120.0


class DemoFailed(Exception):
    """An answer differs from what the plain count says; the text tells which."""


class _NotYet(Exception):
    """The servers ask for patience."""


def say(text: str) -> None:
    """One line for the reader."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def require(what: str, got: object, expected: object) -> None:
    """Raises DemoFailed where the two differ."""
    if got != expected:
        raise DemoFailed(f"{what}: the system says {got}, the plain count says {expected}")


class Api:
    """The gateway, as one manager with one token sees it. A server that is away for a moment is asked again."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """The answer, whatever its status but 503, which is waited out."""
        sent = self._headers | (headers or {})
        async for attempt in stamina.retry_context(on=(httpx.TransportError, _NotYet), timeout=60, attempts=None, wait_max=2):
            with attempt:
                answer = await self._client.request(method, path, json=body, params=params, headers=sent)
                if answer.status_code == 503:
                    raise _NotYet
                return answer
        raise AssertionError("a retry ends by an answer or an error")

    async def json(self, method: str, path: str, *, body: object = None, params: dict[str, str] | None = None) -> Any:
        """The answer's body; raises DemoFailed for any refusal."""
        answer = await self.ask(method, path, body=body, params=params)
        if answer.is_error:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()


async def until(what: str, ask: Callable[[], Awaitable[object]], expected: object, patience: float = _PATIENCE) -> float:
    """Ask until the expected answer comes; how many seconds that took. Raises DemoFailed with the last answer otherwise."""
    began = time.monotonic()
    while True:
        got = await ask()
        took = time.monotonic() - began
        if got == expected:
            return took
        if took > patience:
            require(what, got, expected)
        await asyncio.sleep(0.05 if patience < 30 else 0.5)


def batches(rows: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    """The rows by thousands."""
    while batch := list(islice(rows, _BATCH)):
        yield batch


async def load(api: Api, customers: Sequence[demo_data.Customer]) -> str:
    """Send everything, contacts and visits side by side; answers the position of the first batch, which made the fields."""
    began = time.monotonic()
    positions: list[str] = []

    async def send_contacts() -> int:
        sent = 0
        for batch in batches(demo_data.upserts(customers)):
            taken = await api.ask("POST", "/v1/contacts/batch", body={"contacts": batch})
            require("the status of a batch", taken.status_code, 200)
            positions.append(taken.headers["Dangol-Position"])
            answer = taken.json()
            refused = [r for r in answer["results"] if r.get("problem")]
            if refused:
                raise DemoFailed(f"{len(refused)} upserts were refused; the first: {refused[0]['problem']}")
            sent += len(batch)
        return sent

    async def send_visits() -> int:
        accepted = 0
        for batch in batches(demo_data.events(customers)):
            answer = await api.json("POST", "/v1/visits", body={"visits": batch})
            if answer["rejected"]:
                raise DemoFailed(f"{len(answer['rejected'])} events were rejected; the first: {answer['rejected'][0]}")
            accepted += answer["accepted"] + answer["duplicates"]
        return accepted

    upserts, visits = await asyncio.gather(send_contacts(), send_visits())
    took = time.monotonic() - began
    purchases = sum(len(c.purchases) for c in customers)
    require("upserts taken", upserts, purchases)
    require("visits and purchases taken", visits, purchases + sum(len(c.visits) for c in customers))
    say(f"   {upserts:,} upserts and {visits:,} visits and purchases in {took:.0f} s")
    return positions[0]


async def find(api: Api, customers: Sequence[demo_data.Customer]) -> None:
    """Quick search by name, phone and e-mail; then an advanced filter; counts and first rows shown."""
    took = await until("contacts searchable", lambda: _total(api), len(customers))
    say(f"   all {len(customers):,} are searchable ({took:.1f} s after the last write)")
    some = customers[len(customers) * 18 // 100]
    for label, query in (
        ("name", some.name),
        ("phone", some.mobile[-9:]),
        ("phone, its last four digits", some.mobile[-4:]),
        ("e-mail", some.email.split("@")[0]),
    ):
        wanted = query.replace("-", "") if label.startswith("phone") else query
        expected = sum(c.found_by(wanted) for c in customers)
        # A customer may be there by a visit before the upsert that brings the name is searchable.
        await until(f"found by {label}", lambda query=query: _total(api, query=query), expected)  # type: ignore[misc]
        answer = await api.json("POST", "/v1/search", body={"query": query})
        first = " ".join(str(answer["items"][0][key]) for key in ("name", "mobileNumber", "email"))
        say(f"   by {label:<28} {query:<22} → {answer['total']:>4} found, first: {first}")
    await _find_by_filter(api, customers)


async def _total(api: Api, **request: object) -> int:
    count: int = (await api.json("POST", "/v1/search", body={**request, "limit": 1}))["total"]
    return count


async def _find_by_filter(api: Api, customers: Sequence[demo_data.Customer]) -> None:
    now = datetime.now(UTC)
    filter_ = {
        "and": [
            {"key": "member", "operator": "eq", "values": [True]},
            {
                "or": [
                    {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": 60, "unit": "days"}]},
                    {"key": "profile.lastCheckoutCompletedAt", "operator": "withinLast", "values": [{"n": 30, "unit": "days"}]},
                ]
            },
            {"not": {"key": "sessionsCount", "operator": "gt", "values": [6]}},
        ]
    }

    def matches(c: demo_data.Customer) -> bool:
        seen = c.last_seen()
        recent = (seen is not None and seen > now - timedelta(days=60)) or c.purchases[-1].at > now - timedelta(days=30)
        return recent and not c.sessions() > 6

    expected = sum(matches(c) for c in customers)
    await until("found by the advanced filter", lambda: _total(api, filter=filter_), expected)
    say(f"   member AND (seen within 60 days OR bought within 30 days) AND NOT more than 6 sessions → {expected:,} found")


async def segment(api: Api, customers: Sequence[demo_data.Customer], position: str) -> str:
    """Save the segment; show its size, one contact entering by a purchase, one leaving by the clock alone.

    `position` is that of the write that made the fields: with it the segment is made only when they are known.
    """
    body = {"name": "단골: 3번 이상, 30일 안에 구매", "filter": LOYAL}
    answer = await api.ask("POST", "/v1/segments", body=body, headers={"Dangol-Position": position})
    require("the status of the segment's making", answer.status_code, 201)
    made: str = answer.json()["id"]
    path = f"/v1/segments/{made}"

    async def shown(member: str) -> object:
        return (await api.json("GET", path))[member]

    took = await until("the segment's status", lambda: shown("status"), "live")
    expected = demo_data.loyal(customers, datetime.now(UTC))
    took += await until("the segment's size", lambda: shown("count"), len(expected))
    say(f"   “bought 3 times or more, and within the last 30 days”: {len(expected):,} contacts, live after {took:.1f} s")
    await _enter(api, path, next(c for c in customers if len(c.purchases) == 2))
    await _leave(api, path)
    return made


async def _is_member(api: Api, path: str, contact_id: str) -> bool:
    inside: bool = (await api.json("GET", f"{path}/members/{contact_id}"))["member"]
    return inside


async def _enter(api: Api, path: str, buyer: demo_data.Customer) -> None:
    """The buyer's third purchase brings it into the segment."""
    contact = await api.json("GET", f"/v1/contacts/@{buyer.member_id}")
    now = to_wire(datetime.now(UTC))
    purchase = {"id": f"demo-{contact['id']}", "contactId": contact["id"], "name": "purchase", "at": now}
    await api.json("POST", "/v1/visits", body={"visits": [purchase | {"properties": {"amount": 19.9}}]})
    total = round(contact["profile"]["totalAmount"] + 19.9, 2)
    profile = {"purchaseCount": 3, "lastCheckoutCompletedAt": now, "totalAmount": total}
    await api.json("PATCH", f"/v1/contacts/{contact['id']}", body={"profile": profile})
    took = await until("the buyer's membership", lambda: _is_member(api, path, contact["id"]), True, 10)
    say(f"   one purchase of {contact['name']}: entered {took:.2f} s after it was written")


async def _leave(api: Api, path: str) -> None:
    """Somebody whose window ends in 3 seconds enters, and leaves with no event."""
    last, _ = await _read_changes(api, path, None)
    due = datetime.now(UTC) + timedelta(seconds=3)
    profile = {"purchaseCount": 5, "lastCheckoutCompletedAt": to_wire(due - timedelta(days=30))}
    leaver = await api.json("PUT", "/v1/contacts/@demo-leaver", body={"name": "문지은", "profile": profile})

    async def told() -> list[dict[str, Any]]:
        _, changes = await _read_changes(api, path, last)
        return [c for c in changes if c["contactId"] == leaver["id"]]

    async def came_and_went() -> list[tuple[str, str]]:
        return [(c["change"], c["cause"]) for c in await told()]

    async def came() -> list[tuple[str, str]]:
        return (await came_and_went())[:1]

    await until("the leaver's entry", came, [("entered", "event")], 15)
    await until("the leaver's end", came_and_went, [("entered", "event"), ("left", "clock")], 15)
    late = (datetime.now(UTC) - due).total_seconds()
    require("the instant of leaving", (await told())[-1]["at"], to_wire(due))
    require("the leaver's membership", await _is_member(api, path, leaver["id"]), False)
    say("   a contact whose 30 days end in 3 seconds: entered by the event, left by the clock with no event,")
    say(f"   dated to the millisecond and seen {late:.2f} s after it")


async def _read_changes(api: Api, path: str, after: str | None) -> tuple[str | None, list[dict[str, Any]]]:
    """The changes after a position, and the last position."""
    found: list[dict[str, Any]] = []
    while True:
        page = await api.json("GET", f"{path}/changes", params={"after": after} if after is not None else None)
        if not page["items"]:
            return after, found
        found += page["items"]
        after = str(page["next"])


async def export(api: Api, url: str, segment_id: str) -> None:
    """Export the segment; follow the progress, find the message, download, decrypt, compare with the members."""
    seen = await api.json("POST", "/v1/search/count", body={"segment": segment_id})
    scope = {"segment": segment_id, "fingerprint": seen["fingerprint"]}
    body = {"reason": "단골 고객 감사 메시지 발송", "password": PASSWORD, "scope": scope, "columns": _COLUMNS}
    export_id: str = (await api.json("POST", "/v1/exports", body=body))["id"]
    manifest = await _ready(api, export_id)
    await _announced(api, export_id, f"{url}/exports/{export_id}")
    file = await api.ask("POST", f"/v1/exports/{export_id}/download")
    require("the download's status", file.status_code, 200)
    require("the file's hash", hashlib.sha256(file.content).hexdigest(), manifest["fileSha256"])
    rows = decrypt(file.content)
    members = await _members(api, segment_id)
    require("the export's rows", {row[0] for row in rows[1:]}, members)
    require("the count of the export's rows", len(rows) - 1, len(members))
    require("the manifest's ids", hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest(), manifest["idsSha256"])
    say(f"   {len(file.content):,} bytes downloaded, decrypted: {len(rows) - 1:,} rows, exactly the segment's members")
    for row in rows[:3]:
        say("   | " + " | ".join(str(cell) for cell in row[1:]))


async def _ready(api: Api, export_id: str) -> dict[str, Any]:
    """Show the progress until the file is there; its manifest."""
    path, shown = f"/v1/exports/{export_id}", ""
    began = time.monotonic()
    while True:
        state = await api.json("GET", path)
        total = "?" if state["rowsTotal"] is None else state["rowsTotal"]
        line = f"   {state['status']:<10} {state['rowsDone'] or 0:>6} of {total} rows"
        if line != shown:
            say(line)
            shown = line
        if state["status"] == "ready":
            manifest: dict[str, Any] = state["manifest"]
            return manifest
        if state["status"] in {"failed", "cancelled"} or time.monotonic() - began > _PATIENCE:
            raise DemoFailed(f"the export is {state['status']}: {state.get('problem')}")
        await asyncio.sleep(0.1)


async def _announced(api: Api, export_id: str, link: str) -> None:
    """The manager's own room tells of the file, once."""

    async def messages() -> list[str]:
        room = await api.json("GET", "/v1/rooms/me/messages")
        return [m["link"] for m in room["items"] if m["link"] and m["link"].endswith(export_id)]

    await until("messages in the manager's room", messages, [link], 20)
    newest = (await api.json("GET", "/v1/rooms/me/messages"))["items"][0]
    say(f"   나와의 대화방, from {newest['from']}: {newest['text']} {newest['link']}")


def decrypt(content: bytes, password: str = PASSWORD) -> list[tuple[Any, ...]]:
    """The sheet's rows, read by software that is not ours."""
    office: Any = msoffcrypto.OfficeFile(io.BytesIO(content))
    office.load_key(password=password, verify_password=True)
    plain = io.BytesIO()
    office.decrypt(plain, verify_integrity=True)
    sheet = openpyxl.load_workbook(plain, read_only=True).worksheets[0]
    return list(sheet.iter_rows(values_only=True))


async def _members(api: Api, segment_id: str) -> set[str]:
    found: set[str] = set()
    params: dict[str, str] = {}
    while True:
        page = await api.json("GET", f"/v1/segments/{segment_id}/members", params=params)
        found |= {item["contactId"] for item in page["items"]}
        if page["next"] is None:
            return found
        params = {"cursor": page["next"]}


async def free_channel(client: httpx.AsyncClient, token: Callable[[str], str]) -> str:
    """`demo`, or where that one has contacts already `demo-2` and so on: each run counts from nothing."""
    number = 1
    while True:
        channel = "demo" if number == 1 else f"demo-{number}"
        counted = await Api(client, token(channel)).json("POST", "/v1/search/count", body={})
        if counted["total"] == 0:
            return channel
        number += 1


async def run(url: str, token: Callable[[str], str], csv: Path) -> str:
    """All four steps; answers the channel they were done in. Raises DemoFailed at the first answer that is wrong."""
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        channel = await free_channel(client, token)
        api = Api(client, token(channel))
        customers = demo_data.load(csv, datetime.now(demo_data.ZONE).date())
        purchases = sum(len(c.purchases) for c in customers)
        say(f"1. Loading {len(customers):,} customers and {purchases:,} purchases into the channel “{channel}”")
        position = await load(api, customers)
        say("2. Finding people")
        await find(api, customers)
        say("3. A live segment")
        segment_id = await segment(api, customers, position)
        say("4. Taking the segment out as an encrypted Excel file")
        await export(api, url, segment_id)
    return channel
