"""Values of built-in fields: which are taken, how they are kept, and what may be there from before a rule was so. Pure."""

import re
from collections.abc import Mapping

from pydantic import JsonValue

from common.built_ins import BUILT_INS
from common.email_address import InvalidEmail, read_email
from common.errors import Unprocessable
from common.fields import FieldType
from common.invisible import has_invisible
from common.phone import UnreadablePhone, read_phone
from contacts.profile_field import text
from contacts.tags import check_count, read_tags

_NOTHING: Mapping[FieldType, JsonValue] = {FieldType.BOOLEAN: False, FieldType.LIST: []}
_NOTHING_OF = {key: _NOTHING.get(field.type) for key, field in BUILT_INS.items()}
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?", re.IGNORECASE)
_MOST_ADDRESS = 2048
# Numbers were kept before they were read by their plan, addresses before they were checked and looked through.
_KEPT_BEFORE = {
    **dict.fromkeys((key for key, field in BUILT_INS.items() if field.type is FieldType.PHONE), re.compile(r"\+[0-9]{5,15}")),
    "email": re.compile(r"[^\s@]{1,64}@[^\s@]{1,189}"),
    "avatarUrl": _WEB_ADDRESS,
}


def read_built_in(key: str, value: object, country: str, pointer: str) -> JsonValue:
    """The value of a built-in field as it is kept. Raises Unprocessable."""
    kind = BUILT_INS[key].type
    if kind is FieldType.LIST:
        tags = read_tags([] if value is None else value, pointer)
        check_count(tags, pointer)
        return list(tags)
    if value is None:
        return nothing_of(key)
    if kind is FieldType.BOOLEAN:
        if not isinstance(value, bool):
            raise Unprocessable("This must be true or false.", code="wrongType", pointer=pointer)
        return value
    if not isinstance(value, str):
        raise Unprocessable("This must be a text, or null to clear it.", code="wrongType", pointer=pointer)
    kept = text(value, pointer)
    if kept is None:
        return None
    if kind is FieldType.PHONE:
        return _phone(kept, country, pointer)
    if kind is FieldType.EMAIL:
        return _email(kept, pointer)
    return _web_address(kept, pointer) if key == "avatarUrl" else kept


def _phone(written: str, country: str, pointer: str) -> str:
    try:
        return read_phone(written, country)
    except UnreadablePhone:
        raise Unprocessable(
            "This is no phone number that can be read; write it with its country code, such as +82 10 1234 5678.",
            code="unreadablePhone",
            pointer=pointer,
        ) from None


def _email(written: str, pointer: str) -> str:
    try:
        return read_email(written)
    except InvalidEmail:
        raise Unprocessable(
            "This is no e-mail address; write the address alone, such as kim@example.com.",
            code="invalidEmail",
            pointer=pointer,
        ) from None


def _web_address(written: str, pointer: str) -> str:
    address = written.strip()
    if len(address) > _MOST_ADDRESS or has_invisible(address) or _WEB_ADDRESS.fullmatch(address) is None:
        # A console puts it into a page: of a javascript: or data: address that would be somebody's program.
        detail = f"This must be an http or https address of {_MOST_ADDRESS:,} characters at most."
        raise Unprocessable(detail, code="invalidUrl", pointer=pointer, extra={"most": _MOST_ADDRESS})
    return address


def may_be_from_before(key: str, value: object) -> bool:
    """Whether the field may have taken the value when it was judged by an older rule."""
    form = _KEPT_BEFORE.get(key)
    return form is not None and isinstance(value, str) and form.fullmatch(value) is not None


def nothing_of(key: str) -> JsonValue:
    """What a built-in field holds before anybody gives it a value."""
    return _NOTHING_OF[key]
