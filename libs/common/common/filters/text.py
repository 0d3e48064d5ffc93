"""How texts are compared: folded the same way wherever a filter is read, so that no two interpreters disagree."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers

# The property White_Space of Unicode. Python's own notion has the four C0 separators (1C to 1F) besides.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"

_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FIRST_SYLLABLE, _LAST_SYLLABLE, _PER_INITIAL = 0xAC00, 0xD7A3, 588


def fold(text: str) -> str:
    """NFC, full Unicode case folding (not Turkic), NFC again, without white space at both ends."""
    if text.isascii():
        return text.lower().strip(WHITE_SPACE)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip(WHITE_SPACE)


def is_blank(text: str) -> bool:
    """Whether a text is empty or white space alone: no value."""
    return not text.strip(WHITE_SPACE)


def initials(text: str) -> str:
    """The initial consonants of the Hangul syllables, all else skipped: 홍 길동! → ㅎㄱㄷ (Unicode 3.12, conjoining jamo)."""
    if text.isascii():
        return ""
    return "".join(
        _INITIALS[(ord(c) - _FIRST_SYLLABLE) // _PER_INITIAL]
        for c in unicodedata.normalize("NFC", text)
        if _FIRST_SYLLABLE <= ord(c) <= _LAST_SYLLABLE
    )


def is_initials(text: str) -> bool:
    """Whether a text is initial consonants and nothing else."""
    return bool(text) and all(c in _INITIALS for c in text)


_MAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+")
_LONGEST_MAIL = 254


def is_email(text: str) -> bool:
    """Whether a text is an e-mail address, as far as its form tells (RFC 5321's lengths)."""
    return len(text) <= _LONGEST_MAIL and _MAIL.fullmatch(text) is not None


class UnreadablePhone(ValueError):
    """No phone number can be read from the text."""


_USUAL_LENGTH = 20  # of a mobile number in one of its usual writings; the rules themselves refuse what is very long


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
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        raise UnreadablePhone("this is no phone number that can be read") from None
    # A number that is possible within a city only cannot be called from elsewhere: no E.164 stands for it.
    possible = phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not possible or parsed.extension:
        raise UnreadablePhone("this is no phone number that can exist")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


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
