"""No file is longer than 400 lines, and no function of the code longer than 40: it is parted where its steps or subjects part."""

import ast
from collections.abc import Iterator
from pathlib import Path

from localstack.home import checkout

OF_A_FILE, OF_A_FUNCTION = 400, 40
CODE, TESTS = ("libs", "services", "deploy", "docs"), ("tests",)


def files(*folders: str) -> dict[str, str]:
    """The source of every file in these folders, by its path."""
    root: Path = checkout()
    found = sorted(file for folder in folders for file in (root / folder).rglob("*.py"))
    return {str(file.relative_to(root)): file.read_text("utf-8") for file in found}


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Every function's name, and its lines from `def` to its end."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_too_long() -> None:
    lines = {path: len(source.splitlines()) for path, source in files(*CODE, *TESTS).items()}
    assert len(lines) > 100
    assert {path: count for path, count in lines.items() if count > OF_A_FILE} == {}


def test_no_function_is_too_long_but_a_test_that_tells_a_whole_story() -> None:
    lengths = [(path, name, lines) for path, source in files(*CODE).items() for name, lines in functions(source)]
    assert len(lengths) > 1000
    assert [each for each in lengths if each[2] > OF_A_FUNCTION] == []


def test_a_function_is_measured_with_its_signature_and_without_what_decorates_it() -> None:
    source = "@one\n@two\ndef outer(\n    a: int,\n) -> None:\n    async def inner() -> None:\n        pass\n\n    return None\n"
    assert sorted(functions(source)) == [("inner", 2), ("outer", 7)]
