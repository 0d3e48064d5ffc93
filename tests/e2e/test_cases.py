"""What other people's programs and people send, answered rightly: the cases in tests/data/cases, all of them at once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from localstack.stack import Stack
from tests.support import cases

_AT_ONCE = 6


@pytest.fixture(scope="module")
def outcomes(stack: Stack) -> dict[str, list[str] | BaseException]:
    """What is wrong with each case, by its name."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def run(name: str) -> list[str]:
        async with gate:
            return await cases.run(stack, name)

    async def run_all() -> list[list[str] | BaseException]:
        return await asyncio.gather(*map(run, cases.names()), return_exceptions=True)

    return dict(zip(cases.names(), asyncio.run(run_all()), strict=True))


@pytest.mark.parametrize("name", cases.names())
def test_what_people_send_is_answered_rightly(outcomes: dict[str, list[str] | BaseException], name: str) -> None:
    outcome = outcomes[name]
    if isinstance(outcome, BaseException):
        raise outcome
    assert outcome == []


KIM = b"memberId,name,mobileNumber\na,Kim,010-1234-5678\nb b,Lee,\n"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"rows": {"2": ["refused"], "3": ["refused"]}}, "rows: row 2 (made"),
    ({"rows": {"2": [{"name": "Lee"}], "3": ["refused"]}}, "name is 'Kim' and should be 'Lee'"),
    ({"rows": {"2": [{"name": "Kim"}], "3": [{"name": "Lee"}]}}, "there is no contact"),
    ({"rows": {"2": [{"name": "Kim"}]}}, "the numbers"),
    ({"rows": {"*": ["refused"]}}, "row 2"),
    ({"rowStatuses": ["made"]}, "the rows"),
    ({"fileRefused": True}, "refusal"),
    ({"detailHas": "Strict"}, "detail"),
    ({"contacts": 2}, "how many"),
    ({"fields": {"profile.x": "Date"}}, "profile.x"),
    ({"members": {"a": {"profile.x": 1}}}, "profile.x"),
    ({"status": [200]}, "answered 202"),
    ({"anyOf": [{"fileRefused": True}, {"contacts": 0}]}, "none of"),
]
RIGHT = {
    "status": [202], "rowStatuses": ["made", "refused"], "fileRefused": False, "contacts": 1, "fields": {"name": "String"},
    "rows": {"2": ["refused", {"memberId": "a", "name": "Kim", "mobileNumber": "+821012345678", "tags": []}], "3": ["refused"]},
    "members": {"a": {"memberId": "a"}}, "anyOf": [{"contacts": 0}, {"contacts": 1}],
}  # fmt: skip


async def test_a_case_that_is_answered_otherwise_is_found_out(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "input.csv").write_bytes(KIM)
    request = {"method": "POST", "path": "/v1/imports", "form": {"kind": "members"}, "file": "input.csv", "fileName": "a.csv"}
    judged = [{"request": request, "expect": expect} for expect in (RIGHT, *(expect for expect, _ in WRONG))]
    right, *wrong = await asyncio.gather(*(cases.judged(stack, tmp_path, case) for case in judged))
    assert right == []
    for found, (_, says) in zip(wrong, WRONG, strict=True):
        assert any(says in what for what in found), (found, says)
    with pytest.raises(cases.Unprepared):
        await cases.judged(stack, tmp_path, {"request": request, "expect": {"colour": "red"}})
