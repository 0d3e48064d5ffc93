"""An import is what its rows would be if they were sent one by one, whatever they are and wherever its workers die."""

from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import Problem
from contacts.jobs.job import Status
from tests.contacts.conftest import World
from tests.contacts.imports.importing import Importing
from tests.support import tables

HEADINGS = ["고객 번호", "이름", "휴대폰", "적립금", "태그"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["m1", "m2", "m3", "m4", "no good", ""]),
        st.sampled_from(["", "김", "이"]),
        st.sampled_from(["", "010-1111-2222", "+82 10 1111 2222", "12"]),
        st.sampled_from(["", "1", "2.5", "1,000", "많이"]),
        st.sampled_from(["", "VIP", "VIP, 단골", ";".join(f"t{n}" for n in range(21))]),
    ),
    min_size=1,
    max_size=12,
)
POINTS: dict[str, Any] = {"1": 1, "2.5": 2.5, "1,000": 1000}


async def one_by_one(importing: Importing, rows: list[tuple[str, ...]]) -> list[str]:
    """Send each row by itself; what became of it."""
    outcomes: list[str] = []
    for member_id, name, phone, point, tags in rows:
        given_ = {"name": name, "mobileNumber": phone, "tags": tags.replace(";", ",").replace(" ", "").split(",") if tags else ""}
        body: dict[str, Any] = {key: value for key, value in given_.items() if value}
        if point:
            body["profile"] = {"point": POINTS.get(point, point)}
        known = {c.member_id: c.version for c in await importing.contacts()}
        try:
            contact = (await importing.world.contacts.upsert(importing.caller, member_id, body, None)).contact
        except Problem:
            outcomes.append("refused")
        else:
            version = known.get(member_id)
            outcomes.append("made" if version is None else "unchanged" if version == contact.version else "changed")
    return outcomes


async def everybody(importing: Importing) -> list[tuple[Any, ...]]:
    found = await importing.contacts()
    return sorted((c.member_id, c.name, c.mobile_number, c.tags, c.profile, c.version) for c in found)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=ROWS, chunk=st.integers(1, 5), deaths=st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=4))
async def test_an_import_is_what_its_rows_are_one_by_one(
    world: World, rows: list[tuple[str, ...]], chunk: int, deaths: list[tuple[int, bool]]
) -> None:
    imported, plain = (Importing(world, f"{kind}-{uuid4().hex}", chunk) for kind in ("imported", "plain"))
    for importing in (imported, plain):
        await world.channels.ensure(importing.caller.channel)
        await world.contacts.upsert(importing.caller, "m1", {"name": "김", "profile": {"point": 1}}, None)
    import_id = await imported.send(tables.text([HEADINGS, *rows]), mapping='{"적립금": "profile.point"}')
    for number, within in deaths:
        await imported.killed_at(number, within=within)
    await imported.work()
    expected = [outcome for row, outcome in zip(rows, await one_by_one(plain, rows), strict=True) if any(row)]
    assert [r["status"] for r in await imported.report(import_id)] == expected
    assert await everybody(imported) == await everybody(plain)
    job = await imported.job(import_id)
    assert (job.status, job.total, sum(job.counts.values())) == (Status.DONE, len(expected), len(expected))
    assert await world.files.there() == set()
