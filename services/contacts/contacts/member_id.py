"""What can be the id of a member: one person's, so nothing that an error gives to many, and nothing that looks like another's."""

import re
from typing import TypeGuard

from common.errors import Unprocessable
from common.invisible import has_invisible, unseen
from common.text_rules import allowed

_MOST = 64
_MEMBER_ID = re.compile(rf"\S{{1,{_MOST}}}")

# What programs write where there is no value: by name, as an empty pair, a nil UUID, a spreadsheet's error, or the name of a
# variable that a template left standing. In any case of letters.
_PLACEHOLDERS = frozenset({
    "undefined", "null", "nil", "none", "nan", "true", "false", "infinity", "-infinity", "n/a",
    "{}", "[]", "()", "<>", "\"\"", "''", "``", "{{}}", "${}", "[object",
    "#n/a", "#null!", "#ref!", "#value!", "#name?", "#num!", "#div/0!",
    "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "0" * 32,
})  # fmt: skip
_WRAPPED = re.compile(r"[(<\[{\"'`](undefined|null|nil|none|nan)[)>\]}\"'`]")
_OBJECT = re.compile(r"\[object[ _]?\w*\]")
_VARIABLE = re.compile(r"(\$\{|\{\{?|#\{|<%=?|%\{)[a-z_][a-z_.]*(\}\}?|%>)")

_OPENING = frozenset("(<[{\"'`$#%")
"""How each of these three begins: of all ids hardly one does."""


def is_member_id(value: object) -> TypeGuard[str]:
    """Whether somebody may be looked for by it: 1 to 64 characters without white space or control characters."""
    return isinstance(value, str) and _MEMBER_ID.fullmatch(value) is not None and allowed(value)


def is_placeholder(member_id: str) -> bool:
    """Whether only an error makes such an id: `undefined`, `null`, `{{user.id}}`."""
    word = member_id.casefold()
    return word in _PLACEHOLDERS or (
        word[:1] in _OPENING and any(form.fullmatch(word) for form in (_WRAPPED, _OBJECT, _VARIABLE))
    )


def check_member_id(value: object, pointer: str) -> str:
    """The value as the id of a member who is there, or may come to be (`check_new_member_id`). Raises Unprocessable."""
    if isinstance(value, str) and is_placeholder(value):
        raise Unprocessable(
            "This memberId is what a program writes where it has no id; it would make one contact of many people."
            " Send the id of the person, or no memberId.",
            code="placeholderMemberId",
            pointer=pointer,
        )
    if not is_member_id(value):
        detail = f"A memberId has 1 to {_MOST} characters, no white space and no control characters."
        raise Unprocessable(detail, code="invalidMemberId", pointer=pointer, extra={"most": _MOST})
    return value


def check_new_member_id(member_id: str, pointer: str) -> None:
    """Raises Unprocessable where nobody may be made under it. Members of before it was refused are still called by it."""
    if has_invisible(member_id):
        raise unseen("memberId", pointer)
