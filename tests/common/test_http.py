"""The border: what is refused before a route runs, in which order, and in which words."""

import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
import structlog
from fastapi import Depends
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import Field, RootModel

from common import telemetry
from common.auth import Caller, Verifier
from common.clock import FixedClock, to_wire
from common.errors import NotFound, StaleVersion, TooManyRequests
from common.health import Health
from common.http import At, IfMatch, Limit, Wire, application, permit, router
from common.ids import Id

Token = Callable[..., dict[str, str]]


class Inner(Wire):
    first_name: str


class Tree(RootModel[list["Tree"]]):
    pass


class Kind(StrEnum):
    MEMBERS = "members"
    LEADS = "leads"


class Thing(Wire):
    size: int
    tree: Tree | None = None
    free: Any = None
    inner: list[Inner] = Field(default_factory=list)
    other: Id | None = None
    few: Annotated[list[int] | None, Field(min_length=1, max_length=2)] = None
    short: Annotated[str | None, Field(max_length=3)] = None
    direction: Literal["asc", "it's \\ or 'desc'", 'say "True"'] = "asc"
    all: Literal[True] = True
    step: Literal[1, -2, None] = 1


routes = router("/v1/things")


async def existing(thing: str, _: Annotated[Caller, Depends(permit("contacts.edit"))]) -> str:
    if thing != "one":
        raise NotFound("There is no such thing.")
    return thing


@routes.put("/{thing}")
async def change(thing: Annotated[str, Depends(existing)], body: Thing, expected: IfMatch) -> dict[str, object]:
    if expected is not None and expected != 7:
        raise StaleVersion(7, "lee")
    return {"thing": thing, "first": body.inner[0].first_name if body.inner else None}


@routes.get("")
async def listed(caller: Annotated[Caller, Depends(permit("contacts.read"))], limit: Limit = 100) -> dict[str, object]:
    if limit == 13:
        raise RuntimeError("name=Hong Gildong")
    if limit == 14:
        raise TooManyRequests("Too soon. Wait a minute.", 60)
    return {"limit": limit, "channel": caller.channel}


@routes.get("/kinds")
async def of_kind(_: Annotated[Caller, Depends(permit("contacts.read"))], kind: Kind) -> dict[str, object]:
    return {"kind": kind}


@routes.get("/{thing}/{rest:path}")
async def then(thing: Annotated[str, Depends(existing)], rest: str, at: At) -> dict[str, object]:
    return {"rest": rest, "at": None if at is None else to_wire(at)}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    health = Health({})
    health.started = True
    app = application(
        "test", "For the tests.", Verifier(str(tmp_path / "jwks.json"), "dangol-local"), health, [routes],
        limits={"/v1/things/one": 2048}, clock=FixedClock(datetime(2026, 11, 24, tzinfo=UTC)),
    )  # fmt: skip
    claims = {"iss": "dangol-local", "aud": "dangol", "sub": "kim", "channel": "demo", "exp": int(time.time()) + 60}

    def bearer(*permissions: str) -> dict[str, str]:
        text = jwt.encode({"alg": "ES256", "kid": "one"}, {**claims, "permissions": list(permissions)}, key)
        return {"Authorization": f"Bearer {text}"}

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=bearer("*")) as session:
        session.bearer = bearer  # type: ignore[attr-defined]
        yield session


