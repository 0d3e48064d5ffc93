"""A page as a browser would take it apart: elements with their attributes and texts; badly nested ones are refused."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "hr", "img", "input", "base", "source"}


@dataclass
class Element:
    """An element; its children are elements and texts in their order."""

    tag: str
    attributes: dict[str, str | None]
    children: list["Element | str"] = field(default_factory=list["Element | str"])

    @property
    def text(self) -> str:
        """All of its text, white space as it is seen."""
        return " ".join("".join(child if isinstance(child, str) else f" {child.text} " for child in self.children).split())

    def __iter__(self) -> Iterator["Element"]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child

    def all(self, tag: str) -> list["Element"]:
        """Its elements of this kind, in order."""
        return [element for element in self if element.tag == tag]

    def one(self, tag: str) -> "Element":
        """Its only element of this kind."""
        [only] = self.all(tag)
        return only

    def facts(self) -> dict[str, str]:
        """What its list of terms tells."""
        return dict(zip((e.text for e in self.all("dt")), (e.text for e in self.all("dd")), strict=True))

    @property
    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        """Which elements there are, with the names of their attributes: what no text may change."""
        return [(element.tag, tuple(sorted(element.attributes))) for element in self]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} stands twice"
        element = Element(tag, dict(attrs))
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"{self._open[-1].tag} is closed by {tag}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a page has no comments")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError("a page has no sections")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("a page has no instructions")


def read_page(text: str) -> Element:
    """The page's root element. Raises AssertionError where it is badly nested or more than a page."""
    assert text.startswith("<!doctype html>\n<html ")
    reader = _Reader()
    reader.feed(text)
    reader.close()
    [root] = [child for child in reader.root.children if isinstance(child, Element)]
    assert root.tag == "html"
    return root
