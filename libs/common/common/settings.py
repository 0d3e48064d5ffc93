"""What every process must be told from outside; each service adds its own and gives the prefix."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Read from the environment, `<SERVICE>_HOST` and so on; frozen; no default for a secret."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int
    postgres: SecretStr
    kafka: str
    jwks: str
    issuer: str = "dangol-local"
    pool_size: int = 10
    log_level: str = "info"
    otlp_endpoint: str | None = None


class ApiSettings(BaseSettings):
    """For a service whose POSTs may carry an `Idempotency-Key`: the secret of its hashes, 32 bytes in hexadecimal."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    idempotency_secret: SecretStr


class CallerSettings(BaseSettings):
    """For a service that calls another: the private key it signs its own short tokens with."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    signing_key: Path
