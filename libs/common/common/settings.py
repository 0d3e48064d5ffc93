"""What every process must be told from outside; each service adds its own and gives the prefix."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from common.brokers import Brokers, Mechanism, Security
from common.caller import EVERYTHING
from common.errors import BadSettings
from common.fair_use import FairUse
from common.files.bucket import Bucket, Checksum, Encryption, read_address
from common.issuers import Issuer, Permission, read_issuers
from common.provision.servers import Servers

_FILE = "_FILE"
TOLD = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)
"""Of all settings: what is left empty is left out, whether by the environment or in a file, and no error shows a value."""


def _by_commas(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class _CannotBeRead(SettingsError, BadSettings):
    """Of a setting's file."""


class _Files(PydanticBaseSettingsSource):
    """`<SERVICE>_NAME_FILE`: the file that holds what `<SERVICE>_NAME` would say, as platforms hand out secrets."""

    def __call__(self) -> dict[str, Any]:
        """What stands in files, by the settings' names. Raises BadSettings where one is given in both ways, or its file
        cannot be read."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """What the setting's file holds, without white space around it; None where there is no such file, or it is empty."""
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        path = os.environ.get(variable + _FILE)
        if not path:
            return None, field_name, False
        if os.environ.get(variable):
            raise _CannotBeRead(f"{variable} and {variable}{_FILE} are both set: leave one of them out.")
        try:
            return Path(path).read_text("utf-8").strip() or None, field_name, False
        except (OSError, UnicodeError) as error:
            raise _CannotBeRead(f"The file of {variable}{_FILE} cannot be read ({type(error).__name__}).") from None


class BrokerSettings(BaseSettings):
    """Kafka: its addresses, TLS, and who the service is there (docs/connections.md); see `Brokers`.

    `admin_…` is for `provision` alone: who may make topics, in the place of who the service is.
    """

    model_config = TOLD

    kafka: str
    kafka_security: Security = "PLAINTEXT"
    kafka_mechanism: Mechanism | None = None
    kafka_user: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca: str | None = None
    kafka_certificate: str | None = None
    kafka_key: SecretStr | None = None
    kafka_token_path: Path | None = None
    kafka_token_url: str | None = None
    kafka_token_scope: str | None = None
    admin_kafka: str | None = None
    admin_kafka_user: str | None = None
    admin_kafka_password: SecretStr | None = None

    @model_validator(mode="after")
    def _fit(self) -> "BrokerSettings":
        for brokers in (self.brokers, self.admin_brokers):
            if missing := brokers.missing():
                raise ValueError(missing)
        if (self.admin_kafka_user is None) != (self.admin_kafka_password is None):
            raise ValueError("admin_kafka_user and admin_kafka_password are given together, or neither")
        return self

    @property
    def brokers(self) -> Brokers:
        """How the service connects to Kafka."""
        return Brokers(
            self.kafka, self.kafka_security, self.kafka_mechanism, self.kafka_user, said(self.kafka_password),
            self.kafka_ca, self.kafka_certificate, said(self.kafka_key),
            self.kafka_token_path, self.kafka_token_url, self.kafka_token_scope,
        )  # fmt: skip

    @property
    def admin_brokers(self) -> Brokers:
        """How `provision` connects to Kafka."""
        own = replace(self.brokers, servers=self.admin_kafka or self.kafka)
        if self.admin_kafka_user is None:
            return own
        return replace(own, user=self.admin_kafka_user, password=said(self.admin_kafka_password))


