"""What a file's password must be."""

import re

from common.errors import Unprocessable

LEAST, MOST = 6, 255
_LETTER, _DIGIT, _SYMBOL = re.compile(r"[A-Za-z]"), re.compile(r"[0-9]"), re.compile(r"[!-/:-@\[-`{-~]")


def check_password(password: str) -> None:
    """Raises Unprocessable unless it has ASCII letters, digits and symbols, all three, and 6 to 255 characters.

    The most is counted as Excel counts it, in UTF-16 units. Tabs and new lines are refused: its box takes none.
    """
    strong = all(kind.search(password) for kind in (_LETTER, _DIGIT, _SYMBOL)) and not {"\t", "\n"} & set(password)
    if not strong or len(password) < LEAST or len(password.encode("utf-16-le")) // 2 > MOST:
        raise Unprocessable(
            f"A password needs letters (A-Z, a-z), digits and symbols, all three, and {LEAST} to {MOST} characters.",
            code="weakPassword",
            pointer="/password",
            extra={"least": LEAST, "most": MOST},
        )