class Broken:
    """A door that nobody thought of."""

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        raise RuntimeError("name=Hong Gildong")


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= body.keys()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"], body.get("pointer")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "unreadable", None)),
        (b'{"size": NaN}', (400, "unreadable", None)),
        (b'{"size": 1, "inner": [{"firstName": "\\ud800"}]}', (400, "unreadable", None)),
        (b'{"size": 1, "inner": [{"firstName": "\xff"}]}', (400, "unreadable", None)),
        (b"[" * 2000, (400, "unreadable", None)),
        (b"[" * 1020 + b"]" * 1020, (422, "tooDeep", None)),
        (b'{"size": 1, "deep": ' + b"[" * 900 + b"1e999" + b"]" * 900 + b"}", (400, "unreadable", None)),
        (b'{"size": 1, "deep": ' + b"[" * 900 + b'"\\r"' + b"]" * 900 + b"}", (422, "tooDeep", None)),
        (b'{"size": 1, "tree": ' + b"[" * 300 + b"]" * 300 + b"}", (422, "tooDeep", None)),
        (b'{"size": 1, "free": ' + b"[" * 200 + b"]" * 200 + b"}", (422, "tooDeep", None)),
        (b'{"size": 1, "free": ' + b'{"a":' * 150 + b"[" * 50 + b"]" * 50 + b"}" * 150 + b"}", (422, "tooDeep", None)),
        (b'{"size": 1, "size": 1}', (422, "repeatedMember", "/size")),
        (
            b'{"size": 1, "inner": [{"firstName": "a"}, {"firstName": "a", "firstName": "b"}]}',
            (422, "repeatedMember", "/inner/1/firstName"),
        ),
        (b"[]", (422, "invalid", "")),
        (b'{"size": "1"}', (422, "invalid", "/size")),
        (b'{"size": true}', (422, "invalid", "/size")),
        (b'{"size": 1, "inner": [{"firstName": "a", "x": 1}]}', (422, "invalid", "/inner/0/x")),
        (b'{"size": 1, "inner": [{"firstName": "a\\u0000"}]}', (422, "badCharacter", "/inner/0/firstName")),
        (b'{"size": 1, "other": "no id"}', (422, "invalid", "/other")),
        (b" " * 2049, (413, "tooLarge", None)),
    ],
)
async def test_a_bad_body_is_refused_with_its_place(
    client: httpx.AsyncClient, body: bytes, expected: tuple[int, str, str | None]
) -> None:
    assert problem(await client.put("/v1/things/one", content=body)) == expected


async def test_what_fails_at_the_border_is_a_problem_too_and_repeats_nothing() -> None:
    app = application("test", "For the tests.", Broken(), Health({}), [routes])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/v1/things")
    assert problem(answer)[0] == 500
    assert "Gildong" not in answer.text


async def test_a_body_may_be_two_hundred_deep(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/things/one", content=b'{"size": 1, "free": ' + b"[" * 199 + b"]" * 199 + b"}")
    assert answer.status_code == 200


async def test_refusals_come_in_their_order(client: httpx.AsyncClient) -> None:
    large, broken, wrong = b" " * 4000, b"{", b'{"size": "1\\u0000"}'
    reader = client.bearer("contacts.read")  # type: ignore[attr-defined]
    assert (await client.put("/v1/things/one", content=large, headers={"Authorization": "Bearer x"})).status_code == 401
    assert (await client.put("/v1/things/one", content=large, headers=reader)).status_code == 413
    assert (await client.put("/v1/things/one", content=broken, headers=reader)).status_code == 400
    assert (await client.put("/v1/things/two", content=wrong, headers=reader)).status_code == 403
    assert (await client.put("/v1/things/two", content=wrong)).status_code == 404
    assert (await client.put("/v1/things/one", content=wrong, headers={"If-Match": '"3"'})).status_code == 422
    assert (await client.put("/v1/things/one", json={"size": 1}, headers={"If-Match": '"3"'})).status_code == 412
    assert (await client.put("/v1/things/one", json={"size": 1}, headers={"If-Match": '"7"'})).status_code == 200


