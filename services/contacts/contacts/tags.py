"""Tags: those that differ in case or blanks alone are one, and the first writing of it stays."""

from collections.abc import Iterable, Sized
from functools import lru_cache

from common.errors import Unprocessable
from common.filters.text import fold, read_tag
from contacts.profile_field import MOST_ELEMENTS, elements

MOST_TAGS = 20
_REMEMBERED = 4096
"""So many tags, which are texts of 256 characters at most, are told apart without looking at each character again."""


def read_tags(value: object, pointer: str, *, to_have: bool = True) -> tuple[str, ...]:
    """The tags of a write that a contact is `to_have`, or else to lose, each once. Raises Unprocessable."""
    if to_have and isinstance(value, list) and len(value) > MOST_ELEMENTS:
        check_count(value, pointer)
    return as_kept(elements(value, pointer) or ())


def check_count(tags: Sized, pointer: str) -> None:
    """Raises Unprocessable for more tags than a contact may have."""
    if len(tags) > MOST_TAGS:
        detail = f"A contact has {MOST_TAGS} tags at most. Send fewer, or remove some first."
        raise Unprocessable(detail, code="tooManyTags", pointer=pointer, extra={"most": MOST_TAGS})


def check_apart(added: Iterable[str], removed: Iterable[str], pointer: str) -> None:
    """Raises Unprocessable where one tag, in whichever writing, is both added and removed; `pointer` is where the latter are."""
    known = set(map(_identity, added))
    for n, tag in enumerate(removed):
        if _identity(tag) in known:
            detail = "This tag is added too; the case of its letters makes no difference. Take one away."
            raise Unprocessable(detail, code="twice", pointer=f"{pointer}/{n}")


def as_kept(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are written today, each once: those of a write, or those of before it was so."""
    return joined((), filter(None, map(_kept, tags)))


def joined(tags: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """The tags, and those of the others that are none of them."""
    kept = list(tags)
    known = set(map(_identity, kept))
    for tag in more:
        if (identity := _identity(tag)) not in known:
            known.add(identity)
            kept.append(tag)
    return tuple(kept)


def without(tags: Iterable[str], taken: Iterable[str]) -> tuple[str, ...]:
    """The tags but those that are taken out, in whichever writing."""
    gone = set(map(_identity, taken))
    return tuple(tag for tag in tags if _identity(tag) not in gone)


def as_written(before: Iterable[str], tags: Iterable[str]) -> tuple[str, ...]:
    """The tags, each in the writing that it has already."""
    writings: dict[str, str] = {}
    for tag in before:
        writings.setdefault(_identity(tag), tag)
    return tuple(writings.get(_identity(tag), tag) for tag in tags)


def are_same(tags: Iterable[str], others: Iterable[str]) -> bool:
    """Whether these are the same tags, in whichever order and writing; one of before that nobody sees is none."""
    return set(map(_identity, as_kept(tags))) == set(map(_identity, as_kept(others)))


_kept = lru_cache(maxsize=_REMEMBERED)(read_tag)


@lru_cache(maxsize=_REMEMBERED)
def _identity(tag: str) -> str:
    return fold(read_tag(tag))
