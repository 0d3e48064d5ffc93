"""The page of a link, taken apart as a browser does: what stands on it in each state, and that no text becomes more than text."""

import base64
import hashlib
import re
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as change

from exports.events import Column, Event, Failed, PutBack, Revoked
from exports.export import IN_WORK, KEPT, Status
from exports.link.facts import MOST_NAME, Facts, facts_of
from exports.link.rendering import Pages, Refusal
from exports.link.words import ENGLISH, KOREAN, Said, words_of
from tests.exports.test_export import ALLOWED_ONLY, APPROVED, AT, COUNTING, DECLINED, ID, LIVES, READY, REQUESTED, after
from tests.support.pages import Element, read_page

PAGES = Pages("https://dangol.example/")
LANGUAGES: list[Any] = ["ko", "en"]
NASTY = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</bdi></dd></main><form action=//evil>", "{{ 7 * 7 }}{% x %}",
    "<!--", "]]>", "&lt;b&gt;", "a\u202ekcatta\u2066\u200f", "x" * 10_000, "\ufeff\u200b", "김\u0000철\u0007수\n\n둘째 줄",
    "`'\"&<>", "\ud7ff😀" * 300, "",
]  # fmt: skip
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(events: list[Event], *, days: int = 0) -> Facts:
    """What anybody sees of an export so many days after it was asked for."""
    return facts_of(after(events), AT + timedelta(days=days))


def page(facts: Facts, language: Any = "en") -> Element:
    return read_page(PAGES.of_export(ID, facts, language))


def refused(status: int, code: str, export_status: str | None = None, language: Any = "en") -> Element:
    return read_page(PAGES.of_refusal(ID, Refusal(status, code, "What <b>went</b> wrong.", export_status), language))


def every_page(language: Any) -> list[Element]:
    """One of each."""
    refusals = [refused(status, "x", language=language) for status in (400, 401, 403, 404, 409, 410, 416, 429, 500, 503)]
    told = [refused(409 if status in IN_WORK else 410, "x", status, language) for status in LIVES]
    nothing = read_page(PAGES.of_nothing(language))
    return [*(page(shown(events), language) for events in LIVES.values()), nothing, *refusals, *told]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_one_that_anybody_can_read_and_that_runs_and_loads_nothing(language: Any) -> None:
    policy = PAGES.headers(language)["Content-Security-Policy"]
    for root in every_page(language):
        assert root.attributes == {"lang": language}
        assert [e.attributes for e in root.all("meta")][:2] == [
            {"charset": "utf-8"}, {"name": "viewport", "content": "width=device-width, initial-scale=1"},
        ]  # fmt: skip
        assert root.one("title").text.endswith(words_of(language).title)
        assert root.one("main").one("h1").text == words_of(language).title
        assert not {e.tag for e in root} & {"script", "img", "iframe", "link", "base", "input", "object", "svg"}
        names = {name for e in root for name in e.attributes}
        assert not [name for name in names if name.startswith("on") or name in {"style", "src", "srcset", "background"}]
        style = root.one("style").children[0]
        assert isinstance(style, str)
        assert not re.search(r"url\(|@import", style)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy.split("; ")[:5] == [
            "default-src 'none'", f"style-src 'sha256-{digest}'", "form-action 'self'", "base-uri 'none'",
            "frame-ancestors 'none'",
        ]  # fmt: skip
        assert [e.attributes["href"] for e in root.all("a")] in ([], [f"/exports/{ID}"])
        assert all(e.text for e in root if e.tag in {"a", "button", "summary", "dt", "dd", "p", "h1", "li", "time"})
    assert PAGES.headers(language)["Cache-Control"] == "no-store"
    assert PAGES.headers(language)["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", LIVES)
