"""Development tokens are those that the services accept."""

from pathlib import Path

import pytest

from common.auth import Signer, Verifier
from common.errors import Unauthorized
from localstack.errors import StackError
from localstack.home import SERVICES, Home
from localstack.tokens import ISSUER, key_file, make_keys, token


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.make()
    make_keys(home)
    return home


async def test_a_token_is_accepted_as_what_it_says(home: Home) -> None:
    caller = await Verifier(str(home.jwks), ISSUER).verify("Bearer " + token(home.root, "demo", "kim", ["contacts.read"]))
    assert (caller.subject, caller.channel, caller.permissions) == ("kim", "demo", frozenset({"contacts.read"}))


async def test_an_old_token_is_refused(home: Home) -> None:
    old = token(home.root, "demo", "kim", ["*"], exp_seconds=-60)
    with pytest.raises(Unauthorized):
        await Verifier(str(home.jwks), ISSUER).verify("Bearer " + old)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_signs_with_a_key_of_its_own(home: Home, service: str) -> None:
    header = Signer(key_file(home, service), ISSUER, service).authorization("demo", "contacts.read")
    caller = await Verifier(str(home.jwks), ISSUER).verify(header["Authorization"])
    assert caller.subject == service


def test_private_keys_are_private_and_stay_the_same(home: Home) -> None:
    before = key_file(home, "dev").read_text()
    make_keys(home)
    assert key_file(home, "dev").read_text() == before
    folders = list(home.keys.iterdir())
    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for folder in folders for path in folder.iterdir()} == {"0o600"}
    assert '"d"' not in home.jwks.read_text()


def test_without_a_first_start_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="make up"):
        token(tmp_path, "demo", "kim", ["*"])
