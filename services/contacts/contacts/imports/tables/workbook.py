"""What the cells of a workbook need of its other parts: where the sheet and the texts are, its formats, its calendar."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.long_values import Words, words_of
from contacts.imports.tables.foreign import refuse_archive
from contacts.imports.tables.number_format import BUILT_IN, GENERAL, Format, read_format
from contacts.imports.tables.package import Over, Package, resolved, scan, too_large
from contacts.imports.tables.table import UnreadableFile

_MOST_STYLES = 200_000
_MOST_RELATIONS = 10_000
_LONGEST_CODE = 255
"""Characters of a number format, as in Excel."""
_TRUE = frozenset({"1", "true", "on", "True", "TRUE"})


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook but for its cells. `uncalculated`: its writer left it to the next program to calculate the formulas."""

    sheet: str
    strings: str
    formats: list[Format]
    from_1904: bool
    uncalculated: bool
    long_values: tuple[str, ...] = ()
    """The sheets for what is longer than a cell, in their order."""
    words: Words | None = None


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    id: str
    visible: bool


@dataclass(slots=True)
class _Contents:
    """What the workbook's own part says."""

    sheets: list[_Listed]
    from_1904: bool = False
    uncalculated: bool = False


def read_workbook(package: Package) -> Workbook:
    """Read all but the cells; the sheet is the first one that is shown. Raises UnreadableFile, naming what else the file is."""
    main = next((part for kind, part in _relations(package, "").values() if kind == "officeDocument"), "xl/workbook.xml")
    contents = _contents(package, main)
    relations = _relations(package, main)
    sheets = [
        (listed, relations[listed.id][1])
        for listed in contents.sheets
        if listed.id in relations and relations[listed.id][0] == "worksheet"
    ]
    sheet = next((part for listed, part in sheets if listed.visible), None)
    if sheet is None:
        raise UnreadableFile("The workbook has no sheet that is shown. Show the one with the customers and save it again.")
    parts = dict(relations.values())
    formats = _formats(package, parts.get("styles", resolved(main, "styles.xml")))
    strings = parts.get("sharedStrings", resolved(main, "sharedStrings.xml"))
    long_values = [(part, words) for listed, part in sheets if part != sheet and (words := words_of(listed.name)) is not None]
    return Workbook(
        sheet, strings, formats, contents.from_1904, contents.uncalculated,
        tuple(part for part, words in long_values if words == long_values[0][1]), long_values[0][1] if long_values else None,
    )  # fmt: skip


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """What a part's relationships lead to, by their ids: the type's last word, which is one in both forms, and the part."""
    folder, _, name = part.rpartition("/")
    source = package.open(f"{folder}/_rels/{name}.rels")
    relations: dict[str, tuple[str, str]] = {}
    if source is None:
        return relations

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            kind = attributes.get("Type", "").rpartition("/")[2]
            relations[attributes.get("Id", str(len(relations)))] = (kind, resolved(part, attributes.get("Target", "")))
            if len(relations) > _MOST_RELATIONS:
                raise too_large()

    with source:
        for _ in scan(source, start, lambda _: None):
            pass
    return relations


def _contents(package: Package, part: str) -> _Contents:
    source = package.open(part)
    if source is None or part.lower().endswith(".bin"):
        kind = package.open("mimetype")
        raise refuse_archive(package.names, "" if kind is None else kind.read(200).decode("ascii", "replace"))
    contents = _Contents([])

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "sheet":
            id_ = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            visible = attributes.get("state", "visible") == "visible"
            contents.sheets.append(_Listed(attributes.get("name", ""), id_, visible))
            if len(contents.sheets) > _MOST_RELATIONS:
                raise too_large()
        elif name == "workbookPr":
            contents.from_1904 = attributes.get("date1904") in _TRUE
        elif name == "calcPr":
            contents.uncalculated = attributes.get("fullCalcOnLoad") in _TRUE

    with source:
        for _ in scan(source, start, lambda _: None):
            pass
    return contents


def _formats(package: Package, part: str) -> list[Format]:
    """The formats of the cells' styles, in their order; of all that styles say no more is read, for nothing else can matter.

    Raises ValueError for a code that no program writes and a cell may have.
    """
    source = package.open(part)
    if source is None:
        return []
    codes: dict[int, str | None] = dict(BUILT_IN)
    numbers: list[int] = []
    holders: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        holder = holders[-1] if holders else ""
        holders.append(name)
        if name == "numFmt" and holder == "numFmts":
            code = attributes.get("formatCode", "")
            codes[_number(attributes.get("numFmtId"))] = code if len(code) <= _LONGEST_CODE else None
        elif name == "xf" and holder == "cellXfs":
            numbers.append(_number(attributes.get("numFmtId")))
        if len(numbers) > _MOST_STYLES or len(codes) > _MOST_STYLES:
            raise too_large()

    def end(name: str) -> None:
        holders.pop()
        if name == "cellXfs":
            raise Over

    with source:
        for _ in scan(source, start, end):
            pass
    read = {number: _format(codes[number]) for number in set(numbers) if number in codes}
    return [read.get(number, GENERAL) for number in numbers]


def _format(code: str | None) -> Format:
    """Raises ValueError for a code that is too long, which None stands for."""
    if code is None:
        raise ValueError("a number format")
    return read_format(code)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0
