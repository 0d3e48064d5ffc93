"""What a process is told from outside: by the environment or by files that it names, and never told again by an error."""

import importlib
import os
import re
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from common.brokers import Brokers
from common.errors import BadSettings
from common.settings import FileSettings, ServiceSettings
from localstack.home import SERVICES
from search.cluster import Cluster


class Settings(ServiceSettings, FileSettings):
    """As a service has them."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")


GIVEN = {
    "PORT": "8000",
    "POSTGRES": "postgresql://shop:pass-word@db/shop",
    "KAFKA": "kafka:9092",
    "JWKS": "/keys",
    "FILES": "/files",
}
KEYS = {"S3_ACCESS_KEY_ID": "an-id", "S3_SECRET_ACCESS_KEY": "a-secret"}


def told(monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    """Settings from an environment of these."""
    for name, value in {**GIVEN, **more}.items():
        monkeypatch.setenv(f"SHOP_{name}", value)
    return Settings()  # pyright: ignore[reportCallIssue] - from the environment


def test_any_setting_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret, port = tmp_path / "secret", tmp_path / "port"
    secret.write_text("postgresql://from/a-file\n")
    port.write_text("8001\n")
    settings = told(monkeypatch, POSTGRES="", POSTGRES_FILE=str(secret), PORT="", PORT_FILE=str(port))
    assert (settings.postgres.get_secret_value(), settings.port, settings.kafka) == (
        "postgresql://from/a-file",
        8001,
        "kafka:9092",
    )


def test_one_that_is_given_in_both_ways_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    with pytest.raises(SettingsError, match="SHOP_POSTGRES and SHOP_POSTGRES_FILE") as refused:
        told(monkeypatch, POSTGRES_FILE=str(tmp_path / "secret"))
    assert "pass-word" not in "".join(traceback.format_exception(refused.value))


def test_a_file_that_cannot_be_read_is_named_by_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match=r"SHOP_POSTGRES_FILE cannot be read \(FileNotFoundError\)") as refused:
        told(monkeypatch, POSTGRES="", POSTGRES_FILE="/nowhere/secret-name")
    assert "secret-name" not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"PORT": "eighty"}, "port"),
        ({"KAFKA": ""}, "kafka"),
        ({"STORE": "https://secret-host/x"}, "store"),
        ({"STORE": "s3://B"}, "store"),
        ({"S3_ACCESS_KEY_ID": "an-id"}, "s3_secret_access_key"),
        ({"S3_SECRET_ACCESS_KEY": "a-secret"}, "s3_access_key_id"),
        ({"S3_KMS_KEY_ID": "a-key"}, "s3_encryption"),
        ({"S3_KMS_KEY_ID": "a-key", "S3_ENCRYPTION": "AES256"}, "s3_encryption"),
        ({"S3_ENCRYPTION": "rot13"}, "s3_encryption"),
        ({"S3_CHECKSUM": "crc"}, "s3_checksum"),
    ],
)
def test_an_error_names_the_setting_and_no_value(monkeypatch: pytest.MonkeyPatch, more: dict[str, str], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        told(monkeypatch, **more)
    text = "".join(traceback.format_exception(refused.value))
    assert named in text
    assert not [value for value in ("pass-word", "secret-host", "a-secret", "an-id", "a-key", "eighty") if value in text]


def test_files_are_kept_in_their_folder_unless_a_bucket_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, STORE="", S3_ENDPOINT="").bucket is None
    bucket = told(monkeypatch, STORE="s3://shop-files").bucket
    assert bucket is not None
    assert (bucket.name, bucket.prefix, bucket.path_style, bucket.access_key_id) == ("shop-files", "", False, None)
    bucket = told(monkeypatch, STORE="s3://shop.files/of/exports/", S3_ENDPOINT="https://s3.example", **KEYS).bucket
    assert bucket is not None
    assert (bucket.name, bucket.prefix, bucket.path_style) == ("shop.files", "of/exports/", True)
    assert (bucket.access_key_id, bucket.secret_access_key) == ("an-id", "a-secret")
    assert "a-secret" not in repr(bucket)
    other = told(monkeypatch, STORE="s3://shop.files", S3_ENDPOINT="https://s3.example", S3_PATH_STYLE="false").bucket
    assert other is not None
    assert not other.path_style


SASL = {"KAFKA_SECURITY": "SASL_SSL", "KAFKA_MECHANISM": "SCRAM-SHA-512", "KAFKA_USER": "shop", "KAFKA_PASSWORD": "a-secret"}


def test_kafka_is_reached_as_it_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert told(monkeypatch).brokers == Brokers("kafka:9092")
    (tmp_path / "ca").write_text("-----BEGIN CERTIFICATE-----")
    brokers = told(monkeypatch, **SASL, KAFKA_CA_FILE=str(tmp_path / "ca")).brokers
    assert brokers == Brokers(
        "kafka:9092", "SASL_SSL", "SCRAM-SHA-512", "shop", "a-secret", ca="-----BEGIN CERTIFICATE-----"
    )  # fmt: skip
    assert "a-secret" not in repr(brokers)
    settings = told(monkeypatch, ADMIN_KAFKA="b:1", ADMIN_KAFKA_USER="root", ADMIN_KAFKA_PASSWORD="more")
    assert settings.brokers == brokers
    assert settings.admin_brokers == replace(brokers, servers="b:1", user="root", password="more")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"KAFKA_SECURITY": "a-secret"}, "kafka_security"),
        ({"KAFKA_USER": "a-secret"}, "is for kafka_security SASL_SSL or SASL_PLAINTEXT"),
        ({"KAFKA_CA": "a-secret"}, "is for kafka_security SSL or SASL_SSL"),
        ({**SASL, "KAFKA_SECURITY": "SASL_PLAINTEXT", "KAFKA_MECHANISM": "PLAIN"}, "sends its secret as it is"),
        ({"KAFKA_SECURITY": "SASL_SSL"}, "kafka_mechanism is missing"),
        ({**SASL, "KAFKA_MECHANISM": "a-secret"}, "kafka_mechanism"),
        ({**SASL, "KAFKA_PASSWORD": ""}, "kafka_user and kafka_password"),
        ({**SASL, "KAFKA_TOKEN_PATH": "/token"}, "a token is for kafka_mechanism OAUTHBEARER"),
        ({**SASL, "KAFKA_MECHANISM": "OAUTHBEARER"}, "one of kafka_token_path and kafka_token_url"),
        (
            {"KAFKA_SECURITY": "SASL_SSL", "KAFKA_MECHANISM": "OAUTHBEARER", "KAFKA_TOKEN_URL": "a-secret"},
            "kafka_token_url needs",
        ),
        ({"KAFKA_SECURITY": "SSL", "KAFKA_KEY": "a-secret"}, "kafka_certificate and kafka_key"),
        ({**SASL, "ADMIN_KAFKA_PASSWORD": "a-secret"}, "admin_kafka_user and admin_kafka_password"),
    ],
)
def test_what_does_not_fit_together_is_refused(monkeypatch: pytest.MonkeyPatch, more: dict[str, str], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        told(monkeypatch, **more)
    text = "".join(traceback.format_exception(refused.value))
    assert named in text
    assert not [value for value in ("pass-word", "a-secret") if value in text]


@pytest.mark.parametrize("service", SERVICES)
def test_no_setting_of_any_service_is_ever_told(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    settings: type[BaseSettings] = importlib.import_module(f"{service}.settings").Settings
    fields = settings.model_fields
    for name in fields:
        monkeypatch.setenv(f"{service}_{name}".upper(), f"told-{name}-told")
    for left_out in (None, *(name for name, field in fields.items() if field.is_required())):
        if left_out is not None:
            monkeypatch.delenv(f"{service}_{left_out}".upper())
        with pytest.raises((ValidationError, SettingsError)) as refused:
            settings()
        text = "".join(traceback.format_exception(refused.value))
        assert left_out is None or left_out in text
        assert "-told" not in text
    secret = re.compile("(password|secret|postgres|_key)$")
    for name, field in fields.items():
        if secret.search(name) and field.annotation is not Path:
            assert "SecretStr" in str(field.annotation), f"{name} would be shown"
            assert field.is_required() or field.default is None, f"{name} has a default"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"address": "https://a-user:a-secret@host"}, "opensearch is an address alone"),
        ({"user": "a-user"}, "opensearch_user and opensearch_password"),
        ({"user": "a-user", "password": "a-secret", "api_key": "a-secret"}, "not both"),
        ({"key": "a-secret"}, "opensearch_certificate and opensearch_key"),
        ({"address": "http://host", "ca": "a-secret"}, "begins with https://"),
        ({"user": "a-user", "password": "a-secret", "ca": "/ca"}, None),
        ({"api_key": "a-secret"}, None),
    ],
)
def test_a_cluster_is_told_what_does_not_fit_together(more: dict[str, str], named: str | None) -> None:
    cluster = replace(Cluster("https://host"), **more)
    words = cluster.missing()
    assert words is None if named is None else named in (words or "")
    assert "a-secret" not in f"{words}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_that_cannot_start_by_its_settings_names_them_and_tells_no_value(service: str) -> None:
    fields: dict[str, object] = importlib.import_module(f"{service}.settings").Settings.model_fields
    given = {f"{service}_{name}".upper(): f"told-{name}-told" for name in fields}
    command = [sys.executable, "-m", service, "migrate"]
    answer = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=False)
    said = answer.stdout + answer.stderr
    assert answer.returncode == 1
    assert said.startswith("The settings cannot be used.")
    assert "pool_size" in said
    assert "told-" not in said


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_left_empty_is_left_out_in_every_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: str) -> None:
    settings: type[BaseSettings] = importlib.import_module(f"{service}.settings").Settings
    prefix = f"{service}_".upper()
    for name in [name for name in os.environ if name.startswith(prefix)]:
        monkeypatch.delenv(name)
    odd = {"port": "8000", "public_url": "https://shop.example", "sealing_key": "0" * 64}
    for name, field in settings.model_fields.items():
        if field.is_required():
            monkeypatch.setenv(prefix + name.upper(), odd.get(name, "http://host"))
    without = settings()
    (tmp_path / "empty").write_text("\n")
    for in_file in (False, True):
        for name in [name for name, field in settings.model_fields.items() if not field.is_required()]:
            monkeypatch.setenv(prefix + name.upper(), "")
            if in_file:
                monkeypatch.setenv(f"{prefix}{name}_FILE".upper(), str(tmp_path / "empty"))
        assert settings() == without
    for name in [name for name, field in settings.model_fields.items() if field.is_required()]:
        monkeypatch.setenv(prefix + name.upper(), "")
    with pytest.raises(ValidationError) as refused:
        settings()
    assert {error["type"] for error in refused.value.errors()} == {"missing"}


def test_nothing_on_the_way_to_an_error_is_shown_before_logs_are_set_up() -> None:
    program = """
from common import process
async def main(secret):
    raise ValueError(secret)
process.run(main("".join(["told", "-it"])))
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert '"error": "ValueError"' in answer.stdout
    assert "told-it" not in answer.stdout + answer.stderr
