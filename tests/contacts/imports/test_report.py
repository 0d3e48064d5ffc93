"""What an import tells of its columns and rows, and its preview before it: what was guessed, left out, refused, not written."""

import csv

import orjson

from common.partition import partition_of
from common.position import decode
from tests.contacts.conftest import World
from tests.contacts.imports.importing import Importing, a_channel, table, told
from tests.support import tables


async def test_a_new_field_is_of_the_type_that_all_of_its_cells_are(shop: Importing) -> None:
    rows = [["m1", "1", "2026-01-02", "yes", "1"], ["m2", "2.5", "2026-03-04 05:06", "no", "x"]]
    headings = ["회원번호", "profile.number", "profile.date", "profile.text", "profile.mixed"]
    await shop.send(table(*rows, headings=headings))
    await shop.work()
    kinds = {d.key: d.type for d in await shop.world.field_queries.fields(shop.caller.channel)}
    assert [kinds[f"profile.{key}"] for key in ("number", "date", "text", "mixed")] == ["Number", "Date", "String", "String"]
    assert [c.profile for c in await shop.contacts()] == [
        {"number": 1, "date": "2026-01-01T15:00:00.000Z", "text": "yes", "mixed": "1"},
        {"number": 2.5, "date": "2026-03-03T20:06:00.000Z", "text": "no", "mixed": "x"},
    ]


async def test_a_columns_field_is_defined_before_its_rows_and_stays_though_all_of_them_are_refused(shop: Importing) -> None:
    headings = ["회원번호", "휴대폰", "profile.size", "profile.empty", "profile.point"]
    import_id = await shop.send(table(["m1", "12", "1", "", "5"], ["m2", "13", "2.5", "", "6"], headings=headings))
    await shop.work()
    assert [row[1:] for row in told(await shop.report(import_id))] == [("refused", "unreadablePhone")] * 2
    fields = await shop.world.field_queries.fields(shop.caller.channel)
    assert {d.key: d.type for d in fields if d.key.startswith("profile.")} == {"profile.size": "Number"}
    import_id = await shop.send(table(["m1", "", "large", "", "5"], ["m2", "", "3", "", "6"], headings=headings))
    await shop.work()
    assert [row[1:] for row in told(await shop.report(import_id))] == [("refused", "wrongType"), ("made", None)]


async def test_the_position_stands_for_the_last_change_of_each_partition_and_for_the_new_fields(world: World) -> None:
    importing = await a_channel(world, "position")
    changing = [[f"m{n}", "새", "", str(n)] for n in range(40)]
    rows = [*changing, *([f"m{n}", "새", "", str(n)] for n in range(30))]
    import_id = await importing.send(table(*rows, headings=["회원번호", "이름", "휴대폰", "profile.new"]))
    await importing.work()
    job = await importing.job(import_id)
    assert job.counts == {"made": 40, "unchanged": 30}
    assert job.position is not None
    last: dict[int, str] = {}
    by_member = {c.member_id: str(c.id) for c in await importing.contacts()}
    for member_id, *_ in changing:
        contact_id = by_member[str(member_id)]
        last[partition_of(f"position/{contact_id}")] = contact_id
    entries = decode(job.position, "position").entries
    assert {e.id for e in entries if e.kind == "contact"} == set(last.values())
    assert [(e.id, e.version) for e in entries if e.kind == "field"] == [("profile.new", 1)]


async def test_a_preview_tells_why_columns_are_left_out_and_the_import_how_many(shop: Importing) -> None:
    content = tables.text([["회원번호", "이름", "이름", "김철수", "m9"], ["m1", "하나", "둘", "셋", "넷"]])
    assert (await shop.preview(content))["columns"][2:] == [
        {"column": "이름", "key": None, "guessed": False, "reason": "twice"},
        {"column": "김철수", "key": None, "guessed": False, "reason": "unknown"},
        {"column": "m9", "key": None, "guessed": False, "reason": "unknown"},
    ]
    shown = await shop.shown(await shop.send(content))
    assert (shown["ignored"], shown["ignoredReasons"]) == (3, {"twice": 1, "unknown": 2})
    assert "김철수" not in str(shown)  # without headings the first row is somebody's data


