"""One OpenAPI document of all services' operations, as the gateway serves it: fit to make a typed client from."""

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import ModuleType
from typing import Any

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from problems import SERVICES, Module, Site
from pydantic.alias_generators import to_camel
from reach import Reach

from common import http, idempotency, problems, query
from common.answers import Problem
from common.auth import Verifier
from common.fair_use import FairUse
from common.position import HEADER

_BORDER = (http.Border.__call__, Verifier.admit, FairUse.admit, problems.invalid)
_EVERY_ROUTE = (query.refusal,)
_EVERY_POST = (idempotency.Idempotency.attempt, idempotency.Attempt.begin)
"""What a POST with an `Idempotency-Key` meets."""
_PASSED_ON = {404, 409, 410, 422, 503}
"""Statuses of another service's refusals that `common.peers` hands on."""
_AWAY = (503, "unavailable")
"""What the gateway says of any service that does not answer."""
_POSITION = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Words that writes answered, comma-separated: what is answered has seen those writes.",
}
_NOT_OF_A_CLIENT = {"HTTPValidationError", "ValidationError"}
_INFO = {
    "title": "Dangol",
    "version": "1",
    "description": (
        "Customer contacts: take in, find, group, edit, export. Refusals are `application/problem+json`; "
        "each operation lists the codes that it can answer with."
    ),
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
_PUBLIC = ("/exports/",)
"""Addresses that need no token."""


def document(read: list[Module], sites: list[Site]) -> dict[str, Any]:
    """The document. Raises SystemExit where two shapes or two operations go by one name."""
    reach = Reach(read, sites)
    routes = {service: list(_routes(service)) for service in SERVICES}
    elsewhere = {
        re.sub(r"\{[^}]*\}", "{}", route.path): route.endpoint
        for service in SERVICES
        for route in (*routes[service], *_inside(service))
    }
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": Problem.model_json_schema()}
    for service in SERVICES:
        made = get_openapi(title=service, version="1", routes=routes[service], separate_input_output_schemas=False)
        for route in routes[service]:
            for method in sorted(route.methods or ()):
                operation = made["paths"].get(route.path_format, {}).get(method.lower())
                if operation is not None:
                    _complete(operation, route, reach, elsewhere)
        for path, operations in made["paths"].items():
            paths.setdefault(path, {}).update(operations)
        for name, schema in made.get("components", {}).get("schemas", {}).items():
            if schemas.setdefault(name, schema) != schema:
                raise SystemExit(f"Two shapes are called {name}. Give the one of {service} another name.")
    _check_names(paths)
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "tags": [{"name": name, "description": text} for name, text in sorted(_tags(routes))],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas) if name not in _NOT_OF_A_CLIENT},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _routes(service: str) -> Iterator[APIRoute]:
    for each in importlib.import_module(f"{service}.main").routers():
        yield from _of(each)


def _inside(service: str) -> Iterator[APIRoute]:
    """What services ask of each other."""
    root = importlib.import_module(service)
    rooms = [service, *(each.name for each in pkgutil.iter_modules(root.__path__, f"{service}.") if each.ispkg)]
    for room in rooms:
        if importlib.util.find_spec(f"{room}.api") is not None:
            internal = getattr(importlib.import_module(f"{room}.api"), "internal", None)
            yield from () if internal is None else _of(internal)


def _of(router: APIRouter) -> Iterator[APIRoute]:
    for route in router.routes:
        assert isinstance(route, APIRoute)
        yield route


def _tags(routes: dict[str, list[APIRoute]]) -> set[tuple[str, str]]:
    """Each tag with the words with which its modules of routes begin: of several, those that stand outermost, by their names."""
    modules: dict[str, set[ModuleType]] = {}
    for route in (route for each in routes.values() for route in each):
        module = inspect.getmodule(inspect.unwrap(route.endpoint))
        assert module is not None
        for tag in route.tags:
            modules.setdefault(str(tag), set()).add(module)
    return {
        (tag, " ".join(map(_begins, sorted(_outermost(found), key=lambda module: module.__name__))))
        for tag, found in modules.items()
    }


def _outermost(modules: set[ModuleType]) -> list[ModuleType]:
    least = min(module.__name__.count(".") for module in modules)
    return [module for module in modules if module.__name__.count(".") == least]


def _begins(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").partition("\n")[0]


def _complete(operation: dict[str, Any], route: APIRoute, reach: Reach, elsewhere: dict[str, Callable[..., Any]]) -> None:
    operation["operationId"] = to_camel(route.endpoint.__name__)
    public = route.path.startswith(_PUBLIC)
    if not public:
        operation.setdefault("parameters", []).append(_POSITION)
    if public:
        operation["security"] = []
    permissions = [_permissions(call) for call in _calls(route.dependant)]
    named = [each for each in permissions if each]
    if named:
        words = " and ".join(" or ".join(f"`{name}`" for name in each) for each in named)
        operation["description"] = f"{operation.get('description', '')}\n\nNeeds {words}.".strip()
        operation["x-permissions"] = [list(each) for each in named]
    begins = [*_calls(route.dependant), *_EVERY_ROUTE]
    begins += [] if public else _BORDER
    begins += _EVERY_POST if "POST" in (route.methods or ()) else ()
    answers = reach.answers(*begins, elsewhere=elsewhere, passed_on=_PASSED_ON) | {_AWAY}
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    by_status: dict[int, list[str]] = {}
    for status, code in sorted(answers):
        by_status.setdefault(status, []).append(code)
    for status, codes in by_status.items():
        responses[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            "x-codes": codes,
        }


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    if dependant.call is not None:
        yield dependant.call
    for each in dependant.dependencies:
        yield from _calls(each)


def _permissions(call: Callable[..., Any]) -> tuple[str, ...]:
    """What `common.http.permit` was given."""
    found = inspect.getclosurevars(call).nonlocals.get("permissions") if inspect.isfunction(call) else None
    return found if isinstance(found, tuple) else ()


def _check_names(paths: dict[str, Any]) -> None:
    seen: dict[str, str] = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            here, name = f"{method.upper()} {path}", operation["operationId"]
            if name in seen:
                raise SystemExit(f"{seen[name]} and {here} are both called {name}. Rename the function of one.")
            seen[name] = here
            if len(operation.get("tags", [])) != 1:
                raise SystemExit(f"{here} needs one tag. Give its router one.")
