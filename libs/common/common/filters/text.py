"""How texts are compared: folded the same way wherever a filter is read, so that no two interpreters disagree."""

import unicodedata

import phonenumbers

_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FIRST_SYLLABLE, _LAST_SYLLABLE, _PER_INITIAL = 0xAC00, 0xD7A3, 588


def fold(text: str) -> str:
    """NFC, full Unicode case folding (not Turkic), NFC again, without white space at both ends."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip()


def initials(text: str) -> str:
    """The initial consonants of the Hangul syllables, all else skipped: 홍 길동! → ㅎㄱㄷ (Unicode 3.12, conjoining jamo)."""
    return "".join(
        _INITIALS[(ord(c) - _FIRST_SYLLABLE) // _PER_INITIAL]
        for c in unicodedata.normalize("NFC", text)
        if _FIRST_SYLLABLE <= ord(c) <= _LAST_SYLLABLE
    )


def is_initials(text: str) -> bool:
    """Whether a text is initial consonants and nothing else."""
    return bool(text) and all(c in _INITIALS for c in text)


class UnreadablePhone(ValueError):
    """No phone number can be read from the text."""


def read_phone(text: str, country: str) -> str:
    """A phone number in any writing as E.164, read by the country where it has no country code. Raises UnreadablePhone."""
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        raise UnreadablePhone("this is no phone number that can be read") from None
    if not phonenumbers.is_possible_number(parsed) or parsed.extension:
        raise UnreadablePhone("this is no phone number that can exist")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def digits_of(text: str) -> str:
    """The ASCII digits of a text."""
    return "".join(c for c in text if c in "0123456789")


def phone_forms(e164: str) -> tuple[str, str]:
    """The digits of the international form and of the national one: 821012345678 and 01012345678."""
    international = digits_of(e164)
    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return international, international
    return international, digits_of(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))


def country_code(e164: str) -> str:
    """The calling code's digits, `82`; empty where none can be read."""
    try:
        return str(phonenumbers.parse(e164, None).country_code or "")
    except phonenumbers.NumberParseException:
        return ""
