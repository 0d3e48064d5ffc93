"""Every refusal that the code can make, read from the code itself: `code`, status, members, and the words that go with it.

A refusal is made by calling a class that stands on `common.errors.Problem`. Its code is a literal, a constant, or handed on by
the function that makes it; so the list needs no second place that could forget one. What cannot be read so is told as an error.
"""

import ast
import importlib
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from common.errors import Problem

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("contacts", "search", "segments", "exports", "notify")
FOLDERS = {"common": ROOT / "libs/common/common", **{s: ROOT / "services" / s / s for s in SERVICES}}
REFUSED_VALUE = "common.filters.values.Refusal"
"""Becomes a `FilterRefused` of the same code and words, at its place."""
_HANDED_ON = (ast.Attribute, ast.Subscript, ast.Call)
"""What another's refusal said (`refusal.detail`, `told["code"]`), and what is composed elsewhere: listed where it is made."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Unresolved(Exception):
    """A refusal whose code cannot be read from the code."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call, the function around it (None: none), and the class whose method that is."""

    node: ast.Call
    function: Function | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Site:
    """A refusal at the place where it is made, or where the function that makes it is told its code."""

    module: str
    function: Function | None
    code: str
    status: int
    members: frozenset[str]
    details: frozenset[str]


@dataclass(slots=True)
class Refusal:
    """A code: under which statuses, with which members, in which words."""

    code: str
    statuses: set[int] = field(default_factory=set[int])
    members: set[str] = field(default_factory=set[str])
    details: set[str] = field(default_factory=set[str])


class Module:
    """A module as it is written and as it runs."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.tree = ast.parse(path.read_text("utf-8"))
        self.runtime = importlib.import_module(name)
        self.calls = list(_calls(self.tree, None, None))

    def constant(self, name: str) -> str | None:
        """A text of the module's own or one that it imports."""
        value = getattr(self.runtime, name, None)
        return value if isinstance(value, str) else None

    def kind(self, call: Call) -> type | None:
        """The class of refusals that is called, also by a class's own constructor; None for anything else."""
        if ast.unparse(call.node.func) == "super().__init__":
            found = getattr(self.runtime, call.owner or "", None)
        else:
            found = getattr(self.runtime, call.node.func.id, None) if isinstance(call.node.func, ast.Name) else None
        if not isinstance(found, type) or (found is Problem and call.function and call.function.name == "__init__"):
            return None
        return found if issubclass(found, Problem) or f"{found.__module__}.{found.__qualname__}" == REFUSED_VALUE else None


def _calls(node: ast.AST, function: Function | None, owner: str | None) -> Iterator[Call]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _calls(child, child, owner)
                continue
            case ast.ClassDef(name=name):
                yield from _calls(child, function, name)
                continue
            case ast.Call():
                yield Call(child, function, owner)
            case _:
                pass
        yield from _calls(child, function, owner)


