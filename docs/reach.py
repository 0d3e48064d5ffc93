"""Which refusals a route can answer with: those that stand in what it calls, followed through the code as far as its types lead.

A call is followed where its target is a function, a class, or a method of an annotated argument or attribute. What is called
through anything else is not seen; the tests hold what is really answered against the document.
"""

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from problems import FOLDERS, Function, Module, Site

from common.errors import Problem

Answer = tuple[int, str]
"""A status and a code."""


class Reach:
    """The refusals of functions, and of all that they call."""

    def __init__(self, read: Iterable[Module], sites: Iterable[Site]) -> None:
        self._nodes: dict[tuple[str, str, int], Function] = {}
        for module in read:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                    self._nodes[str(module.path), node.name, first] = node
        self._made: dict[int, set[Answer]] = {}
        for site in sites:
            self._made.setdefault(id(site.function), set()).add((site.status, site.code))

    def answers(
        self,
        *begins: Callable[..., Any],
        elsewhere: Mapping[str, Callable[..., Any]] | None = None,
        passed_on: Container[int] = (),
    ) -> set[Answer]:
        """What these functions and all that they call can refuse with.

        `elsewhere` are the endpoints of services by their paths: a function that holds such a path asks there, and refusals of
        the statuses `passed_on` come back.
        """
        found: set[Answer] = set()
        open_: list[tuple[Callable[..., Any], type | None]] = [(begin, _owner(begin)) for begin in begins]
        asked: set[str] = set()
        seen: set[object] = set()
        while open_:
            function, owner = open_.pop()
            function = inspect.unwrap(function)
            if isinstance(function, types.MethodType):
                function, owner = function.__func__, type(function.__self__)
            node = self._node(function)
            if node is None or (function, owner) in seen:
                continue
            seen.add((function, owner))
            for inner in ast.walk(node):
                found |= self._made.get(id(inner), set())
            asked |= set(_paths(node))
            open_ += _called(node, function, owner)
        for path in asked & (elsewhere or {}).keys():
            assert elsewhere is not None
            others = {place: endpoint for place, endpoint in elsewhere.items() if place != path}
            there = self.answers(elsewhere[path], elsewhere=others, passed_on=passed_on)
            found |= {(status, code) for status, code in there if status in passed_on}
        return found

    def _node(self, function: object) -> Function | None:
        code = getattr(function, "__code__", None)
        return None if code is None else self._nodes.get((code.co_filename, code.co_name, code.co_firstlineno))


def _owner(function: Callable[..., Any]) -> type | None:
    """The class in which a function stands, whose `self` leads on; None for one that stands alone."""
    holder = vars(inspect.getmodule(function) or object).get(function.__qualname__.rpartition(".")[0])
    return holder if isinstance(holder, type) else None


def _paths(node: Function) -> Iterator[str]:
    """The addresses of services that a function holds; `{}` stands for what is put in."""
    for inner in ast.walk(node):
        match inner:
            case ast.Constant(value=str(text)) if text.startswith("/"):
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
            case _:
                pass


def _ours(found: object) -> bool:
    return (getattr(found, "__module__", None) or "").partition(".")[0] in FOLDERS


def _called(node: Function, function: Callable[..., Any], owner: type | None) -> Iterator[tuple[Callable[..., Any], type | None]]:
    scope = _Scope(node, function, owner)
    for inner in ast.walk(node):
        if not isinstance(inner, ast.Name | ast.Attribute) or not isinstance(inner.ctx, ast.Load):
            continue
        holder, target = scope.target(inner)
        if isinstance(target, type) and issubclass(target, Problem) and "code" in inspect.signature(target).parameters:
            continue  # its code is told where it is called
        if isinstance(target, type):
            for name in ("__init__", "__post_init__"):
                constructor = target.__dict__.get(name)
                if _ours(target) and inspect.isfunction(constructor):
                    yield constructor, target
        elif isinstance(target, property) and target.fget is not None:
            yield target.fget, holder
        elif callable(target) and _ours(inspect.unwrap(target)):
            yield target, holder


class _Scope:
    """What the names of a function stand for."""

    def __init__(self, node: Function, function: Callable[..., Any], owner: type | None) -> None:
        self._globals: dict[str, Any] = getattr(function, "__globals__", {})
        self._types: dict[str, type] = {}
        if owner is not None:
            self._types["self"] = self._types["cls"] = owner
        for name, annotation in getattr(function, "__annotations__", {}).items():
            self._learn(name, annotation)
        for inner in ast.walk(node):
            match inner:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=made)):
                    if isinstance(kind := self.target(made)[1], type):
                        self._types.setdefault(name, kind)
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                    self._learn(name, ast.unparse(annotation))
                case _:
                    pass

    def _learn(self, name: str, annotation: object) -> None:
        kind = _class(annotation, self._globals)
        if kind is not None:
            self._types.setdefault(name, kind)

    def target(self, expression: ast.expr) -> tuple[type | None, Any]:
        """The class that an attribute was looked up in (None: in a module), and what the expression stands for."""
        match expression:
            case ast.Name(id=name):
                return None, None if name in self._types else self._globals.get(name)
            case ast.Attribute(value=value, attr=name):
                kind = self._type(value)
                if kind is not None:
                    return kind, inspect.getattr_static(kind, name, None)
                _, holder = self.target(value)
                if isinstance(holder, types.ModuleType):
                    return None, getattr(holder, name, None)
                if isinstance(holder, type):
                    return holder, getattr(holder, name, None)
                return None, None
            case _:
                return None, None

    def _type(self, expression: ast.expr) -> type | None:
        match expression:
            case ast.Name(id=name):
                return self._types.get(name)
            case ast.Attribute(value=value, attr=name):
                holder = self._type(value)
                return None if holder is None else _attribute(holder, name)
            case ast.Call(func=made):
                _, target = self.target(made)
                return target if isinstance(target, type) else None
            case _:
                return None


def _class(annotation: object, names: dict[str, Any]) -> type | None:
    """The class of ours that an annotation names, through `Annotated` and `| None`."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, names)  # noqa: S307 - the project's own annotations
        except (NameError, TypeError, AttributeError, SyntaxError):
            return None
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        named = [each for each in typing.get_args(annotation) if each is not type(None)]
        annotation = named[0] if len(named) == 1 else None
    return annotation if isinstance(annotation, type) and _ours(annotation) else None


def _attribute(holder: type, name: str) -> type | None:
    """The class of an object's attribute: annotated on the class, or assigned from an annotated argument of its constructor."""
    for base in holder.__mro__:
        names = vars(inspect.getmodule(base) or object)
        found = _class(inspect.get_annotations(base).get(name), dict(names))
        if found is not None:
            return found
        constructor = base.__dict__.get("__init__")
        if not inspect.isfunction(constructor) or not _ours(base):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(constructor)))
        except (OSError, SyntaxError, IndentationError):
            continue
        for inner in ast.walk(tree):
            match inner:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=attribute)], value=value) if (
                    attribute == name
                ):
                    if isinstance(value, ast.Name):
                        return _class(constructor.__annotations__.get(value.id), constructor.__globals__)
                    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
                        made = constructor.__globals__.get(value.func.id)
                        return made if isinstance(made, type) and _ours(made) else None
                case _:
                    pass
    return None
