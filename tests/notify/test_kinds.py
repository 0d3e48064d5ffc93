"""What each kind is sent: its service takes it, and nothing that somebody typed calls anybody, links anywhere or is markup."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from standardwebhooks.webhooks import Webhook

from common.language import ENGLISH, KOREAN
from notify.kinds import discord, matrix, mattermost, slack, teams, webhook
from notify.kinds.kind import Kind, pace
from notify.kinds.message import EVENTS, Message
from notify.kinds.plain import MARK, escaped, fitted, plain, units
from notify.kinds.rendering import call, wait_asked
from notify.sending.address import read_url
from notify.sending.answer import Answer
from tests.support.chats import CHATS, PATHS, SECRET, SECRETS
from tests.support.outside import Taken

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
LINK = "https://dangol.example/exports/019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11"
OUTSIDE = [Kind(name) for name in CHATS]
MARKDOWN = MarkdownIt("commonmark", {"linkify": True, "html": True}).enable(["linkify", "strikethrough", "table"])

TRICKS = [
    "<!channel>", "<!here|x>", "<!everyone>", "<@U0123>", "<#C0123>", "@everyone", "@here", "@channel", "@all", "@kim", "@room",
    "<@&1>", "<@!1>", "</ban:1>", "<t:1:R>", "<:skull:1>", ":skull:", ":+1:", "@\u200beveryone", "<\u200b!channel>",
    "\u2060<!channel\u200b>", "＠everyone", "[x](http://evil.com)", "![x](http://evil.com/a.png)", "[x]: http://evil.com",
    "http://evil.com", "HTTPS://evil.com/a?b", "www.evil.com", "evil.com", "evil。com", "ev\u200bil.c\u200bom", "kim@evil.com",
    "mailto:kim@evil.com", "//evil.com/x", "<http://evil.com|safe>", "<https://evil.com>", "javascript:alert(1)",
    "ftp://evil.com", "http://127.0.0.1/", "http:\u200b//evil.com", "http:/\u2060/evil.com", "*b*", "**b**", "_i_", "__u__",
    "~s~", "~~s~~", "`c`", "```c```", "||spoiler||", "> quote", ">>> quote", "# head", "-# small", "#tag", "- item", "* item",
    "+ item", "1. item", "1) item", "---", "===", "| a | b |\n|---|---|\n| c | d |", "a  \nb", "line\n# head", "    code",
    "<script>alert(1)</script>", "<b>x</b>", "&lt;!channel&gt;", "&#64;everyone", "\\*b\\*", "\\",
    "{{DATE(2026-11-24T00:00:00Z)}}", "${x}", "~town-square", "$x^2$", "$$x$$", "\u202egnp.exe", "a\0b", "\x1b[31m", "!",
]  # fmt: skip
typed = st.text(max_size=60) | st.lists(st.sampled_from(TRICKS) | st.text(max_size=8), max_size=6).map(" ".join)
jammed = st.lists(st.sampled_from(TRICKS) | st.text("@<>!|#:/.\\*_`~[]()x1 \u200b\u2060", max_size=4), max_size=8).map("".join)


def message(text: str, language: Any = KOREAN, link: str | None = LINK) -> Message:
    return Message("019a1f0e", "export.ready", AT, language, text, link, {"rows": 3})


def arrived(kind: Kind, told: Message) -> Taken:
    made = call(kind, read_url(f"https://chat.example{PATHS[kind]}"), SECRETS.get(kind), told, datetime.now(UTC))
    headers = {"content-type": "application/json"} | {name.lower(): value for name, value in made.headers.items()}
    return Taken(made.method, made.target.path, headers, made.body)


@pytest.mark.parametrize("kind", OUTSIDE)
@settings(max_examples=30)
@given(
    text=typed | jammed | st.text(min_size=3000, max_size=9000),
    language=st.sampled_from([KOREAN, ENGLISH]),
    link=st.sampled_from([LINK, None]),
)
def test_whatever_was_typed_each_service_takes_it(kind: Kind, text: str, language: Any, link: str | None) -> None:
    reply = CHATS[kind](arrived(kind, message(f"방 {text}", language, link)))
    assert 200 <= reply.status < 300


@pytest.mark.parametrize("kind", OUTSIDE)
@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_a_title_in_both_languages(kind: Kind, event: str) -> None:
    for language in (KOREAN, ENGLISH):
        told = replace(message("x", language), event=event)
        assert CHATS[kind](arrived(kind, told)).status < 300
        assert told.title.isascii() == (language == ENGLISH)


def test_a_text_that_is_too_long_is_cut_with_a_mark_and_its_link_stays() -> None:
    long = message("**" + "가😀_" * 9000)
    assert slack.body(long)["blocks"][0]["text"]["text"].endswith(MARK)
    assert teams.body(long)["attachments"][0]["content"]["body"][0]["inlines"][0]["text"].endswith(MARK)
    for text in (mattermost.body(long)["text"], discord.body(long)["content"], matrix.body(long)["body"]):
        assert f"{MARK}\n" in text
        assert LINK in text


@given(st.text(max_size=300), st.integers(1, 60))
def test_what_is_fitted_is_no_longer_than_it_may_be_and_whole_where_it_can_be(text: str, most: int) -> None:
    line = plain(text)
    written = fitted(line, most, escaped)
    assert units(written) <= max(most, units(MARK))
    assert (written == escaped(line)) == (units(escaped(line)) <= most)


# -- nothing typed is more than a text


@given(typed | jammed)
def test_a_plain_text_calls_nobody_and_is_no_address_and_one_line(text: str) -> None:
    line = plain(text)
    assert not re.search(r"@|//|\s{2}|[\n\r\t\0]", line)
    assert line.isprintable()
    assert plain(line) == line
    assert MARKDOWN.linkify is not None
    assert not MARKDOWN.linkify.test(line)


@given(typed | jammed)
def test_an_escaped_text_is_text_to_whoever_reads_markdown(text: str) -> None:
    line = escaped(plain(text))
    tokens = MARKDOWN.parse(line)
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    parts = [part for token in tokens for part in token.children or []]
    assert {part.type for part in parts} <= {"text", "text_special"}
    shown = "".join(part.content for part in parts)
    assert not re.search(r"[@<#]|:[\w+-]+:|&\w+;|//", shown)


def test_the_judge_of_what_is_a_link_or_markup_knows_them() -> None:
    linkify = MARKDOWN.linkify
    assert linkify is not None
    assert all(map(linkify.test, ["evil.com", "a www.evil.com", "kim@evil.com", "HTTP://127.0.0.1/", "//evil.com/x"]))
    assert len(MARKDOWN.parse("*b* evil.com")[1].children or []) > 3


@given(typed | jammed)
def test_slack_is_given_what_was_typed_where_it_interprets_nothing(text: str) -> None:
    told = slack.body(message(text or "x"))
    first, link = told["blocks"]
    assert (first["text"]["type"], first["text"]["emoji"]) == ("plain_text", False)
    assert link["text"]["text"] == f"<{LINK}|열기>"
    assert told["text"] == "엑셀 파일이 준비되었습니다"


@given(typed | jammed)
def test_teams_is_given_a_run_of_text_without_expressions(text: str) -> None:
    [attachment] = teams.body(message(text))["attachments"]
    [block] = attachment["content"]["body"]
    [run] = block["inlines"]
    assert (block["type"], run["type"], set(run)) == ("RichTextBlock", "TextRun", {"type", "text"})
    assert not re.search(r"[{}@]|//", run["text"])


@given(typed | jammed)
def test_matrix_is_given_plain_text_alone_and_mentions_nobody(text: str) -> None:
    told = matrix.body(message(text, link=None))
    assert (told["msgtype"], told["m.mentions"], "formatted_body" in told) == ("m.notice", {}, False)
    assert "@" not in told["body"]


def test_discord_is_told_to_mention_nobody() -> None:
    assert discord.body(message("@everyone"))["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("VIP_2026 (서울)", "VIP_2026 (서울)"), ("3.5% of 1,234", "3.5% of 1,234"), ("kim@shop.com", "kim＠shop․com"),
        ("Done. Next", "Done. Next"), ("a\r\n b", "a b"), ("http://x.com/a", "http:∕∕x․com/a"),
    ],
)  # fmt: skip
def test_what_is_harmless_stays_as_it_was_typed(typed: str, shown: str) -> None:
    assert plain(typed) == shown


# -- Standard Webhooks


def test_the_public_vector_of_standard_webhooks_is_signed_as_it_should_be() -> None:
    at = datetime.fromtimestamp(1_614_265_330, UTC)
    headers = webhook.signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.binary(min_size=24, max_size=64), st.text("abc-019", min_size=1), typed)
def test_the_library_of_standard_webhooks_accepts_what_is_signed(key: bytes, id_: str, text: str) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    told = replace(message(text), id=id_)
    made = call(Kind.WEBHOOK, read_url("https://hooks.example/"), secret, told, datetime.now(UTC))
    heard = Webhook(secret).verify(made.body, dict(made.headers))
    assert heard["type"] == "export.ready"
    assert heard["data"]["rows"] == 3


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "s3cret", "whsec_" + "QUFB" * 40, "whsec_방"])
def test_a_secret_of_another_form_is_none(secret: str) -> None:
    with pytest.raises(ValueError):
        webhook.key_of(secret)


# -- how fast, and how long to wait


def test_every_kind_has_a_pace() -> None:
    assert all(pace(kind).at_once >= 1 for kind in Kind)
    assert {kind for kind in Kind if pace(kind).seconds == 0} == {Kind.WEBHOOK, Kind.ROOM}


@pytest.mark.parametrize(
    ("kind", "headers", "body", "seconds"),
    [
        (Kind.SLACK, {"retry-after": "30"}, b"rate_limited", 30),
        (Kind.SLACK, {}, b"", None),
        (Kind.DISCORD, {"retry-after": "1"}, b'{"retry_after": 64.57, "global": false}', 64.57),
        (Kind.DISCORD, {}, b'{"retry_after": -1}', None),
        (Kind.DISCORD, {}, b"[1]", None),
        (Kind.MATRIX, {}, b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2000}', 2),
        (Kind.MATRIX, {"retry-after": "5"}, b'{"retry_after_ms": 2000}', 5),
        (Kind.WEBHOOK, {"retry-after": "999999999"}, b"", 86400),
    ],
)
def test_how_long_each_asks_to_wait(kind: Kind, headers: dict[str, str], body: bytes, seconds: float | None) -> None:
    assert wait_asked(kind, Answer(429, headers, body), AT) == seconds


@pytest.mark.parametrize(
    ("path", "is_room"),
    [
        ("/_matrix/client/v3/rooms/!abc:matrix.example", True),
        ("/_matrix/client/v3/rooms/%21abc%3Amatrix.example/send/m.room.message", True),
        ("/_matrix/client/r0/rooms/!abc/", True),
        ("/", False),
        ("/_matrix/client/v3/rooms/#abc:matrix.example", False),
        ("/_matrix/client/v3/rooms/!abc/leave", False),
        ("/_matrix/client/v3/rooms/!a/../b", False),
    ],
)
def test_which_addresses_are_rooms_of_matrix(path: str, is_room: bool) -> None:
    assert matrix.is_room(path) == is_room


def test_an_attempt_that_is_made_again_is_known_by_its_id() -> None:
    first, second = (arrived(Kind.MATRIX, message("x")).path for _ in range(2))
    assert first == second
    assert first.endswith("/rooms/%21abc%3Amatrix.example/send/m.room.message/019a1f0e")
    later = datetime.now(UTC) + timedelta(minutes=1)
    made = call(Kind.WEBHOOK, read_url("https://hooks.example/"), SECRET, message("x"), later)
    assert made.headers["webhook-id"] == "019a1f0e"
    assert json.loads(made.body)["timestamp"] == "2026-11-24T03:00:00.000Z"
