"""Several issuers of tokens: whose tokens count, how claims are read, and that none gives more than it may."""

import base64
import hmac
import json
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from joserfc.jwk import OKPKey, RSAKey
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from common.auth import Caller, Verifier
from common.caller import PERMISSIONS
from common.errors import Forbidden, Unauthorized, Unavailable
from common.issuers import Issuer as Setting
from common.issuers import caller_of, own_issuer
from common.settings import ServiceSettings
from tests.support.issuer import Issuer, Monotonic, bearer, made_key, opened

PEOPLE, OURS, CONSOLE = RSAKey.generate_key(2048, {"kid": "a"}), made_key("a"), OKPKey.generate_key("Ed25519", {"kid": "a"})
LOGIN = "https://login.example/realms/shop"


def setting(**changed: Any) -> Setting:
    """An identity provider that gives managers roles."""
    given: dict[str, Any] = {
        "issuer": LOGIN,
        "jwks": "/keys",
        "audience": "dangol-api",
        "channels": ["demo", "shop"],
        "permissions": ["contacts.read", "contacts.edit"],
        "claims": {"subject": "email", "channel": "/org/id", "roles": "/realm_access/roles"},
        "roles": {"manager": ["contacts.read", "contacts.edit"], "viewer": ["contacts.read"]},
        "subjectPrefix": "people:",
    }
    return Setting.model_validate({**given, **changed})


CLAIMS: dict[str, Any] = {
    "email": "kim@shop.example", "org": {"id": "demo"}, "realm_access": {"roles": ["viewer", "another"]}, "exp": 10**10,
}  # fmt: skip


def read(changed: Mapping[str, Any] | None = None, **settings: Any) -> Caller:
    return caller_of(setting(**settings), {**CLAIMS, **(changed or {})}, own=False)


def test_claims_are_read_where_the_setting_says_that_they_stand() -> None:
    assert read() == Caller("people:kim@shop.example", "demo", frozenset({"contacts.read"}))
    assert read({"org": {"id": ["shop"]}}).channel == "shop"
    both = read({"realm_access": {"roles": ["viewer", "manager"]}})
    assert both.permissions == {"contacts.read", "contacts.edit"}
    assert read({"realm_access": None}).permissions == frozenset()
    named = {"roles": {}, "claims": {"permissions": "scope"}}
    assert read({"scope": "openid contacts.read", "sub": "k", "channel": "demo"}, **named).permissions == {"contacts.read"}
    dotted = {"claims": {"roles": "https://shop.example/roles", "channel": "/org/id"}}
    assert read({"https://shop.example/roles": ["viewer"], "sub": "k"}, **dotted).permissions == {"contacts.read"}


def test_who_speaks_for_one_channel_alone_need_not_name_it() -> None:
    assert read({"org": None}, channels=["shop"]).channel == "shop"
    for several in (["shop", "demo"], ["*"]):
        with pytest.raises(Unauthorized, match="/org/id"):
            read({"org": None}, channels=several)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"email": None}, "email"), ({"email": ""}, "email"), ({"email": 7}, "email"), ({"email": "x" * 200}, "email"),
        ({"email": "a\nb"}, "email"), ({"org": None}, "/org/id"), ({"org": "demo"}, "/org/id"), ({"org": {"id": 7}}, "/org/id"),
        ({"org": {"id": ["demo", "shop"]}}, "one channel"), ({"org": {"id": []}}, "one channel"),
        ({"org": {"id": "*"}}, "/org/id"), ({"realm_access": {"roles": "manager"}}, "/realm_access/roles"),
        ({"realm_access": {"roles": [1]}}, "/realm_access/roles"),
        ({"permissions": "contacts.read"}, "permissions"),
    ],
)  # fmt: skip
def test_a_claim_that_is_missing_or_of_another_shape_is_named(changed: dict[str, Any], word: str) -> None:
    with pytest.raises(Unauthorized, match=word):
        read(changed)


def test_a_channel_that_the_issuer_may_not_speak_for_is_refused() -> None:
    with pytest.raises(Forbidden, match="may not give tokens for its channel"):
        read({"org": {"id": "another"}})
    assert read({"org": {"id": "another"}}, channels=["*"]).channel == "another"


@pytest.mark.parametrize("subject", ["service:exports", "browser:1"])
def test_nobody_but_ourselves_names_a_service(subject: str) -> None:
    with pytest.raises(Unauthorized, match="Only services"):
        read({"email": subject}, subjectPrefix="")
    own = own_issuer("dangol", "/keys", ["*"])
    assert caller_of(own, {"sub": subject, "channel": "c", "exp": 1}, own=True).subject == subject