async def test_a_body_of_unknown_length_is_counted_as_it_comes(client: httpx.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 1000

    assert problem(await client.put("/v1/things/one", content=parts()))[0] == 413


async def test_a_stale_version_tells_the_current_one_and_who_made_it(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/things/one", json={"size": 1}, headers={"If-Match": '"3"'})
    assert problem(answer) == (412, "staleVersion", None)
    assert answer.headers["etag"] == '"7"'
    assert (answer.json()["version"], answer.json()["changedBy"]) == (7, "lee")
    assert problem(await client.put("/v1/things/one", json={"size": 1}, headers={"If-Match": "seven"}))[0] == 400


async def test_carriage_returns_become_line_feeds(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/things/one", json={"size": 1, "inner": [{"firstName": "a\r\nb\rc"}]})
    assert answer.json()["first"] == "a\nb\nc"


@pytest.mark.parametrize(
    ("limit", "figures"),
    [("0", {"parameter": "limit", "least": 1}), ("101", {"parameter": "limit", "most": 100}), ("x", {"parameter": "limit"})],
)
async def test_the_bound_that_was_passed_is_a_member(client: httpx.AsyncClient, limit: str, figures: dict[str, object]) -> None:
    told = (await client.get("/v1/things", params={"limit": limit})).json()
    assert {name: told[name] for name in ("parameter", "least", "most", "count") if name in told} == figures


async def test_an_instant_in_an_address_that_is_none_is_refused_in_a_sentence(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/things/one/x", params={"at": "yesterday"})).json()
    words = "`at`: This must be an RFC 3339 instant with an offset, such as 2026-11-24T03:00:00.000Z."
    assert (told["detail"], told["parameter"]) == (words, "at")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "This is missing. Send it."),
        (b"{}", "This is missing. Send it."),
        (b"[]", "This must be an object."),
        (b'{"size": "1"}', "This must be a whole number."),
        (b'{"size": 1, "some": 1}', "There is no such member here. Leave it out, or mend its name."),
        (b'{"size": 1, "few": []}', "This must have 1 element or more."),
        (b'{"size": 1, "few": [1, 2, 3]}', "This must have 2 elements or fewer."),
        (b'{"size": 1, "short": "four"}', "This must have 3 characters or fewer."),
        (b'{"size": 1, "short": 5}', "This must be a text."),
        (b'{"size": 1, "other": "no id"}', "This must be an id, such as 019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11."),
    ],
)
async def test_what_is_wrong_with_a_shape_is_said_in_a_sentence(client: httpx.AsyncClient, body: bytes, words: str) -> None:
    assert (await client.put("/v1/things/one", content=body)).json()["detail"] == words


async def test_the_bound_of_a_list_and_of_a_text_is_a_member(client: httpx.AsyncClient) -> None:
    for body, pointer, figures in (
        ({"size": 1, "few": [1, 2, 3]}, "/few", {"most": 2, "count": 3}),
        ({"size": 1, "few": []}, "/few", {"least": 1, "count": 0}),
        ({"size": 1, "short": "four"}, "/short", {"most": 3}),
    ):
        told = (await client.put("/v1/things/one", json=body)).json()
        assert told["pointer"] == pointer
        assert {name: told[name] for name in ("least", "most", "count") if name in told} == figures


@pytest.mark.parametrize(
    ("body", "known", "words"),
    [
        ({"all": False}, [True], "This must be true."),
        ({"step": 3}, [1, -2, None], "This must be one of these: 1, -2, null."),
        (
            {"direction": "ASC"},
            ["asc", "it's \\ or 'desc'", 'say "True"'],
            'This must be one of these: "asc", "it\'s \\\\ or \'desc\'", "say \\"True\\"".',
        ),
    ],
)
async def test_values_that_are_known_are_told_as_json_spells_them(
    client: httpx.AsyncClient, body: dict[str, object], known: list[object], words: str
) -> None:
    told = (await client.put("/v1/things/one", json={"size": 1, **body})).json()
    assert (told["known"], told["detail"]) == (known, words)


async def test_the_known_values_of_a_parameter_are_told(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/things/kinds", params={"kind": "nobody"})).json()
    assert (told["known"], told["parameter"]) == (["members", "leads"], "kind")
    assert told["detail"] == '`kind`: This must be one of these: "members", "leads".'


@pytest.mark.parametrize("limit", ["0", "101", "x", ""])
async def test_a_limit_out_of_range_is_refused(client: httpx.AsyncClient, limit: str) -> None:
    assert problem(await client.get("/v1/things", params={"limit": limit})) == (422, "invalid", None)


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Afterwards logging is as it was, or later tests would write to a captured output that is gone."""
    before = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = before
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def test_an_unforeseen_error_is_a_500_that_tells_nothing_of_the_data(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str], logging_restored: None
) -> None:
    telemetry.configure("test", "api")
    answer = await client.get("/v1/things", params={"limit": 13})
    assert problem(answer)[:2] == (500, "internal")
    logged = capsys.readouterr().out
    assert "RuntimeError" in logged
    assert "Hong" not in answer.text + logged


@pytest.mark.parametrize(
    ("path", "parameter", "known"),
    [
        ("/v1/things?limt=5", "limt", ["limit"]),
        ("/v1/things?limit=5&Limit=5", "Limit", ["limit"]),
        ("/v1/things?limit=5&=x", "", ["limit"]),
        ("/v1/things?%ED%99%8D", "홍", ["limit"]),
        ("/v1/things/one/x?limit=5", "limit", ["at"]),
    ],
)
async def test_a_parameter_that_is_unknown_is_refused_and_told_without_its_value(
    client: httpx.AsyncClient, path: str, parameter: str, known: list[str]
) -> None:
    answer = await client.get(path)
    assert problem(answer) == (422, "unknownParameter", None)
    assert (answer.json()["parameter"], answer.json()["known"]) == (parameter, known)
    assert "parameter number" in answer.json()["detail"]
    assert answer.json()["detail"].count("`") == 2 * len(known)
    assert not parameter or parameter not in answer.json()["detail"]


async def test_a_parameter_that_is_there_twice_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/things?limit=5&limit=6")
    assert problem(answer) == (422, "repeatedParameter", None)
    assert answer.json()["parameter"] == "limit"


@pytest.mark.parametrize("character", ["%00", "%1B", "%7F", "%C2%85", "%EF%BF%BE"])
async def test_a_parameter_with_what_no_text_may_hold_is_refused(client: httpx.AsyncClient, character: str) -> None:
    """No table takes a NUL: it was an error of the service's."""
    answer = await client.get(f"/v1/things?limit=5{character}")
    assert problem(answer) == (422, "badCharacter", None)
    assert answer.json()["parameter"] == "limit"


async def test_an_unknown_parameter_is_told_after_permission_and_existence(client: httpx.AsyncClient) -> None:
    reader = client.bearer("contacts.read")  # type: ignore[attr-defined]
    path = "/v1/things/{}?limt=1"
    assert problem(await client.put(path.format("one"), json={"size": 1}, headers={"Authorization": "Bearer x"}))[0] == 401
    assert problem(await client.put(path.format("one"), json={"size": 1}, headers=reader))[0] == 403
    assert problem(await client.put(path.format("two"), json={"size": 1}))[0] == 404
    assert problem(await client.put(path.format("one"), json={"size": 1}))[:2] == (422, "unknownParameter")


async def test_an_instant_that_is_to_come_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/things/one/x?at=2026-11-24T00:00:00Z")).json()["at"] == "2026-11-24T00:00:00.000Z"
    assert (await client.get("/v1/things/one/x?at=2026-11-24T09:00:00+09:00")).json()["at"] == "2026-11-24T00:00:00.000Z"
    answer = await client.get("/v1/things/one/x?at=2026-11-24T00:00:00.001Z")
    assert problem(answer) == (422, "inFuture", None)
    assert (answer.json()["parameter"], answer.json()["now"]) == ("at", "2026-11-24T00:00:00.000Z")
    assert problem(await client.get("/v1/things/one/x?at=yesterday"))[:2] == (422, "invalid")
    assert problem(await client.get("/v1/things/two/x?at=2100-01-01T00:00:00Z"))[0] == 404


@pytest.mark.parametrize(
    "path", ["/v1/things/", "/v1/things/one/", "/v1/things/one/x/", "/v1/things/one/x//", "/livez/", "/v1//things"]
)
async def test_a_slash_at_the_end_is_another_address(client: httpx.AsyncClient, path: str) -> None:
    assert problem(await client.get(path))[:2] == (404, "notFound")


async def test_too_many_requests_say_how_long_to_wait(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/things", params={"limit": 14})
    assert problem(answer)[:2] == (429, "tooManyRequests")
    assert answer.headers["retry-after"] == "60"


async def test_an_unknown_address_is_a_problem_and_a_wrong_method_too(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/v1/nothing"))[:2] == (404, "notFound")
    assert problem(await client.delete("/v1/things"))[:2] == (405, "methodNotAllowed")


async def test_health_needs_no_token_and_nothing_else_goes_without(client: httpx.AsyncClient) -> None:
    bare = {"Authorization": ""}
    for path in ("/livez", "/readyz", "/startupz", "/metrics"):
        assert (await client.get(path, headers=bare)).status_code == 200
    for path in ("/v1/things", "/openapi.json", "/livezz", "/"):
        answer = await client.get(path, headers=bare)
        assert problem(answer)[0] == 401
        assert answer.headers["www-authenticate"] == "Bearer"