def test_each_state_says_what_it_is_and_only_a_file_that_is_there_has_a_button(status: Status, language: Any) -> None:
    root, words = page(shown(LIVES[status]), language), words_of(language)
    said = words.state(status)
    assert root.one("main").all("p")[0].text == said.label
    assert said.sentence in [p.text for p in root.all("p")]
    assert root.facts()[words.asked_by] == "kim"
    forms = [(f.attributes, f.one("button").attributes, f.one("button").text) for f in root.all("form")]
    button = {"method": "post", "action": f"/v1/exports/{ID}/download"}, {"type": "submit"}, words.download
    assert forms == ([button] if status is Status.READY else [])
    assert [e.text for e in root.all("code")] == (
        [f'curl -fOJ -X POST -H "Authorization: Bearer $TOKEN" https://dangol.example/v1/exports/{ID}/download']
        if status is Status.READY else []
    )  # fmt: skip
    steps = [("aria-current" in li.attributes, li.attributes.get("class")) for ol in root.all("ol") for li in ol.all("li")]
    assert steps == {
        Status.WAITING: [(False, None)] * 3,
        Status.COUNTING: [(True, None), (False, None), (False, None)],
        Status.WRITING: [(False, "done"), (True, None), (False, None)],
        Status.VERIFYING: [(False, "done"), (False, "done"), (True, None)],
    }.get(status, [])
    assert [a.text for a in root.all("a")] == ([words.again] if status in IN_WORK else [])


def test_the_facts_are_who_when_how_many_which_columns_and_until_when_in_the_channels_zone() -> None:
    assert page(shown(READY)).facts() == {
        "Asked for by": "kim", "Asked for on": "Tue 24 November 2026, 12:00 (Asia/Seoul)", "Contacts": "3", "Columns": "id",
        "Available until": "Tue 1 December 2026, 12:00 (Asia/Seoul)",
    }  # fmt: skip
    assert page(shown(READY), "ko").facts() == {
        "요청한 매니저": "kim", "요청한 때": "2026년 11월 24일 (화) 12:00 (Asia/Seoul)", "고객 수": "3", "항목": "id",
        "받을 수 있는 기한": "2026년 12월 1일 (화) 12:00 (Asia/Seoul)",
    }  # fmt: skip
    [asked, until] = page(shown(READY)).all("time")
    assert (asked.attributes["datetime"], until.attributes["datetime"]) == (
        "2026-11-24T12:00:00+09:00", "2026-12-01T12:00:00+09:00",
    )  # fmt: skip
    elsewhere = [change(REQUESTED, time_zone="America/New_York"), *READY[1:]]
    assert page(shown(elsewhere)).facts()["Asked for on"] == "Mon 23 November 2026, 22:00 (America/New_York)"


def test_how_far_it_is_and_who_decided_or_revoked_is_told() -> None:
    assert page(shown(LIVES[Status.WRITING])).facts()["Contacts written"] == "0"
    assert "Contacts" not in page(shown(COUNTING)).facts()
    assert page(shown(APPROVED)).facts() | {"Asked for on": ""} == {
        "Asked for by": "kim", "Asked for on": "", "Approved by": "lee", "Contacts": "3", "Columns": "id",
    }  # fmt: skip
    assert page(shown(DECLINED)).facts()["Declined by"] == "lee"
    assert page(shown([*READY, Revoked(by="eye")])).facts()["Revoked by"] == "eye"
    assert "Revoked by" not in page(shown([*READY, Revoked()])).facts()
    failed = page(shown([*COUNTING, Failed(problem="Search was away.")]), "ko")
    assert [span.text for span in failed.all("span") if span.attributes == {"lang": "en"}] == ["Search was away."]


def test_why_it_failed_and_what_it_waits_for_is_told_in_the_readers_language() -> None:
    failed = shown([*COUNTING, Failed(problem="No.", problem_ko="안 됩니다.")])
    waits = shown([*COUNTING, PutBack(spared=True, problem="No.", problem_ko="안 됩니다.")])
    for facts in (failed, waits):
        assert [span.text for span in page(facts, "ko").all("span") if span.attributes == {"lang": "ko"}] == ["안 됩니다."]
        assert [span.text for span in page(facts, "en").all("span") if span.attributes == {"lang": "en"}] == ["No."]


def test_a_file_is_gone_at_the_very_end_of_its_seven_days_whether_or_not_the_keeper_has_come() -> None:
    export = after(READY)
    assert facts_of(export, AT + KEPT - timedelta(milliseconds=1)).status is Status.READY
    over = facts_of(export, AT + KEPT)
    assert over.status is Status.EXPIRED
    assert page(over).facts()["Was available until"] == "Tue 1 December 2026, 12:00 (Asia/Seoul)"
    assert facts_of(after(LIVES[Status.AWAITING_APPROVAL]), AT + KEPT).status is Status.AWAITING_APPROVAL