def test_what_an_issuer_may_not_give_is_withheld_and_told_to_whoever_lacks_it() -> None:
    caller = read({"permissions": ["contacts.read", "plan.manage", "another.program"]})
    assert (caller.permissions, caller.withheld) == (frozenset({"contacts.read"}), frozenset({"plan.manage"}))
    with pytest.raises(Forbidden, match="whoever issued it may not give it here"):
        caller.require("plan.manage")
    with pytest.raises(Forbidden, match="your team's roles"):
        caller.require("audit.read")
    caller = read({"permissions": ["*"]})
    most = frozenset({"contacts.read", "contacts.edit"})
    assert (caller.permissions, caller.withheld) == (most, PERMISSIONS - most)
    everything = read({"permissions": ["*"]}, permissions=["*"])
    assert everything.may("plan.manage")
    assert not everything.withheld


class Settings(ServiceSettings):
    """As a service has them."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", frozen=True, extra="ignore")


def told(monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    given = {"PORT": "1", "POSTGRES": "p", "KAFKA": "k", "JWKS": "/keys", "ISSUER": "dangol", **more}
    for name, value in given.items():
        monkeypatch.setenv(f"SHOP_{name}", value)
    return Settings()  # pyright: ignore[reportCallIssue] - from the environment


LEAST = {"issuer": "a-secret", "jwks": "https://a-secret/", "permissions": ["*"], "channels": ["*"]}


def test_issuers_are_a_list_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch).issuers == ()
    assert told(monkeypatch, ISSUERS="").issuers == ()
    two = told(
        monkeypatch,
        ISSUERS=json.dumps([LEAST, {**LEAST, "issuer": "another"}]),
        ISSUER_PERMISSIONS="contacts.read, notices.manage",
    )
    assert [each.issuer for each in two.issuers] == ["a-secret", "another"]
    assert two.issuer_permissions == {"contacts.read", "notices.manage"}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"ISSUERS": "a-secret"}, "must be JSON"),
        ({"ISSUERS": "{}"}, "must be a list of issuers"),
        ({"ISSUERS": json.dumps([{**LEAST, "jwks": ""}])}, "issuers.0.jwks"),
        ({"ISSUERS": json.dumps([LEAST, {"issuer": "x"}])}, "issuers.1.permissions"),
        ({"ISSUERS": json.dumps([{**LEAST, "channels": []}])}, "issuers.0.channels"),
        ({"ISSUERS": json.dumps([{**LEAST, "channels": ["a-secret/"]}])}, "a channel is 1 to 64"),
        ({"ISSUERS": json.dumps([{**LEAST, "permissions": ["a-secret"]}])}, "no such permission"),
        ({"ISSUERS": json.dumps([{**LEAST, "algorithms": ["HS256"]}])}, "issuers.0.algorithms"),
        ({"ISSUERS": json.dumps([{**LEAST, "algorithms": ["none"]}])}, "issuers.0.algorithms"),
        ({"ISSUERS": json.dumps([{**LEAST, "role": {}}])}, "issuers.0.role"),
        ({"ISSUERS": json.dumps([{**LEAST, "subjectPrefix": "service:"}])}, "subjectPrefix"),
        (
            {"ISSUERS": json.dumps([{**LEAST, "permissions": ["contacts.read"], "roles": {"a": ["audit.read"]}}])},
            "a role means more",
        ),
        ({"ISSUERS": json.dumps([LEAST, LEAST])}, "a name"),
        ({"ISSUERS": json.dumps([{**LEAST, "issuer": "dangol"}])}, "other than the services'"),
        ({"ISSUER_PERMISSIONS": "a-secret"}, "issuer_permissions"),
    ],
)
def test_issuers_that_make_no_sense_are_refused_with_their_place(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, str], named: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        told(monkeypatch, **more)
    text = "".join(traceback.format_exception(refused.value))
    assert named in text
    assert "a-secret" not in text


@pytest.fixture
async def world() -> AsyncIterator[tuple[Issuer, Issuer, Issuer]]:
    async with AsyncExitStack() as stack:
        ours, people, console = [await stack.enter_async_context(opened(key)) for key in (OURS, PEOPLE, CONSOLE)]
        yield ours, people, console


@pytest.fixture
def verifier(world: tuple[Issuer, Issuer, Issuer]) -> Verifier:
    ours, people, console = world
    everything = {"permissions": ["*"], "channels": ["*"], "claims": {}, "roles": {}, "subjectPrefix": "", "audience": "dangol"}
    others = [setting(jwks=people.url), setting(issuer="console", jwks=console.url, **everything)]
    return Verifier(ours.url, "dangol-local", others, most=["contacts.read"], monotonic=Monotonic())


def of_people(key: Any = PEOPLE, *, alg: str = "RS256", **changed: Any) -> str:
    return bearer(key, alg=alg, iss=LOGIN, **{"aud": "dangol-api", "email": "kim", "org": {"id": "demo"}, **changed})


async def test_each_issuers_tokens_are_checked_by_its_own_keys_and_read_by_its_own_claims(verifier: Verifier) -> None:
    assert await verifier.verify(of_people(realm_access={"roles": ["viewer"]})) == Caller(
        "people:kim", "demo", frozenset({"contacts.read"})
    )
    session = await verifier.verify(bearer(CONSOLE, alg="Ed25519", iss="console", permissions=["exports.create"]))
    assert session == Caller("kim", "demo", frozenset({"exports.create"}))
    program = await verifier.verify(bearer(OURS, permissions=["contacts.read", "exports.create"]))
    assert program == Caller("kim", "demo", frozenset({"contacts.read"}))


async def test_one_issuers_key_signs_for_no_other_though_keys_have_the_same_name(verifier: Verifier) -> None:
    wrong = [
        bearer(PEOPLE, alg="RS256"), bearer(CONSOLE, alg="Ed25519"), bearer(OURS, iss="console"), bearer(OURS, aud="dangol-api"),
        of_people(OURS, alg="ES256"), of_people(CONSOLE, alg="Ed25519"), of_people(aud="dangol"),
        bearer(OURS, iss="somebody else"), bearer(OURS, iss=None), bearer(OURS, iss=["dangol-local"]),
    ]  # fmt: skip
    for authorization in wrong:
        with pytest.raises(Unauthorized, match="This token is not accepted"):
            await verifier.verify(authorization)


async def test_an_issuer_that_nobody_knows_makes_nobody_ask_for_keys(verifier: Verifier, world: tuple[Issuer, ...]) -> None:
    for _ in range(50):
        with pytest.raises(Unauthorized):
            await verifier.verify(bearer(made_key("new"), iss="https://nobody.example"))
    assert [each.asked for each in world] == [0, 0, 0]


def forged(secret: bytes, alg: str) -> str:
    """A token whose signature is a keyed hash by something that everybody knows, which libraries refuse to make."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": alg, "kid": "a"}).encode()).rstrip(b"=").decode()
    signed = f"{header}.{of_people().split('.')[1]}"
    signature = hmac.digest(secret, signed.encode(), f"sha{alg[2:]}")
    return f"Bearer {signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_what_is_signed_with_what_everybody_knows_or_with_nothing_is_refused(verifier: Verifier) -> None:
    known = [PEOPLE.as_pem(private=False), json.dumps(PEOPLE.as_dict(private=False)).encode(), b""]
    confused = [forged(secret, alg) for secret in known for alg in ("HS256", "HS512")]
    unsigned = of_people().rpartition(".")[0] + "."
    header, payload, signature = of_people().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"a"}').rstrip(b"=").decode()
    for text in (
        *confused,
        unsigned,
        f"Bearer {none}.{payload}.",
        f"Bearer {none}.{payload}.{signature}",
        f"{header}.e30.{signature}",
    ):
        with pytest.raises(Unauthorized, match="This token is not accepted"):
            await verifier.verify(text)
    with pytest.raises(Unauthorized):
        await verifier.verify(of_people(alg="RS512"))  # a sound one, which this issuer does not use


@pytest.mark.parametrize("changed", [{"exp": 1}, {"exp": None}, {"nbf": 10**10}, {"iat": 10**10}, {"email": None}, {"org": None}])
async def test_a_token_that_is_over_not_yet_good_or_lacks_a_claim_is_refused(verifier: Verifier, changed: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        await verifier.verify(of_people(**changed))


async def test_while_one_issuer_is_away_the_others_people_come_in_and_the_service_is_ready(
    verifier: Verifier, world: tuple[Issuer, Issuer, Issuer]
) -> None:
    _, people, _ = world
    people.status = "503 Service Unavailable"
    with pytest.raises(Unavailable):
        await verifier.verify(of_people())
    await verifier.refresh()
    await verifier.check()
    assert (await verifier.verify(bearer(OURS))).subject == "kim"
    assert people.asked == 1
