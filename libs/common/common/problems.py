"""How a refusal becomes an answer: a Problem as it is, and what FastAPI refuses in words of our own."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from common.body import TOO_DEEP
from common.body import refusal as body_refusal
from common.errors import MethodNotAllowed, NotFound, Problem, Unprocessable, Unreadable
from common.given import WRONG_TYPE
from common.invalid import figures, words
from common.pointer import place_in


def problem_response(problem: Problem) -> Response:
    """The one place where a refusal becomes an answer."""
    return Response(orjson.dumps(problem.body()), problem.status, headers=problem.headers, media_type="application/problem+json")


async def _on_problem(_: Request, problem: Problem) -> Response:
    return problem_response(problem)


async def invalid(_: Request, error: RequestValidationError) -> Response:
    """What is answered of a path, a parameter or a body that does not fit the route's: the first fault, with its place."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "json_invalid":
        return problem_response(Unreadable("The body is not JSON that can be read."))
    if place[0] == "path":
        return problem_response(NotFound("There is no such thing here."))
    if (refusal := body_refusal.get()) is not None and (refusal.code == TOO_DEEP or place[0] == "query"):
        # The place of what else is wrong could be as long as the body is deep; and what is missing may have been mistyped.
        return problem_response(refusal)
    if place[0] != "body":
        parameter = place[1]  # what follows is the validator's own, such as a word for one of several kinds
        return problem_response(
            Unprocessable(f"`{parameter}`: {words(first)}", code="invalid", extra={"parameter": parameter, **figures(first)})
        )
    code = WRONG_TYPE if first["type"] == WRONG_TYPE else None
    pointer = place_in(error.body, first["loc"][1:], missing=first["type"] == "missing")
    return problem_response(Unprocessable(words(first), code=code, pointer=pointer, extra=figures(first)))


async def _on_http(_: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound("There is no such address. GET /openapi.json lists those that are."))
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return problem_response(Unreadable("The body cannot be read."))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem_response(MethodNotAllowed("This address does not take this method.", headers=error.headers))
    raise error


async def unforeseen(_: Request, __: Exception) -> Response:
    """What is answered of a fault of ours; its own text is for nobody outside."""
    return problem_response(Problem("Something went wrong here. Try again; if it stays, tell the operators."))


HANDLERS: Mapping[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    Problem: _on_problem,
    RequestValidationError: invalid,
    HTTPException: _on_http,
    Exception: unforeseen,
}
"""What is answered of each kind of error that a route raises."""
