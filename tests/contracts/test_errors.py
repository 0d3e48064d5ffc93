"""What refusals say, read from the code as docs/errors.md is: whole sentences, whose figures are members too."""

import re
from importlib import import_module
from typing import Any

import pytest

_PROBLEMS: Any = import_module("docs.problems")
SITES = _PROBLEMS.sites(_PROBLEMS.modules())

_NAMES = re.compile(r"`[^`]*`|UTF-\d+|CP949|RFC \d+|\(A-Z, a-z\)|https?://\S+|/v1/\S+|HMAC-SHA256|\+82 [\d ]+")
_FIGURE = re.compile(r"\d|\{…\}")
_OPEN = {400, 401, 404, 500, 503}
"""A request that nobody could read or that nobody is known for; a server's own trouble; words of another refusal."""
FIGURED = [
    pytest.param(site.code, detail, site.members, id=f"{site.code}: {detail}")
    for site in SITES
    if site.status not in _OPEN
    for detail in sorted(site.details)
    if _FIGURE.search(_NAMES.sub("", detail))
]
WORDS_OF_ANOTHER = {"segmentBroken", "invalidValue"}
"""What is put into their text is why the filter or the value was refused, in words."""


@pytest.mark.parametrize(("code", "detail", "members"), FIGURED)
def test_a_figure_of_a_text_is_a_member_too(code: str, detail: str, members: frozenset[str]) -> None:
    assert members or code in WORDS_OF_ANOTHER


def test_texts_are_whole_sentences() -> None:
    for site in SITES:
        for detail in site.details:
            assert detail[-1] in ".}", detail
            assert not re.search(r"\{…\} and \{…\}", detail), detail