class ServiceSettings(BrokerSettings):
    """Read from the environment, `<SERVICE>_HOST` and so on, or each from the file that `<SERVICE>_HOST_FILE` names; frozen.

    No secret has a default; an error names a setting and never what it was set to. `jwks` and `issuer` are the services' own,
    whose tokens may give `issuer_permissions` at the most; `issuers` is whoever else gives out tokens (docs/tokens.md).
    """

    model_config = TOLD

    host: str = "127.0.0.1"
    port: int
    postgres: SecretStr
    jwks: str
    issuer: str = "dangol-local"
    issuer_permissions: Annotated[frozenset[Permission], NoDecode, BeforeValidator(_by_commas)] = frozenset({EVERYTHING})
    issuers: Annotated[tuple[Issuer, ...], NoDecode, BeforeValidator(read_issuers)] = ()
    pool_size: int = 10
    log_level: str = "info"
    otlp_endpoint: str | None = None
    access_log: bool = False
    instance: str = ""
    # For `provision` alone: who may make databases and roles, and how topics are kept.
    admin_postgres: SecretStr | None = None
    replicas: int = Field(default=1, ge=1)
    min_insync: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _told_apart(self) -> "ServiceSettings":
        names = [self.issuer, *(each.issuer for each in self.issuers)]
        if len(set(names)) < len(names):
            raise ValueError("issuers: each has a name (issuer) of its own, other than the services'")
        return self

    def servers(self, owner: SecretStr | None = None) -> Servers:
        """What `provision` prepares; `owner` is how the role of the tables connects, where that is another."""
        return Servers(
            self.postgres.get_secret_value(), said(self.admin_postgres), said(owner), self.admin_brokers,
            self.replicas, self.min_insync,
        )  # fmt: skip

    @property
    def member(self) -> str:
        """This process's own name among those of its role, the same after a restart: `instance`, or the host and the port."""
        return self.instance or f"{socket.gethostname()}:{self.port}"

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """The environment, then the files that it names."""
        return init_settings, env_settings, _Files(settings_cls)


class ApiSettings(BaseSettings):
    """For a service that answers HTTP.

    `idempotency_secret` is that of the hashes of POSTs with an `Idempotency-Key`, 32 bytes in hexadecimal. `channel_requests` and
    `token_requests` are how many requests a second one channel and one token may send each process (docs/fair-use.md).
    """

    model_config = TOLD

    idempotency_secret: SecretStr
    channel_requests: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    token_requests: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @property
    def fair_use(self) -> FairUse:
        """What each may send, counted from now on."""
        return FairUse(self.channel_requests, self.token_requests)


class CallerSettings(BaseSettings):
    """For a service that calls another: the private key it signs its own short tokens with."""

    model_config = TOLD

    signing_key: Path


class FileSettings(BaseSettings):
    """For a service that keeps files: `files` is a folder, in which they are written, and kept where no `store` is given.

    `store` is a bucket of any S3, `s3://bucket` or `s3://bucket/prefix`. Without keys the machine's own role is taken.
    Where `s3_endpoint` is left out it is Amazon's; where it is given, the bucket stands in the path of addresses, unless
    `s3_path_style` says otherwise.
    """

    model_config = TOLD

    files: Path
    store: str | None = None
    s3_endpoint: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_encryption: Encryption | None = None
    s3_kms_key_id: str | None = None
    s3_checksum: Checksum = "sha256"
    s3_path_style: bool | None = None

    @field_validator("store")
    @classmethod
    def _an_address(cls, store: str | None) -> str | None:
        if store is not None:
            read_address(store)
        return store

    @model_validator(mode="after")
    def _together(self) -> "FileSettings":
        if (self.s3_access_key_id is None) != (self.s3_secret_access_key is None):
            raise ValueError("s3_access_key_id and s3_secret_access_key are given together, or neither")
        if self.s3_kms_key_id is not None and not (self.s3_encryption or "").startswith("aws:kms"):
            raise ValueError("s3_kms_key_id is for s3_encryption aws:kms")
        return self

    @property
    def bucket(self) -> Bucket | None:
        """Where files are kept; None for the folder."""
        if self.store is None:
            return None
        name, prefix = read_address(self.store)
        return Bucket(
            name, prefix, self.s3_endpoint, self.s3_region, said(self.s3_access_key_id), said(self.s3_secret_access_key),
            self.s3_encryption, self.s3_kms_key_id, self.s3_checksum,
            self.s3_endpoint is not None if self.s3_path_style is None else self.s3_path_style,
        )  # fmt: skip


def said(secret: SecretStr | None) -> str | None:
    """What a secret says, where there is one."""
    return None if secret is None else secret.get_secret_value()
