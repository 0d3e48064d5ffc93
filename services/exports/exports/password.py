"""What a file's password must be."""

import re

from common.errors import Unprocessable

LEAST, MOST = 6, 255
_LETTER, _DIGIT, _SYMBOL = re.compile(r"[A-Za-z]"), re.compile(r"[0-9]"), re.compile(r"[!-/:-@\[-`{-~]")


def check_password(password: str) -> None:
    """Raises Unprocessable unless it has ASCII letters, digits and symbols, all three, and 6 to 255 characters."""
    strong = all(kind.search(password) for kind in (_LETTER, _DIGIT, _SYMBOL))
    if not strong or not LEAST <= len(password) <= MOST:
        raise Unprocessable(
            f"A password needs letters (A-Z, a-z), digits and symbols, all three, and {LEAST} to {MOST} characters.",
            code="weakPassword",
            pointer="/password",
        )