def modules() -> list[Module]:
    """All modules of the services and of what they share, but their entry points, which run when they are read."""
    return [
        Module(path, ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__"))
        for folder in FOLDERS.values()
        for path in sorted(folder.rglob("*.py"))
        if path.name != "__main__.py"
    ]


def sites(read: Iterable[Module]) -> list[Site]:
    """Every place that makes a refusal. Raises Unresolved."""
    return list(_Reader(list(read)).sites())


def refusals(found: Iterable[Site]) -> dict[str, Refusal]:
    """What is answered, by code."""
    by_code: dict[str, Refusal] = {}
    for site in found:
        refusal = by_code.setdefault(site.code, Refusal(site.code))
        refusal.statuses.add(site.status)
        refusal.members |= site.members
        refusal.details |= site.details
    return by_code


@dataclass(frozen=True, slots=True)
class _Text:
    """A text that an expression can be, and the function that gives it where that is a caller."""

    text: str
    given_by: tuple[str, Function | None] | None = None


class _Reader:
    def __init__(self, read: list[Module]) -> None:
        self._read = read
        self._of_classes: dict[str, set[str]] = {}
        for module in read:
            for call in module.calls:
                if call.owner and ast.unparse(call.node.func) == "super().__init__":
                    named = {keyword.arg: keyword.value for keyword in call.node.keywords}
                    self._of_classes.setdefault(call.owner, set()).update(_members(named.get("extra"), module, call.function))

    def sites(self) -> Iterator[Site]:
        for module in self._read:
            for call in module.calls:
                kind = module.kind(call)
                if kind is not None:
                    yield from self._of(module, call, kind)

    def _of(self, module: Module, call: Call, kind: type) -> Iterator[Site]:
        named = {keyword.arg: keyword.value for keyword in call.node.keywords}
        given = named.get("code")
        constructing = call.function is not None and call.function.name == "__init__"
        own = _Text(str(getattr(kind, "code", "invalidValue")))
        codes = {own} if given is None else self._texts(given, module, call)
        if (isinstance(given, ast.Constant) and given.value is None) or (constructing and isinstance(given, ast.Name)):
            codes = {own}  # what callers hand over is noted where they call
        if not codes and not isinstance(given, _HANDED_ON):
            raise Unresolved(f"{module.name}, line {call.node.lineno}")
        extra = _members(named.get("extra"), module, call.function)
        members = extra.union(*(self._of_classes.get(base.__name__, set()) for base in kind.__mro__))
        words = call.node.args[0] if call.node.args else named.get("detail")
        details = set[_Text]() if words is None else self._texts(words, module, call)
        status = int(getattr(kind, "status", HTTPStatus.UNPROCESSABLE_ENTITY))
        for code in codes:
            name, function = code.given_by or (module.name, call.function)
            spoken = frozenset(each.text for each in details if " " in each.text)
            yield Site(name, function, code.text, status, frozenset(members), spoken)

    def _texts(self, value: ast.expr, module: Module, call: Call, depth: int = 0) -> set[_Text]:
        """The texts that an expression can be; `{…}` stands for what is put in."""
        match value:
            case ast.Constant(value=str(text)):
                return {_Text(text)}
            case ast.JoinedStr(values=parts):
                return {_Text("".join(_part(part, module) for part in parts))}
            case ast.IfExp(body=one, orelse=other):
                return self._texts(one, module, call, depth) | self._texts(other, module, call, depth)
            case ast.Name(id=name):
                return self._named(name, module, call, depth)
            case _:
                return set()

    def _named(self, name: str, module: Module, call: Call, depth: int) -> set[_Text]:
        if (constant := module.constant(name)) is not None:
            return {_Text(constant)}
        function = call.function
        if function is None or depth > 3:
            return set()
        found: set[_Text] = set()
        for target, value in _assigned(function):
            if target == name:
                found |= self._texts(value, module, call, depth + 1)
        places = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if name in places or name in [argument.arg for argument in function.args.kwonlyargs]:
            if function.name != "__init__":
                callers = [module] if function.name.startswith("_") else self._read
                found |= self._from_callers(function.name, name, places, callers, depth)
            for argument, default in _defaults(function):
                if argument == name:
                    found |= self._texts(default, module, call, depth + 1)
        return found

    def _from_callers(self, function: str, name: str, places: list[str], read: list[Module], depth: int) -> set[_Text]:
        """What the callers of a function of this name hand over as this argument."""
        own = places[1:] if places[:1] == ["self"] else places
        found: set[_Text] = set()
        for module in read:
            for call in module.calls:
                target = call.node.func
                called = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else None
                if called != function:
                    continue
                handed = {keyword.arg: keyword.value for keyword in call.node.keywords}.get(name)
                if handed is None and name in own and own.index(name) < len(call.node.args):
                    handed = call.node.args[own.index(name)]
                if handed is not None:
                    texts = self._texts(handed, module, call, depth + 1)
                    found |= {_Text(each.text, each.given_by or (module.name, call.function)) for each in texts}
        return found


def _members(extra: ast.expr | None, module: Module, function: Function | None) -> set[str]:
    """The names of further members: of a dict that stands there, was assigned before, or that a function makes."""
    match extra:
        case ast.Dict(keys=keys, values=values):
            named = {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
            merged = [_members(value, module, function) for key, value in zip(keys, values, strict=True) if key is None]
            return named.union(*merged)
        case ast.Name(id=name) if function is not None:
            return set[str]().union(*(_members(v, module, function) for n, v in _assigned(function) if n == name))
        case ast.Call(func=ast.Name(id=name)) if inspect.isfunction(getattr(module.runtime, name, None)):
            made = ast.parse(inspect.getsource(getattr(module.runtime, name)))
            dicts = [node for node in ast.walk(made) if isinstance(node, ast.Dict)]
            return set[str]().union(*(_members(each, module, None) for each in dicts))
        case _:
            return set()


def _assigned(function: Function) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    if isinstance(target, ast.Name):
                        yield target.id, value
            case _:
                pass


def _defaults(function: Function) -> Iterator[tuple[str, ast.expr]]:
    arguments = [*function.args.posonlyargs, *function.args.args]
    with_default = arguments[len(arguments) - len(function.args.defaults) :]
    for argument, value in zip(with_default, function.args.defaults, strict=True):
        yield argument.arg, value
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None:
            yield argument.arg, default


def _part(part: ast.expr, module: Module) -> str:
    match part:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.Name(id=name)) if isinstance(number := getattr(module.runtime, name, None), int):
            return f"{number:,}"
        case _:
            return "{…}"


_INTRODUCTION = """# Errors

Every refusal is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `code`, and `pointer` where one place
of the body is to blame. `detail` tells a person what to do; `code` is the fixed word for programs, and the members named here
stand beside it, so that a program can say the same in its own language. `{…}` is where a figure or a name is put in. The OpenAPI
document lists the codes of each operation. This page is generated from the code.
"""


def page(found: Iterable[Site]) -> str:
    """`errors.md`: every code with its status, its members, and the words, which tell what to do."""
    lines = [_INTRODUCTION]
    for code, refusal in sorted(refusals(found).items(), key=lambda pair: pair[0].lower()):
        statuses = ", ".join(f"{status} {HTTPStatus(status).phrase}" for status in sorted(refusal.statuses))
        members = f" · members: {', '.join(f'`{member}`' for member in sorted(refusal.members))}" if refusal.members else ""
        lines += [f"## {code}", "", statuses + members, "", *(f"- {text}" for text in sorted(refusal.details)), ""]
    return "\n".join(lines)
