"""Telephone numbers: one reader for every way in. What is no digit is never dropped, nor turned into one; the plan is asked."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers

from common.invisible import without_invisible


class UnreadablePhone(ValueError):
    """No phone number can be read from the text."""


_USUAL_LENGTH = 20  # of a mobile number in one of its usual writings; the rules themselves refuse what is very long
_LONGEST = 100
_KOREA = 82
# What may stand between the digits: white space, dashes (Unicode's class Pd, and what keyboards have for them), dots, brackets.
# A new line parts two numbers, as every other sign does.
_BETWEEN = re.compile("[^\\S\n\v\f\r\x85\u2028\u2029]|[().\\[\\]\u00b7\u2212\u2500\u30fc\uff08\uff09\uff0e\uff3b\uff3d]")
_AREA = re.compile(r"[+0-9][-0-9]{1,6}/-*[0-9][-0-9]{4,}")  # an area code before a stroke, as it is written in some countries
_SHAPE = re.compile(r"\+?-*[0-9]+(-+[0-9]+)*")
_OF_A_FLOAT = re.compile(r"(\+?[0-9]{7,15})\.0+")
_OFTEN_AROUND = " \t\n\r\u3000,;'\u2019"  # separators of a list that it was taken from, and a spreadsheet's mark of a text


def read_phone(text: str, country: str) -> str:
    """A phone number in any writing as E.164, read by the country where it has no country code. Raises UnreadablePhone."""
    # By far the most that is read: a Korean mobile number with hyphens and blanks, which no rule can read otherwise.
    digits = text.replace("-", "").replace(" ", "")
    if len(text) <= _USUAL_LENGTH and digits.isascii():
        if len(digits) == 11 and digits.startswith("010") and country == "KR" and digits.isdigit():
            return "+82" + digits[1:]
        if len(digits) == 13 and digits.startswith("+8210") and digits[1:].isdigit():
            return digits
    return read_phone_by_rules(text, country)


def read_phone_by_rules(text: str, country: str) -> str:
    """The same by the numbering plans of all countries, thirty times slower."""
    written = _written(text)
    number = _parsed(written.replace("-", ""), country)
    begun, _, end = written.rpartition("-")
    if number is None or (number.country_code == _KOREA and len(end) < 4 and _stands_alone(begun, country)):
        raise UnreadablePhone("this is no phone number that can exist")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _written(text: str) -> str:
    """The text as ASCII digits with one sign for whatever parts them, perhaps a plus before. Raises UnreadablePhone."""
    plain = unicodedata.normalize("NFC", without_invisible(text)).strip(_OFTEN_AROUND)
    if plain[:4].lower() == "tel:":
        plain = plain[4:].strip(_OFTEN_AROUND)
    float_ = _OF_A_FLOAT.fullmatch(plain)
    if float_ is not None:  # a column of numbers that a data program once held as floats
        plain = float_[1]
    if len(plain) > _LONGEST:
        raise UnreadablePhone("this is too long for a phone number")
    written = "".join(map(_sign, plain)).strip("-")
    if _AREA.fullmatch(written) is not None:
        written = written.replace("/", "-")
    if _SHAPE.fullmatch(written) is None:
        raise UnreadablePhone("a phone number has digits and nothing beside it, no second number and no note")
    return written


def _sign(c: str) -> str:
    digit = unicodedata.decimal(c, None)
    if digit is not None:
        return str(digit)
    if c in "+\uff0b":
        return "+"
    if c in "/\uff0f":
        return "/"
    if _BETWEEN.match(c) is not None or unicodedata.category(c) == "Pd":
        return "-"
    raise UnreadablePhone("a phone number has digits and nothing beside it, no letters and no note")


def _parsed(digits: str, country: str) -> phonenumbers.PhoneNumber | None:
    """The number; None where no plan has it."""
    try:
        number = phonenumbers.parse(digits, country, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    # Digits that choose a carrier are no part of the number: seldom meant, and then it is another country's.
    carrier = number.preferred_domestic_carrier_code or ""
    return number if carrier in ("", str(number.country_code)) and _is_of_the_plan(number) else None


def _is_of_the_plan(number: phonenumbers.PhoneNumber) -> bool:
    # Korean mobile numbers are 010 and eight digits, whichever blocks are given out; the library also takes seven for them.
    national = phonenumbers.national_significant_number(number)
    if number.country_code == _KOREA and national.startswith("10"):
        return len(national) == 10
    return phonenumbers.is_valid_number(number)


def _stands_alone(begun: str, country: str) -> bool:
    """Whether what stands before the last digits is a number: then these are a second one's (02-123-4567 8)."""
    return _parsed(begun.replace("-", ""), country) is not None if begun else False


def digits_of(text: str) -> str:
    """The decimal digits of a text, whatever script they are written in, as ASCII digits."""
    return "".join(str(digit) for c in text if (digit := unicodedata.decimal(c, None)) is not None)


# The same number as it is kept; its forms are a matter of writing, and reading it by the rules is most of a document's cost.
_KEPT_KOREAN_MOBILE = re.compile(r"\+82(10[0-9]{8})")


def phone_forms(e164: str) -> tuple[str, str]:
    """The digits of the international form and of the national one: 821012345678 and 01012345678."""
    usual = _KEPT_KOREAN_MOBILE.fullmatch(e164)
    if usual is not None:
        return f"82{usual[1]}", f"0{usual[1]}"
    return phone_forms_by_rules(e164)


def country_code(e164: str) -> str:
    """The calling code's digits, `82`; empty where none can be read."""
    return "82" if _KEPT_KOREAN_MOBILE.fullmatch(e164) else country_code_by_rules(e164)


@lru_cache(maxsize=16_384)
def phone_forms_by_rules(e164: str) -> tuple[str, str]:
    """The forms by the numbering plans of all countries."""
    international = digits_of(e164)
    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return international, international
    return international, digits_of(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))


@lru_cache(maxsize=16_384)
def country_code_by_rules(e164: str) -> str:
    """The calling code by the same."""
    try:
        return str(phonenumbers.parse(e164, None).country_code or "")
    except phonenumbers.NumberParseException:
        return ""
