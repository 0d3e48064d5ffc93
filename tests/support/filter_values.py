"""Values that sit on the edges of what the filters say, and contacts that have them."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from common.clock import to_wire
from tests.support import oracle

ZONES = [
    "Asia/Seoul", "America/New_York", "Africa/Cairo", "Asia/Beirut", "America/Santiago", "Australia/Lord_Howe",
    "Pacific/Apia", "UTC", "Europe/Oslo", "EST", "ROC", "Asia/Manila", "America/St_Johns",
]  # fmt: skip
FIELDS = {"grade": "string", "count": "number", "agreed": "boolean", "bought": "date", "born": "date", "sizes": "list"}
SEGMENTS = ("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11", "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c12")
TERM_SETS = {"names": "name", "phones": "mobileNumber", "tags": "tags", "mails": "email", "members": "memberId"}
LISTED = {
    "names": ["VIP", "straße", "one\ntwo", "l" * 8_000 + "m"],
    "phones": ["+821012345678", "+442079460958"],
    "tags": ["VIP", "x", "e" * 256],
    "mails": ["kim@example.com"],
    "members": ["Kim", "회원-1"],
}

TEXTS = [
    "a", "A", "VIP", "vip ", "\u3000vip\u00a0", "straße", "STRASSE", "ẞ", "ss", "İstanbul", "istanbul", "ısı", "ISI", "i",
    "é", "e\u0301", "E\u0301", "홍길동", "\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "까치", "홍 a길-동!", "ㅎㄱㄷ",
    "👩‍👩‍👧", "👩", "*", "?", "\\", '"', 'a*b?c\\d"e', "%_", "ﬁn", "FIN", "ΣΑΣ", "σας", "0", "false", "ǅ", "ᾳ",
    "a\u0345\u0301", "ǰ", "j", "ΐ", "ϊ", "one\ntwo", "one\r\ntwo", "one\u2028two", "two", "a\tb", "n" * 7_999 + "é",
    "L" * 8_000, "l" * 8_001, "L" * 8_000 + "m", "l" * 8_000 + "M", "ﬃ" * 2_667, "홍" * 9_999 + "\n", "l" * 10_000,
]  # fmt: skip
NO_TEXTS = ["", " ", "\u2028", "\t\u2003\n"]
INITIALS = ["ㅎ", "ㅎㄱㄷ", "ㄱㄷ", "ㄲ", "ㄱ", "ㄲㅊ"]
MAILS = [
    "kim@example.com", "KIM@Example.COM", "lee@sub.example.com", "straße@example.org", "a@b", "홍길동@예제.kr",
    "까치@example.com", "kim@naver.com,", "LEE@naver.com; ", "까\u200b치@example.com",
]  # fmt: skip
PHONES = ["+821012345678", "+821098765432", "+8221234567", "+8215881234", "+12125550100", "+819012345678", "+442079460958"]
ABROAD = ["+82 10-9876-5432", "+1 (212) 555-0100", "+81 90 1234 5678", "+44 (0)20 7946 0958"]
WRITINGS = {
    "KR": [*ABROAD, "010-1234-5678", "02) 123 4567", "1588-1234"],
    "US": [*ABROAD, "(212) 555-0100", "212.555.0100"],
    "JP": [*ABROAD, "090-1234-5678", "090 1234 5678"],
    "GB": [*ABROAD, "020 7946 0958", "(020) 7946-0958"],
}
PARTS = ["010", "1234", "82", "8210", "+82 10", "5678", "2125550100", "0", "020-7946"]
MEMBER_IDS = ["kim", "KIM", "m-1", "회원-1", "홍길동", "straße", "\ufeffKim", "회원-\u200b1"]
NUMBERS = [
    0, -0.0, 1, -1, 2, 2.0, 0.1, 0.30000000000000004, 1e300, -1e300, 5e-324, -5e-324, 2**53, 2**53 + 1, -(2**53) - 1, 10,
    1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308, 2**63, 10**18 + 1,
]  # fmt: skip
ELEMENTS = [
    "VIP",
    "vip",
    " Vip",
    "VIP/서울",
    "vip/",
    "새 손님",
    "straße",
    "STRASSE",
    "x",
    "x\ny",
    "x  y",
    "V\u00adIP",
    "é",
    "e\u0301",
    "e" * 256,
    "E" * 256,
]
MANY = [f"{number}/{'n' * 20}" for number in range(100)]  # as many as a list may have
WORDS = [
    "today", "yesterday", "tomorrow", "thisWeek", "lastWeek", "nextWeek", "thisMonth", "lastMonth", "nextMonth", "thisYear",
]  # fmt: skip
INSTANTS = [
    datetime.fromisoformat(text + "+00:00")
    for text in [
        "2026-11-24T03:00:00", "2024-02-29T00:00:00", "2024-02-28T23:59:59.999", "2024-03-01T00:00:00", "2000-02-29T12:00:00",
        "1999-12-31T15:00:00", "2027-01-01T00:00:00", "2026-03-08T06:59:59.999", "2026-03-08T07:00:00", "2026-11-01T05:00:00",
        "2026-11-01T06:00:00", "2026-11-23T15:00:00", "2028-02-28T15:00:00", "2026-03-28T22:00:00", "2026-04-24T00:00:00",
        "2026-09-06T04:00:00", "2026-04-05T03:00:00", "1970-01-01T00:00:00", "2025-12-28T15:00:00", "2026-12-31T15:00:00",
        "1969-12-31T23:59:59.999", "1964-07-14T22:30:00", "1908-03-31T15:32:00", "1900-02-28T23:59:59.999", "1900-03-01T00:00:00",
        "1844-12-31T08:00:00", "1600-02-29T12:00:00", "0004-02-29T12:00:00", "0001-01-01T00:00:00", "0001-01-01T00:00:00.001",
        "0001-01-02T12:00:00", "2038-01-19T03:14:08", "2100-02-28T23:59:59.999", "2400-02-29T00:00:00", "9996-02-29T11:00:00",
        "9999-12-30T12:00:00", "9999-12-31T14:59:59.999", "9999-12-31T23:59:59.999",
    ]
]  # fmt: skip
TYPES = {
    "id": "string", "memberId": "string", "name": "string", "avatarUrl": "string", "language": "string", "country": "string",
    "city": "string", "email": "email", "mobileNumber": "phone", "landlineNumber": "phone", "sessionsCount": "number",
    "member": "boolean", "blocked": "boolean", "unsubscribeEmail": "boolean", "unsubscribeTexting": "boolean",
    "unsubscribeAppPush": "boolean", "createdAt": "date", "updatedAt": "date", "firstSeenAt": "date", "lastSeenAt": "date",
    "web.os": "string", "web.sessionsCount": "number", "mobile.lastSeenAt": "date", "unsubscribeEmailUpdatedAt": "date",
    "tags": "list", **{f"profile.{key}": word for key, word in FIELDS.items()},
}  # fmt: skip
_BOOLEANS = [key for key, word in TYPES.items() if word == "boolean"]


def wire(instant: datetime) -> str:
    return to_wire(instant)


EARLIEST, LATEST = (oracle.instant(text) for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"))
WIRES = sorted(wire(instant) for instant in INSTANTS)
DAYS = sorted({text[:10] for text in WIRES})


def contacts() -> st.SearchStrategy[dict[str, Any]]:
    """A contact as the API shows it, each value there or not."""
    return st.randoms(use_true_random=False).map(_contact)


def population(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Contacts as the API shows them, each value there or not, many at once: the same for the same seed."""
    return [_contact(chance) for _ in range(count)]