async def test_a_preview_tells_the_columns_and_the_first_rows_and_leaves_nothing(shop: Importing) -> None:
    found = await shop.preview(table(headings=["회원번호", "이름", "전화번호", "메모"]), mapping='{"메모": "profile.memo"}')
    assert {k: found[k] for k in ("kind", "format", "encoding", "delimiter", "headings")} == {
        "kind": "members", "format": "csv", "encoding": "utf-8", "delimiter": ",", "headings": 1,
    }  # fmt: skip
    assert found["columns"] == [
        {"column": "회원번호", "key": "memberId", "guessed": True}, {"column": "이름", "key": "name", "guessed": True},
        {"column": "전화번호", "key": "mobileNumber", "guessed": True},
        {"column": "메모", "key": "profile.memo", "guessed": False},
    ]  # fmt: skip
    first = {"memberId": "m1", "name": "하나", "mobileNumber": "+821011111111", "profile": {"memo": 1}}
    assert found["rows"][0] == {"row": 2, "contact": first}
    assert (found["rows"][1]["problem"]["code"], found["rows"][1]["problem"]["column"]) == ("unreadablePhone", "전화번호")
    assert [r["row"] for r in found["rows"]] == [2, 3, 4, 6, 7]
    assert await shop.world.files.there() == set()
    assert await shop.world.count("select count(*) from job") == 0


async def test_cells_right_of_the_headings_are_told_in_a_text_and_left_out_of_a_workbook(shop: Importing) -> None:
    rows = [["회원번호", "이름"], ["m1", "김", "서울"]]
    text, book = await shop.send(tables.text(rows)), await shop.send(tables.workbook(rows))
    await shop.work()
    assert told(await shop.report(text)) == [(2, "refused", "tooManyCells")]
    assert told(await shop.report(book)) == [(2, "made", None)]


async def test_what_a_row_did_not_write_is_told_in_its_report_and_counted(shop: Importing) -> None:
    world, caller = shop.world, shop.caller
    await world.contacts.upsert(caller, "m1", {"profile": {"firstReferrer": "ad", "memo": "a"}}, None)
    await world.fields.archive(caller, "profile.memo")
    headings = ["회원번호", "이름", "profile.firstReferrer", "메모", "휴대폰"]
    rows = [
        ["m1", "김", "else", "b", ""], ["m1", "김", "ad", "", ""], ["m2", "이", "new", "", ""], ["m2", "이", "other", "", ""],
        ["m3", "박", "x", "y", "12"],
    ]  # fmt: skip
    import_id = await shop.send(table(*rows, headings=headings), mapping='{"메모": "profile.memo"}')
    await shop.work()
    report = await shop.report(import_id)
    once, archived = {"key": "profile.firstReferrer", "reason": "once"}, {"key": "profile.memo", "reason": "archived"}
    assert [(r["status"], r.get("notWritten")) for r in report] == [
        ("changed", [once, archived]), ("unchanged", None), ("made", None), ("unchanged", [once]), ("refused", None),
    ]  # fmt: skip
    shown = await shop.shown(import_id)
    assert (shown["done"], shown["notWritten"]) == (5, 2)
    text = b"".join([piece async for piece in shop.commands.report(await shop.job(import_id), None)]).decode("utf-8-sig")
    assert [line[-1] for line in csv.reader(text.splitlines())] == [
        "notWritten", "profile.firstReferrer: once, profile.memo: archived", "", "", "profile.firstReferrer: once", "",
    ]  # fmt: skip


async def test_characters_that_no_text_may_have_stop_a_row_and_not_the_import(shop: Importing) -> None:
    escaped = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in ("m1", "_xD800_", "김"))
    named = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in ("memberId", "이_x0001_름", "_xD83D_메모"))
    pair = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in ("m2", "_xD83D__xDE00_", "a_x0002_b"))
    import_id = await shop.send(tables.sheet(f"<row>{named}</row><row>{escaped}</row><row>{pair}</row>"))
    text = tables.text([["memberId", "이\0름", "x" * 300], ["m3", "a\0b", "1"], ["m4", "b", "2"]], "utf-16 little-endian")
    other = await shop.send(text, mapping=orjson.dumps({"x" * 300: "profile.long"}).decode())
    third = await shop.send(tables.text([["memberId", "name"], ["m5", "a\0b"], ["m6", "c"]]))
    await shop.work()
    assert told(await shop.report(third)) == [(2, "refused", "badCharacter"), (3, "made", None)]
    assert told(await shop.report(import_id)) == [(2, "refused", "brokenCell"), (3, "made", None)]
    assert told(await shop.report(other)) == [(2, "refused", "badCharacter"), (3, "made", None)]
    assert [(r["problem"] and r["problem"]["column"]) for r in await shop.report(other)] == ["이름", None]
    assert sorted((c.member_id, c.name) for c in await shop.contacts()) == [("m2", "😀"), ("m4", "b"), ("m6", "c")]
    (name,) = [d.display_name["ko"] for d in await shop.world.field_queries.fields("shop") if d.key == "profile.long"]
    assert set(name) == {"x"}
