"""What exports must be told from outside."""

import os
from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from common.settings import ApiSettings, CallerSettings, FileSettings, ServiceSettings


def _sensible() -> int:
    processors = os.cpu_count() or 1
    return min(processors, 2) if processors > 1 else 0


class Settings(ServiceSettings, CallerSettings, ApiSettings, FileSettings):
    """`EXPORTS_…` of the environment. `sealing_key` is 32 bytes in hexadecimal; `public_url` is the gateway as people reach it.

    `manifest_key` is a file with the Ed25519 key (JWK) that signs manifests; or with several (JWKS), of which the first signs and
    all are published.

    `processes` of its own, some 25 MiB each, make the rows of a worker's file once it turns out, after `alone_rows` of them, that
    this takes longer than to wait for them; with 0 the worker makes them itself. Without the setting there are as many as
    processors, two at most, and none where there is but one. With 0 for `alone_rows` each file has them from its start.

    A worker that has been silent for `lease_seconds` is taken for dead, and another takes over its export.

    `trusted_proxies` are the addresses and networks, with commas between them, from which the gateway may connect: they alone are
    believed in who it is that asks (`X-Forwarded-For`), which the audit log keeps.

    `owner_postgres` is for `migrate` alone: how to connect as the role that owns the tables. Where it is left out the service's
    own role makes them, and could change the audit log.
    """

    model_config = SettingsConfigDict(env_prefix="EXPORTS_")

    contacts_url: str
    search_url: str
    public_url: str
    sealing_key: SecretStr
    manifest_key: Path
    processes: int = Field(default_factory=_sensible, ge=0, le=16)
    alone_rows: int = Field(default=20_000, ge=0)
    lease_seconds: float = Field(default=8.0, ge=1, le=20)
    trusted_proxies: str = "127.0.0.1,::1"
    owner_postgres: SecretStr | None = None

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        try:
            for each in text.split(","):
                ip_network(each.strip())
        except ValueError:
            raise ValueError("addresses and networks, with commas between them") from None
        return text
