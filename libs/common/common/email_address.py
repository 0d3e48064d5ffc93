"""E-mail addresses: one rule for every way in, by RFC 5321, in letters of every language (SMTPUTF8, IDNA), asking no network."""

import re

from email_validator import EmailNotValidError, validate_email

from common.invisible import without_invisible


class InvalidEmail(ValueError):
    """The text is no e-mail address."""


_MOST_WRITTEN = 1000  # a name before the address, and notes
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_AROUND = ",; \t\n\v\f\r\x85\xa0\u2028\u2029\u202f\u3000"
_NAMED = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^<>"@,;]*|(?P<same>[^<>",;\s]+))\s*<(?P<address>[^<>]*)>')
_NOTE = re.compile(r"\A\([^()@]*\)|\([^()@]*\)\Z")
_SCHEME = re.compile(r"\Amailto:", re.IGNORECASE)
_QUOTED = re.compile(r"\A(?P<quote>[\"'`])(?P<address>[^\"'`]*)(?P=quote)\Z")

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?=[A-Za-z]){_LABEL}")
_LONGEST_DOMAIN = 253


def read_email(text: str) -> str:
    """The address in a text, cleaned of what mail programs and lists put around it. Raises InvalidEmail."""
    # By far the most that is read; the validator says the same, and takes as long as twenty of these.
    if _PLAIN.fullmatch(text) is not None and "--" not in text:
        return text
    return read_email_by_rules(text)


def is_email(text: str) -> bool:
    """Whether an address can be read from it."""
    try:
        read_email(text)
    except InvalidEmail:
        return False
    return True


def read_email_by_rules(text: str) -> str:
    """The same by the validator alone."""
    address = _bare(text)
    try:
        found = validate_email(
            address, check_deliverability=False, strict=True, allow_quoted_local=True, globally_deliverable=False
        )
    except EmailNotValidError:
        raise InvalidEmail("this is no e-mail address") from None
    if re.search(r"\.[a-z][^.]*\Z", found.ascii_domain.lower()) is None:
        raise InvalidEmail("an e-mail address has a domain with a dot")
    # The validator writes the domain small and international ones in their own letters; the first is a matter of taste.
    return address if found.normalized.casefold() == address.casefold() else found.normalized


def _bare(text: str) -> str:
    """The address alone: without characters that nobody sees, separators, brackets, a name, notes, `mailto:`."""
    plain = without_invisible(text)
    if len(plain) > _MOST_WRITTEN or (plain != text and not plain.isascii() and re.search("[\u200c\u200d]", text)):
        raise InvalidEmail("this is no e-mail address")  # joiners may belong to a domain's own letters
    found = plain.translate(_FULL_WIDTH).strip(_AROUND)
    before = None
    while found != before:
        before = found
        found = _SCHEME.sub("", _NOTE.sub("", found).strip(_AROUND))
        named = _NAMED.fullmatch(found)
        if named is not None and named["same"] in (None, named["address"]):
            found = named["address"]
        quoted = _QUOTED.fullmatch(found)
        found = (found if quoted is None else quoted["address"]).strip(_AROUND)
    return found
