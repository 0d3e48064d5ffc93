"""A list in one text, as a file's cell holds it: written so that it reads back the same, quoted as split terms are."""

import re
from collections.abc import Iterable

from common.white_space import WHITE_SPACE, is_blank

_APART = ",\uff0c;\n"
"""What parts two elements; other white space within an element belongs to it."""
_ENDS = re.escape(WHITE_SPACE)
_UNPLAIN = re.compile(rf'[{_APART}"]|\A[{_ENDS}]|[{_ENDS}]\Z')
_SPACE = re.escape(WHITE_SPACE.replace("\n", ""))
# A quoted element ends at a quote with a separator or nothing behind it; in it a quote is written twice. A quote that none ends
# is a character like any other. Each match takes its separator with it, so that a long text is gone through once.
_ELEMENT = re.compile(rf'[{_SPACE}]*+(?:"([^"]*+(?:""[^"]*+)*+)"[{_SPACE}]*+(?=[{_APART}]|\Z)|([^{_APART}]*+))(?:[{_APART}]|\Z)')


def write_list(elements: Iterable[str]) -> str:
    """The elements joined by `, `. One with a separator, a quote, or white space at an end stands in double quotes."""
    return ", ".join(f'"{each.replace(chr(34), chr(34) * 2)}"' if _UNPLAIN.search(each) else each for each in elements)


def read_list(text: str) -> list[str]:
    """The elements of a text, parted at comma (full-width too), semicolon and new line. What is blank is no element.

    White space around an element is dropped; within quotes it is part of it.
    """
    elements: list[str] = []
    for match in _ELEMENT.finditer(text):
        quoted = match[1]
        element = match[2].strip(WHITE_SPACE) if quoted is None else quoted.replace('""', '"')
        if not is_blank(element):
            elements.append(element)
    return elements
