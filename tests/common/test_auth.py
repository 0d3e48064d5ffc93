"""Tokens: which are accepted, and that every other is refused in the same words."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey

from common.auth import Caller, Signer, Verifier
from common.errors import BadSettings, Forbidden, Unauthorized

CLAIMS = {"iss": "dangol-local", "aud": "dangol", "sub": "kim", "channel": "demo", "permissions": ["contacts.read"]}


@pytest.fixture
def key(tmp_path: Path) -> ECKey:
    made = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [made.as_dict(private=False)]}))
    (tmp_path / "key.json").write_text(json.dumps(made.as_dict(private=True)))
    return made


def token(key: ECKey | OctKey, changed: Mapping[str, object] | None = None, *, alg: str = "ES256") -> str:
    claims = {**CLAIMS, "exp": int(time.time()) + 60, **(changed or {})}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": "one"}, kept, key, algorithms=[alg])


def verify(folder: Path, authorization: str | None) -> Caller:
    return asyncio.run(Verifier(str(folder / "jwks.json"), "dangol-local").verify(authorization))


def test_a_good_token_names_the_caller(key: ECKey, tmp_path: Path) -> None:
    assert verify(tmp_path, f"Bearer {token(key)}") == Caller("kim", "demo", frozenset({"contacts.read"}))


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(time.time()) - 60}, {"exp": None}, {"exp": "soon"},
        {"iss": "else"}, {"iss": None}, {"aud": "else"}, {"aud": None},
        {"sub": None}, {"sub": ""}, {"sub": 7}, {"channel": None}, {"channel": "a/b"}, {"channel": ""}, {"channel": 7},
        {"channel": "x" * 65}, {"permissions": "contacts.read"}, {"permissions": [1]}, {"nbf": int(time.time()) + 86_400},
    ],
)  # fmt: skip
def test_a_token_with_a_wrong_claim_is_refused(key: ECKey, tmp_path: Path, changed: dict[str, object]) -> None:
    with pytest.raises(Unauthorized):
        verify(tmp_path, f"Bearer {token(key, changed)}")


def test_a_token_of_another_key_or_algorithm_is_refused(key: ECKey, tmp_path: Path) -> None:
    strange = ECKey.generate_key("P-256", {"kid": "one"})
    public = OctKey.import_key(json.dumps(key.as_dict(private=False)))
    unsigned = token(key).rsplit(".", 1)[0] + "."
    for text in (token(strange), token(public, alg="HS256"), unsigned, token(key)[:-4] + "AAAA", "abc", "a.b.c"):
        with pytest.raises(Unauthorized):
            verify(tmp_path, f"Bearer {text}")


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic a2ltOmtpbQ==", "token"])
def test_a_missing_or_other_kind_of_credential_is_refused(key: ECKey, tmp_path: Path, authorization: str | None) -> None:
    with pytest.raises(Unauthorized):
        verify(tmp_path, authorization)


def test_a_key_set_that_changes_is_read_again(key: ECKey, tmp_path: Path) -> None:
    verifier = Verifier(str(tmp_path / "jwks.json"), "dangol-local")
    assert asyncio.run(verifier.verify(f"Bearer {token(key)}")).subject == "kim"
    other = ECKey.generate_key("P-256", {"kid": "the second"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [other.as_dict(private=False)]}))
    with pytest.raises(Unauthorized):
        asyncio.run(verifier.verify(f"Bearer {token(key)}"))


def test_a_token_that_was_accepted_ends_with_its_time_and_with_its_key(key: ECKey, tmp_path: Path) -> None:
    async def both() -> None:
        verifier = Verifier(str(tmp_path / "jwks.json"), "dangol-local")
        short, long = (f"Bearer {token(key, {'exp': int(time.time()) + seconds})}" for seconds in (-3, 60))  # 5 are given besides
        for _ in range(2):
            assert [(await verifier.verify(each)).subject for each in (short, long)] == ["kim", "kim"]
        await refused(verifier, short, within=10)
        assert (await verifier.verify(long)).subject == "kim"
        other = ECKey.generate_key("P-256", {"kid": "one"})
        (tmp_path / "jwks.json").write_text(json.dumps({"keys": [other.as_dict(private=False)]}))
        await refused(verifier, long, within=0)

    asyncio.run(both())


async def refused(verifier: Verifier, authorization: str, *, within: float) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            await verifier.verify(authorization)
        except Unauthorized:
            break
        await asyncio.sleep(0.1)
    with pytest.raises(Unauthorized):
        await verifier.verify(authorization)


def test_no_more_tokens_are_remembered_than_a_thousand(key: ECKey, tmp_path: Path) -> None:
    async def many() -> None:
        verifier = Verifier(str(tmp_path / "jwks.json"), "dangol-local")
        texts = [f"Bearer {token(key, {'sub': f'm{n}'})}" for n in range(1002)]
        for text in texts:
            await verifier.verify(text)
        assert len(verifier._accepted) == 1000
        assert (await verifier.verify(texts[0])).subject == "m0"

    asyncio.run(many())


def test_a_service_signs_tokens_that_are_accepted(key: ECKey, tmp_path: Path) -> None:
    header = Signer(tmp_path / "key.json", "dangol-local", "service:exports").authorization("demo", "contacts.read")
    assert verify(tmp_path, header["Authorization"]) == Caller("service:exports", "demo", frozenset({"contacts.read"}))


def test_a_service_signs_with_its_new_key_as_soon_as_that_is_in_its_file_and_with_the_old_one_while_that_is_broken(
    key: ECKey, tmp_path: Path
) -> None:
    file, signer = tmp_path / "key.json", Signer(tmp_path / "key.json", "dangol-local", "service:exports")
    new = OKPKey.generate_key("Ed25519", {"kid": "two"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [each.as_dict(private=False) for each in (key, new)]}))

    def signed_with() -> object:
        header = signer.authorization("demo", "contacts.read")["Authorization"]
        assert verify(tmp_path, header).subject == "service:exports"
        return jws.extract_compact(header.removeprefix("Bearer ").encode()).headers()["kid"]

    assert signed_with() == "one"
    for broken in (b"", b"{}", b'{"kty": "EC"}'):
        file.write_bytes(broken)
        assert signed_with() == "one"
    file.write_text(json.dumps(new.as_dict(private=True)))
    assert signed_with() == "two"
    file.unlink()
    assert signed_with() == "two"
    with pytest.raises(BadSettings, match="signing_key"):
        Signer(file, "dangol-local", "service:exports")


def test_permissions_are_any_of_those_named_or_the_star() -> None:
    reader, everything = Caller("k", "c", frozenset({"contacts.read"})), Caller("k", "c", frozenset({"*"}))
    reader.require("contacts.edit", "contacts.read")
    everything.require("plan.manage")
    with pytest.raises(Forbidden, match=r"`contacts\.edit`"):
        reader.require("contacts.edit")


def test_a_browser_key_is_for_nothing_that_knows_tokens_alone(key: ECKey, tmp_path: Path) -> None:
    with pytest.raises(Forbidden):
        verify(tmp_path, "Bearer pk~demo~a-key-of-a-page")


def test_a_caller_that_is_barred_may_do_nothing_and_is_told_why() -> None:
    barred = Caller("page", "demo", frozenset({"*"}), "not from here")
    assert not barred.may("contacts.read")
    with pytest.raises(Forbidden, match="not from here"):
        barred.require("contacts.read")
