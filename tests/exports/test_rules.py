"""The small rules of exports: passwords, columns and cells, parts of a file, what is sealed, what a refusal is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.errors import Unprocessable
from common.events.contacts import FieldDefinition
from common.language import Language, language_of
from exports.api import NewExport
from exports.columns import choose
from exports.handlers import Ask
from exports.password import check_password
from exports.ranges import NotThere, part_of
from exports.refusals import action_of, address_of
from exports.sealing import Sealing, Unsealable
from exports.workbook.agile_format import Stretched
from exports.writing import Ids, Incomplete


@pytest.mark.parametrize(
    "password", ["abc12!", "A1-bcd", "a1 !bc", "한글a1!bc", "a1!" + "x" * 252, "~`1aZZZ", "a1!😀😀😀", "\u00e9\u00e9\u00e9a1!"]
)
def test_a_password_of_letters_digits_and_symbols_is_taken(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize(
    "password",
    [
        "", " ", "a1!", "a1!bc", "abcdef", "123456", "!!!!!!", "abc123", "abc!!!", "123!!!", "abc 123", "가나다12!",
        "ａｂｃ１２！", "abc１２!", "abc12！", "abc12°", "abc١٢!", "a1!" + "x" * 253, "a1!" + "😀" * 127,
        "abc12!\t", "abc12!\n", "\nabc12!",
    ],
)  # fmt: skip
def test_a_weak_password_is_refused_and_never_repeated(password: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        check_password(password)
    assert (refusal.value.code, refusal.value.pointer) == ("weakPassword", "/password")
    assert refusal.value.extra == {"least": 6, "most": 255}
    assert len(password) < 3 or password not in refusal.value.detail


def test_a_password_shows_in_no_text_made_of_what_holds_it() -> None:
    ask = Ask("why", "abc-123!", {"all": True}, None, True, "ko", None)
    assert "abc-123!" not in f"{ask} {ask!r}"
    lock = Stretched(b"s" * 16, b"d" * 64)
    assert "ssss" not in f"{lock!r}"
    assert "dddd" not in f"{lock!r}"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "ko"), ("", "ko"), ("en", "en"), ("en-US,en;q=0.9", "en"), ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("ko;q=0.1,en;q=0.2", "en"), ("fr,en;q=0.3", "en"), ("fr", "ko"), ("*", "ko"), ("en;q=0", "ko"), ("en,ko", "ko"),
        ("EN-gb", "en"), ("english", "ko"), ("en;q=2", "ko"), (";;;,", "ko"),
    ],
)  # fmt: skip
def test_the_headings_language_is_korean_unless_english_is_wanted_more(accepted: str | None, language: str) -> None:
    assert language_of(accepted) == language


def field(key: str, kind: str = "String", names: dict[str, str] | None = None, **more: Any) -> FieldDefinition:
    return FieldDefinition.of({"key": key, "type": kind, "displayName": names or {}, "order": 0, "version": 1, **more})


FIELDS = [
    field("name", names={"ko": "이름", "en": "Name"}),
    field("id", names={"ko": "아이디", "en": "Id"}, visible=False),
    field("profile.grade", names={"en": "Grade"}),
    field("profile.old", archived=True),
    field("profile.plain"),
    field("sessionsCount", "Number", {"ko": "세션", "en": "Sessions"}),
]


def chosen(keys: list[str] | None, *, names: bool = True, language: Language = "ko") -> list[tuple[str, str]]:
    return [(c.key, c.heading) for c in choose(keys, FIELDS, names=names, language=language)]


def test_without_a_choice_the_visible_fields_stand_in_their_order() -> None:
    assert [key for key, _ in chosen(None)] == ["name", "profile.grade", "profile.plain", "sessionsCount"]


def test_a_choice_has_its_own_order_and_may_name_hidden_fields_and_other_names() -> None:
    assert chosen(["sessionCount", "id"], names=False) == [("sessionsCount", "sessionsCount"), ("id", "id")]


def test_a_heading_is_in_the_language_asked_for_or_in_the_other_or_the_key() -> None:
    keys = ["name", "profile.grade", "profile.plain"]
    assert [heading for _, heading in chosen(keys)] == ["이름", "Grade", "profile.plain"]
    assert [heading for _, heading in chosen(keys, language="en")] == ["Name", "Grade", "profile.plain"]


@pytest.mark.parametrize(
    ("keys", "code", "pointer"),
    [
        (["name", "nothing"], "unknownField", "/columns/1"),
        (["profile.name"], "unknownField", "/columns/0"),
        (["Name"], "unknownField", "/columns/0"),
        (["name", "id", "profile.old"], "archivedField", "/columns/2"),
    ],
)
def test_a_column_that_is_none_is_refused_with_its_place(keys: list[str], code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        chosen(keys)
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)


def test_columns_that_are_null_are_not_taken_for_left_out() -> None:
    asked = {"reason": "why", "password": "abc-123!", "scope": {"all": True}}
    assert NewExport.model_validate(asked).columns is None
    with pytest.raises(ValidationError, match="must not be null"):
        NewExport.model_validate({**asked, "columns": None})


def test_a_file_needs_a_column() -> None:
    with pytest.raises(Unprocessable):
        choose(None, [field("id", visible=False)], names=True, language="ko")


TAG = '"tag"'


@pytest.mark.parametrize(
    ("wanted", "if_range", "part"),
    [
        (None, None, None),
        ("bytes=0-0", None, range(1)),
        ("bytes=0-", None, range(100)),
        ("bytes=10-19", None, range(10, 20)),
        ("bytes=90-1000", None, range(90, 100)),
        ("bytes=-5", None, range(95, 100)),
        ("bytes=-1000", None, range(100)),
        (" Bytes = 1 - 2 ", None, range(1, 3)),
        ("bytes=10-19", TAG, range(10, 20)),
        ("bytes=10-19", '"other"', None),
        ("bytes=10-19", "Tue, 24 Nov 2026 03:00:00 GMT", None),
        ("bytes=0-1,5-6", None, None),
        ("bytes=5-2", None, None),
        ("bytes=-", None, None),
        ("bytes=a-b", None, None),
        ("rows=0-1", None, None),
        ("bytes=٠-١", None, None),
        ("", None, None),
    ],
)
def test_the_part_of_a_file_that_a_range_names(wanted: str | None, if_range: str | None, part: range | None) -> None:
    assert part_of(100, TAG, wanted, if_range) == part


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=999999999999999999-", "bytes=-0"])
def test_a_range_past_the_end_is_refused_with_the_size(wanted: str) -> None:
    with pytest.raises(NotThere) as refusal:
        part_of(100, TAG, wanted, None)
    assert (refusal.value.status, refusal.value.headers) == (416, {"Content-Range": "bytes */100"})
    assert refusal.value.extra == {"size": 100}


@given(size=st.integers(1, 10_000), first=st.integers(0, 10_000), length=st.integers(1, 10_000))
def test_parts_that_follow_each_other_make_the_whole(size: int, first: int, length: int) -> None:
    got: list[int] = []
    while len(got) < size:
        part = part_of(size, TAG, f"bytes={len(got)}-{len(got) + length - 1}", TAG)
        assert part is not None
        got += part
    assert got == list(range(size))


LOCK = Stretched(b"s" * 16, b"d" * 64)


def counting_up() -> Any:
    calls = iter(range(1, 100))
    return lambda size: next(calls).to_bytes(size, "big")


def test_what_is_sealed_opens_again_only_for_its_own_export_with_its_own_key_and_unchanged() -> None:
    sealing = Sealing(b"k" * 32, counting_up())
    sealed = sealing.seal(LOCK, "one")
    assert sealing.open(sealed, "one") == LOCK
    assert LOCK.digest not in sealed
    assert sealing.seal(LOCK, "one") != sealed
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for opener, value, owner in [
        (sealing, sealed, "two"), (sealing, changed, "one"), (sealing, sealed[:20], "one"),
        (Sealing(b"x" * 32, counting_up()), sealed, "one"),
    ]:  # fmt: skip
        with pytest.raises(Unsealable):
            opener.open(value, owner)


@pytest.mark.parametrize("ids", [["a", "a"], ["b", "a"], ["", "a"]])
def test_ids_that_come_twice_or_out_of_order_are_no_proof(ids: list[str]) -> None:
    proof = Ids()
    with pytest.raises(Incomplete):
        for each in ids:
            proof.add([each])
    with pytest.raises(Incomplete):
        Ids().add(ids)


@pytest.mark.parametrize(
    ("method", "path", "status", "action"),
    [
        ("POST", "/v1/exports", 403, "export.asked"),
        ("POST", "/v1/exports", 422, "export.asked"),
        ("POST", "/v1/exports", 429, "export.asked"),
        ("POST", "/v1/exports", 413, "export.asked"),
        ("POST", "/v1/exports", 202, None),
        ("POST", "/v1/exports", 401, None),
        ("POST", "/v1/exports", 503, None),
        ("POST", "/v1/exports/x/download", 404, "export.downloaded"),
        ("POST", "/v1/exports/x/cancel", 409, "export.cancelled"),
        ("POST", "/v1/exports/x/revoke", 403, "export.revoked"),
        ("POST", "/v1/exports/x", 405, None),
        ("GET", "/v1/exports", 403, "export.read"),
        ("GET", "/v1/exports/x", 404, None),
        ("GET", "/v1/exports/x/progress", 403, "export.read"),
        ("GET", "/v1/audit", 403, "audit.read"),
        ("GET", "/exports/x", 404, None),
    ],
)
def test_what_counts_as_a_refusal(method: str, path: str, status: int, action: str | None) -> None:
    assert action_of({"type": "http", "method": method, "path": path}, status) == action


def test_the_address_is_whoever_the_server_says_is_asking_and_none_that_a_header_claims() -> None:
    scope: dict[str, Any] = {"type": "http", "headers": [], "client": ("10.0.0.1", 1)}
    assert address_of(scope) == "10.0.0.1"
    assert address_of(scope | {"headers": [(b"x-forwarded-for", b"203.0.113.9, 10.0.0.1")]}) == "10.0.0.1"
    assert address_of(scope | {"client": None}) is None