def test_what_a_person_wrote_freely_is_on_no_page() -> None:
    typed = change(ALLOWED_ONLY[0], reason="for <b>김철수</b>")
    for events in LIVES.values():
        told = PAGES.of_export(ID, shown([typed if events[0] in (REQUESTED, *ALLOWED_ONLY) else events[0], *events[1:]]), "en")
        assert not [words for words in ("김철수", "a greeting", "Ask for fewer") if words in told]


def nasty_life(text: str) -> list[Event]:
    columns = [Column(key="id", type="String", heading=text)]
    return [change(REQUESTED, by=text, columns=columns), *READY[1:], Revoked(by=text)]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_name_becomes_more_than_a_short_text(text: str, language: Any) -> None:
    nasty, plain = page(shown(nasty_life(text)), language), page(shown(nasty_life("plain")), language)
    assert nasty.skeleton == plain.skeleton
    assert not BIDI & set(nasty.text)
    names = [e.text for e in nasty.all("bdi")]
    assert len(names) == 3
    assert all(len(name) <= MOST_NAME for name in names)
    if 0 < len(text) < MOST_NAME and text.isprintable() and not BIDI & set(text):
        assert {name.replace(" ", "") for name in names} == {text.replace(" ", "")}


@given(st.text(max_size=300))
def test_whatever_a_name_is_the_page_has_the_same_elements(text: str) -> None:
    assert page(shown(nasty_life(text))).skeleton == page(shown(nasty_life("plain"))).skeleton


def test_many_columns_are_folded_up() -> None:
    columns = [Column(key=f"k{n}", type="String", heading=f"Column {n}") for n in range(500)]
    root = page(shown([change(REQUESTED, columns=columns), *READY[1:]]))
    folded = root.all("details")[0]
    assert "open" not in folded.attributes
    assert folded.one("summary").text == "Show all 500"
    assert [li.text for li in folded.all("li")] == [f"Column {n}" for n in range(500)]
    few = page(shown([change(REQUESTED, columns=columns[:3]), *READY[1:]]))
    assert few.facts()["Columns"] == "Column 0 , Column 1 , Column 2"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_says_what_to_do_and_leads_back(language: Any) -> None:
    words = words_of(language)
    for status, said in (
        (401, words.sign_in), (403, words.not_yours), (404, words.nothing), (410, words.gone), (429, words.busy),
        (500, words.busy), (503, words.busy), (416, words.other),
    ):  # fmt: skip
        root = refused(status, "x", language=language)
        assert root.one("main").all("p")[0].text == said.label
        assert said.sentence in [p.text for p in root.all("p")]
        assert [a.text for a in root.all("a")] == [words.back]
        assert ("What <b>went</b> wrong." in root.text) == (status == 416)
        assert len(root.all("code")) == (status == 401)
    for each in Status:
        assert words.state(each).sentence in refused(410, "gone", each, language).text
    assert refused(409, "x", "unheardOf", language).all("p")[1].text == words.other.label


def test_every_sentence_is_there_in_both_languages() -> None:
    assert set(KOREAN.states) == set(ENGLISH.states) == set(Status)
    for words in (KOREAN, ENGLISH):
        for each in fields(words):
            value = getattr(words, each.name)
            texts = (
                [value.label, value.sentence] if isinstance(value, Said) else [value] if isinstance(value, str) else list(value)
            )
            assert all(texts)
    assert KOREAN.download != ENGLISH.download


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_text_can_be_told_from_its_ground_in_the_light_and_in_the_dark() -> None:
    style = page(shown(READY)).one("style").text
    light, dark = (
        dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", part)) for part in style.split("prefers-color-scheme: dark")[:2]
    )
    assert light.keys() == dark.keys()
    pairs = [("text", "surface"), ("text2", "surface"), ("text2", "ground"), ("text", "sunken"), ("on-accent", "accent"),
             ("on-accent", "accent-hover"), ("on-tint", "tint"), ("ok", "ok-tint"), ("warn", "warn-tint"),
             ("danger", "danger-tint")]  # fmt: skip
    for theme in (light, dark):
        for ink, ground in pairs:
            brighter, darker = sorted((_luminance(theme[ink]), _luminance(theme[ground])), reverse=True)
            assert (brighter + 0.05) / (darker + 0.05) >= 4.5, (ink, ground)
