"""Development keys made at first start, and the tokens signed with them."""

import json
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from localstack.errors import StackError
from localstack.home import SERVICES, Home, write_private

ISSUER = "dangol-local"
AUDIENCE = "dangol"
ALGORITHM = "ES256"
TWELVE_HOURS = 12 * 60 * 60
_DEVELOPER = "dev"


def make_keys(home: Home) -> None:
    """Make the keys that are missing, and publish the public parts of those for tokens: the developer's, one per service."""
    public = []
    for owner in (_DEVELOPER, *SERVICES):
        path = key_file(home, owner)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            key = ECKey.generate_key("P-256", {"kid": f"local-{owner}", "use": "sig", "alg": ALGORITHM}, private=True)
            write_private(path, json.dumps(key.as_dict(private=True)))
        public.append(_read(path).as_dict(private=False))
    if not manifest_key(home).exists():
        kid = f"local-manifests-{secrets.token_hex(4)}"
        made = OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig", "alg": "Ed25519"}, private=True)
        write_private(manifest_key(home), json.dumps(made.as_dict(private=True)))
    wanted = json.dumps({"keys": public})
    if not home.jwks.exists() or home.jwks.read_text("utf-8") != wanted:
        partial = home.jwks.with_suffix(".partial")
        partial.write_text(wanted, "utf-8")
        partial.replace(home.jwks)


def key_file(home: Home, owner: str) -> Path:
    """The private key (JWK) of a service, or of the developer."""
    return home.keys / owner / "token.json"


def manifest_key(home: Home) -> Path:
    """The private key (JWK) by which exports signs the manifests of files; services accept no token that is signed with it."""
    return home.keys / "exports" / "manifests.json"


def token(home: Path, channel: str, sub: str, permissions: Sequence[str], *, exp_seconds: int = TWELVE_HOURS) -> str:
    """A token for `sub` within `channel`; `*` stands for every permission. Raises StackError before the stack's first start."""
    path = key_file(Home(home), _DEVELOPER)
    if not path.exists():
        raise StackError(f"There is no key in {home} yet. Run `make up` first.")
    key = _read(path)
    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": sub, "channel": channel, "permissions": list(permissions),
        "iat": now, "exp": now + exp_seconds,
    }  # fmt: skip
    return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}, claims, key, algorithms=[ALGORITHM])


def _read(path: Path) -> ECKey:
    return ECKey.import_key(json.loads(path.read_text("utf-8")))
