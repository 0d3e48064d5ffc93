"""Cursors that no list answers with: words, JSON of other shapes, and values that a database cannot hold."""

import base64


def _of(json: str | bytes) -> str:
    body = json if isinstance(json, bytes) else json.encode()
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


_ID = "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11"
_AT = "2026-01-01T00:00:00Z"

MADE_UP = (
    "nonsense", "!!!", "a", "한글", "a\u0000b", "A" * 4000, _ID + "0", "{" + _ID + "}",
    *(
        _of(json)
        for json in (
            "null", "{}", "[]", "5", '"a"', "[", "[null]", "[[]]", "[{}]", "[true]", "[1.5]", "[1e400]", "[-1]",
            "[9223372036854775808]", "[123456789012345678901234567890]", "[" * 2000, "[" * 900 + "]" * 900,
            '["a\\u0000b"]', '["' + _ID + 'x"]', '["{' + _ID + '}"]', '["' + _ID.replace("-", "") + '"]',
            f'["{_AT}","a\\u0000b"]', f'["{_AT}","\\uffff"]', f'["{_AT}","{_ID}",1]', f'["{_AT}",null]', f'["{_AT}",5]',
            '["0001-01-01T00:00:00+23:59","a"]', '["2026-02-30T00:00:00Z","a"]', '["2026-01-01","a"]',
            f'["0001-01-01T00:00:00+23:59","{_ID}"]', f'["\\u0000","{_ID}"]', f'[5,"{_ID}"]', f'{{"{_AT}":1,"{_ID}":2}}',
            b'["\xed\xa0\x80"]', b'["\xff"]', f'["{_AT}","\\ud800"]',
        )
    ),
)  # fmt: skip
