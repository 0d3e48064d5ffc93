"""A field archived and restored under segments and searches: nobody leaves and comes back, whatever is killed in between."""

import asyncio
from collections.abc import Iterable
from typing import Any

from tests.support.api import eventually, kill, replaced
from tests.support.team import POSITION, Team

MEMBERS = 300
VIP = {"key": "profile.grade", "operator": "eq", "values": ["VIP"]}


async def grade(team: Team, turn: str) -> dict[str, Any]:
    answer = await team.ask("POST", f"/v1/fields/profile.grade/{turn}")
    assert answer.status_code == 200, answer.text
    field: dict[str, Any] = answer.json()
    return field


async def changes(team: Team, segment: str) -> list[dict[str, Any]]:
    """The whole log."""
    found: list[dict[str, Any]] = []
    after = 0
    while items := (page := await team.get(f"/v1/segments/{segment}/changes?after={after}"))["items"]:
        found += items
        after = page["next"]
    return found


async def become(team: Team, segments: Iterable[str], word: str) -> None:
    """Wait until all of these segments are so."""

    async def words() -> set[str]:
        return {(await team.get(f"/v1/segments/{segment}"))["status"] for segment in segments}

    await eventually(words, lambda found: found == {word}, 60)


async def test_restoring_a_field_moves_only_those_whose_truth_differs(team: Team) -> None:
    members = [f"m-{n}" for n in range(MEMBERS)]
    rows = [{"memberId": m, "name": "Kim", "profile": {"grade": "VIP"}} for m in members]
    answer = await team.ask("POST", "/v1/contacts/batch", {"contacts": rows})
    ids = {member: result["id"] for member, result in zip(members, answer.json()["results"], strict=True)}
    seen = {POSITION: answer.headers[POSITION]}
    assert (await team.ask("POST", "/v1/search/count", {"filter": VIP}, **seen)).json()["total"] == MEMBERS
    both = {"and": [VIP, {"key": "name", "operator": "eq", "values": ["Kim"]}]}
    await team.ask("GET", "/v1/segments", **seen)
    vips, kims = await team.make(VIP, "vips"), await team.make(both, "kims")
    over_it = await team.make({"not": {"key": "segment", "operator": "in", "values": [kims]}}, "others")
    everything = (vips, kims, over_it)
    before = {segment: len(await changes(team, segment)) for segment in everything}
    assert before == {vips: MEMBERS, kims: MEMBERS, over_it: 0}

    async def found() -> int:
        """How many a search by the field finds; 422 while it is archived to it."""
        told = await team.ask("POST", "/v1/search/count", {"filter": VIP})
        return int(told.json()["total"]) if told.status_code == 200 else told.status_code

    answers: set[int] = set()
    over = asyncio.Event()

    async def search_on() -> None:
        while not over.is_set():
            answers.add(await found())

    searching = asyncio.create_task(search_on())
    await grade(team, "archive")
    await become(team, everything, "broken")
    # Meanwhile: a value that is dropped, one that is no more by another condition, and a member who is erased.
    await team.put(members[0], profile={"grade": "none"})
    await team.put(members[1], name="Lee")
    assert (await team.ask("DELETE", f"/v1/contacts/{ids[members[2]]}")).status_code == 202
    # To and fro, with the worker killed in the middle: the last word holds.
    assert (await grade(team, "restore"))["restoring"]
    killed = kill(team.stack, "contacts-worker")
    again = await grade(team, "archive")
    assert (again["archived"], again["restoring"]) == (True, False)
    await grade(team, "restore")
    await team.put("m-new", name="Kim", profile={"grade": "VIP"})  # while it is being restored: kept
    await replaced(team.stack, "contacts-worker", killed, 30)
    kill(team.stack, "contacts-worker")
    await become(team, everything, "live")
    assert await found() == MEMBERS
    over.set()
    await searching
    assert answers <= {422, MEMBERS, MEMBERS - 1}  # the erased one, and the new one, but never a part

    told = {segment: (await changes(team, segment))[before[segment] :] for segment in everything}
    new = (await team.get("/v1/contacts/@m-new"))["id"]
    assert [(c["contactId"], c["change"], c["cause"]) for c in told[vips]] == [
        (ids[members[2]], "left", "erasure"), (new, "entered", "definition"),
    ]  # fmt: skip
    assert {(c["contactId"], c["change"], c["cause"]) for c in told[kims]} == {
        (ids[members[2]], "left", "erasure"), (ids[members[1]], "left", "definition"), (new, "entered", "definition"),
    }  # fmt: skip
    assert [(c["contactId"], c["change"], c["cause"]) for c in told[over_it]] == [(ids[members[1]], "entered", "definition")]
    assert [(await team.get(f"/v1/segments/{s}"))["count"] for s in everything] == [MEMBERS, MEMBERS - 1, 1]
