"""A typed client, generated from the OpenAPI document by software that is not ours, does the main job."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from localstack.demo import decrypt
from localstack.home import checkout
from localstack.stack import Stack
from tests.support.api import eventually, fresh_channel

NAME = "generated_client"
PASSWORD = "client-2026"


class Client:
    """The generated package, and a session of it in a channel of its own."""

    def __init__(self, stack: Stack) -> None:
        self.models = importlib.import_module(f"{NAME}.models")
        client = importlib.import_module(f"{NAME}.client")
        self._session = client.AuthenticatedClient(base_url=stack.url, token=stack.token(channel=fresh_channel(), sub="kim"))
        self.position = ""

    async def call(self, operation: str, *place: object, **named: Any) -> Any:
        """What an operation (`contacts.upsert_contact`) answers, parsed; what was written before is seen."""
        function = importlib.import_module(f"{NAME}.api.{operation}").asyncio_detailed
        answer = await function(*place, client=self._session, dangol_position=self.position or "", **named)
        assert answer.status_code < 300, answer.content
        self.position = answer.headers.get("Dangol-Position", self.position)
        return answer.content if answer.parsed is None else answer.parsed


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The client's package, importable."""
    folder = tmp_path_factory.mktemp("client")
    tools = str(Path(sys.executable).parent)
    done = subprocess.run(
        [f"{tools}/openapi-python-client", "generate", "--path", str(checkout() / "docs" / "openapi.json"),
         "--output-path", str(folder / NAME), "--meta", "none"],
        env=os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


async def test_a_generated_client_does_the_main_job(stack: Stack, generated: Path) -> None:
    client = Client(stack)
    model = client.models
    profile = model.ContactToUpsertProfile.from_dict({"grade": "VIP"})
    written = await client.call("contacts.upsert_contact", "hong", body=model.ContactToUpsert(name="홍길동", profile=profile))
    assert (written.member_id, written.member) == ("hong", True)
    taken = await client.call(
        "visits.record_visits", body=model.Reports(visits=[model.VisitToRecord(id="v-1", member_id="hong")])
    )
    assert taken.accepted == 1

    found = await client.call("search.search_contacts", body=model.Searched(query="ㅎㄱㄷ"))
    assert [(each.id, each.sessions_count) for each in found.items] == [(written.id, 1)]
    lately = model.FilterCondition(
        key="lastSeenAt", operator=model.Operator.WITHINLAST, values=[model.Window(n=7, unit=model.WindowUnit.DAYS)]
    )
    grade = model.FilterCondition(key="profile.grade", operator=model.Operator.EQ, values=["vip"])
    both = model.FilterAnd(and_=[grade, model.FilterNot(not_=model.FilterNot(not_=lately))])
    segment = await client.call("segments.create_segment", body=model.NewSegment(name="VIP, seen lately", filter_=both))

    async def state() -> Any:
        return await client.call("segments.get_segment", str(segment.id))

    await eventually(state, lambda now: now.status == model.SegmentStatus.LIVE)
    changes = await client.call("segments.list_segment_changes", str(segment.id))
    assert [(each.contact_id, each.change) for each in changes.items] == [(written.id, model.ChangeChange.ENTERED)]
    await _export(client, segment.id)


async def _export(client: Client, segment: UUID) -> None:
    model = client.models
    seen = await client.call("search.count_contacts", body=model.CountAsked(segment=segment))
    assert seen.total == 1
    scope = model.Scope(segment=segment, fingerprint=seen.fingerprint)
    export = await client.call("exports.create_export", body=model.NewExport(reason="a test", password=PASSWORD, scope=scope))

    async def state() -> Any:
        return await client.call("exports.get_export", str(export.id))

    ready = await eventually(state, lambda now: now.status == model.ExportShownStatus.READY, 60)
    assert ready.manifest.rows == 1
    rows = decrypt(await client.call("exports.download_export", str(export.id)), PASSWORD)
    assert len(rows) == 2
    assert "hong" in rows[1]