def _contact(chance: random.Random) -> dict[str, Any]:
    def perhaps(pool: list[Any]) -> Any:
        return chance.choice([None, *pool])

    def elements() -> list[str]:
        return chance.sample(ELEMENTS, chance.choice([0, 1, 1, 2, 3, 4]))

    def instant() -> str:
        return chance.choice([chance.choice(WIRES), _any_instant(chance)])

    texts = [*TEXTS, *NO_TEXTS]
    return {
        "id": str(UUID(int=chance.getrandbits(128), version=4)),
        "memberId": perhaps([*MEMBER_IDS, *MEMBER_IDS]),
        "name": perhaps(texts),
        "avatarUrl": perhaps(texts),
        "language": perhaps(["ko", "KO", "en"]),
        "country": perhaps(["KR", "kr", "US"]),
        "city": perhaps(texts),
        "email": perhaps(MAILS),
        "mobileNumber": perhaps(PHONES),
        "landlineNumber": perhaps(PHONES),
        "sessionsCount": chance.choice([0, 1, 2, 10]),
        **{key: chance.choice([True, False]) for key in _BOOLEANS if "." not in key},
        "createdAt": instant(),
        "updatedAt": instant(),
        "firstSeenAt": perhaps([instant(), instant()]),
        "lastSeenAt": perhaps([instant(), instant()]),
        "unsubscribeEmailUpdatedAt": perhaps([instant()]),
        "web": {
            "os": perhaps(texts),
            "sessionsCount": chance.choice([0, 1, 2, 10]),
            "lastSeenAt": perhaps([instant()]),
            "seenAt": WIRES[0],
            "visitId": "v",
        },
        "mobile": {"sessionsCount": 0, "lastSeenAt": perhaps([instant(), instant()]), "seenAt": WIRES[0], "visitId": "v"},
        "tags": elements(),
        "profile": {
            "grade": perhaps(texts),
            "count": perhaps(NUMBERS),
            "agreed": perhaps([True, False]),
            "bought": perhaps([instant(), instant(), instant()]),
            "born": perhaps([instant(), instant(), instant()]),
            "sizes": perhaps([elements(), elements(), MANY]),
        },
    }


def _any_instant(chance: random.Random) -> str:
    """An instant of any year, most often of one that some living person remembers."""
    year = chance.choice([chance.randint(1890, 2100), chance.randint(1940, 2030), chance.randint(1, 9999)])
    return wire(datetime(year, 1, 1, tzinfo=UTC) + timedelta(milliseconds=chance.randrange(365 * oracle.UNITS["days"])))
