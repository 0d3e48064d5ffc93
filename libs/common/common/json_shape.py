"""What JSON is like before anybody reads on: how deep, and whether an object has a member twice (readers keep the last)."""

import json
import re

from common.errors import Unprocessable
from common.pointer import json_pointer

MOST_DEPTH = 200
"""Lists and objects within each other: far more than any body has use for, less than the libraries behind this bear."""

_APART = re.compile(rb'"[ \t\r\n]+:')


class TooDeep(Exception):
    """It is deeper than MOST_DEPTH: what reads it again, or writes it, goes level by level down the stack and has an end."""


def members(value: object) -> int:
    """How many members all objects of a parsed value have: a walk level by level, without recursion. Raises TooDeep."""
    count, level = 0, [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_DEPTH):
        inner: list[dict[str, object] | list[object]] = []
        for node in level:
            if isinstance(node, dict):
                count += len(node)
            inner += [c for c in (node.values() if isinstance(node, dict) else node) if isinstance(c, dict | list)]
        if not inner:
            return count
        level = inner
    raise TooDeep


def refuse_repeated(body: bytes, told: int, root: str = "") -> None:
    """Raises Unprocessable where an object has a member twice; `told` is how many members were read, `root` the body's place."""
    if (twice := repeated_member(body, told)) is not None:
        words = "This member is there twice, and one of the two would be dropped. Send it once."
        raise Unprocessable(words, code="repeatedMember", pointer=root + twice)


def repeated_member(body: bytes, told: int) -> str | None:
    """The pointer of a member that an object has twice, None where there is none; `told` is how many members were read.

    Where each name has its colon right behind it, and no text looks the same, names are counted by that.
    """
    if body.count(b'":') == told and _APART.search(body) is None:
        return None
    open_: list[tuple[tuple[str | int, ...], object]] = [((), json.loads(body.decode(), object_pairs_hook=tuple))]
    while open_:
        path, node = open_.pop()
        if isinstance(node, tuple):
            seen: set[str] = set()
            for name, value in node:
                if name in seen:
                    return json_pointer([*path, name])
                seen.add(name)
                open_.append(((*path, name), value))
        elif isinstance(node, list):
            open_ += [((*path, n), value) for n, value in enumerate(node)]
    return None
