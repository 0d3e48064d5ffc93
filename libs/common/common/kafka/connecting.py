"""How every client of Kafka connects: addresses, TLS, who we are; and why we are not let in, in words."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx
from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)  # fmt: skip

from common.brokers import Brokers
from common.tls import BadCertificates, client_context, untrusted

Where = Brokers | str
"""Brokers, or their addresses alone where these let everybody in."""

_EARLIER_SECONDS = 30.0
_TOKEN_SECONDS = 300.0
_PROBE_MS = 5000
_REFUSED = (AuthenticationFailedError, SaslAuthenticationFailed, IllegalSaslStateError)


class NotLetIn(KafkaError):  # type: ignore[misc]  # the client ships no types
    """Kafka is there, and does not take us; the text says what to look at, and holds no secret."""

    def __str__(self) -> str:
        return str(self.args[0])


class _Client(Protocol):
    async def start(self) -> None: ...


def options(where: Where) -> dict[str, Any]:
    """What a client is made with. Raises NotLetIn where the certificates that are set cannot be used."""
    brokers = _brokers(where)
    given: dict[str, Any] = {"bootstrap_servers": brokers.servers}
    try:
        return given | _security(brokers)
    except BadCertificates as reason:
        raise NotLetIn(str(reason)) from None


async def start(client: _Client, where: Where) -> None:
    """Connect. Raises NotLetIn where the brokers are there and refuse us, as the client does where they are away."""
    try:
        await client.start()
    except KafkaConnectionError:
        if reason := await _refusal(_brokers(where)):  # the client tries every broker, and says of none why
            raise NotLetIn(reason) from None
        raise


def words(error: BaseException) -> str:
    """An error for a log or an answer: its kind, or the whole of it where it is in our words."""
    return str(error) if isinstance(error, NotLetIn) else type(error).__name__


def _brokers(where: Where) -> Brokers:
    return where if isinstance(where, Brokers) else Brokers(where)


def _security(brokers: Brokers) -> dict[str, Any]:
    given: dict[str, Any] = {"security_protocol": brokers.security}
    if brokers.is_encrypted:
        given["ssl_context"] = client_context(brokers.ca, brokers.certificate, brokers.key, "kafka")
    if brokers.asks_who:
        given["sasl_mechanism"] = brokers.mechanism
        if brokers.mechanism == "OAUTHBEARER":
            given["sasl_oauth_token_provider"] = _provider(brokers)
        else:
            given |= {"sasl_plain_username": brokers.user, "sasl_plain_password": brokers.password}
    return given


async def _refusal(brokers: Brokers) -> str | None:
    """Why the first broker that answers does not take us; None where none answers, or now it does."""
    if brokers.security == "PLAINTEXT":
        return None
    for address in brokers.servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            connection = await create_conn(host, int(port), request_timeout_ms=_PROBE_MS, **_security(brokers))
        except NotLetIn as error:
            return str(error)
        except _REFUSED:
            return _shown(brokers)
        except UnsupportedSaslMechanismError:
            return f"Kafka does not take {brokers.mechanism}: look at kafka_mechanism."
        except (KafkaError, OSError) as error:  # a time-out is an OSError
            if reason := untrusted(error) or untrusted(error.__cause__ or error.__context__ or error):
                return f"Kafka at {host} is not to be talked to, {reason}. Look at kafka_ca, kafka_certificate and kafka."
        else:
            connection.close()
            return None
    return None


def _shown(brokers: Brokers) -> str:
    if brokers.mechanism == "OAUTHBEARER":
        return "Kafka does not take the token: look at kafka_token_path or kafka_token_url, and at what the brokers expect of it."
    return "Kafka does not take this user with this password: look at kafka_user, kafka_password and kafka_mechanism."


def _provider(brokers: Brokers) -> AbstractTokenProvider:
    if brokers.token_path is not None:
        return _InFile(brokers.token_path)
    if brokers.token_url is None or brokers.user is None or brokers.password is None:
        raise NotLetIn(brokers.missing())
    return _FromIssuer(brokers.token_url, brokers.user, brokers.password, brokers.token_scope)


class _InFile(AbstractTokenProvider):  # type: ignore[misc]
    """A token that the platform puts into a file, and renews there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] - the client has no types
        """The token as it is now. Raises NotLetIn."""
        try:
            return self._path.read_text("ascii").strip()
        except (OSError, UnicodeError) as error:
            raise NotLetIn(f"The file of kafka_token_path cannot be read ({type(error).__name__}).") from None


class _FromIssuer(AbstractTokenProvider):  # type: ignore[misc]
    """Tokens of an OAuth 2 issuer for a client with its secret, each used until shortly before its end."""

    def __init__(self, url: str, client: str, secret: str, scope: str | None) -> None:
        self._url = url
        self._client = client, secret
        self._form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        self._token = ""
        self._until = float("-inf")

    async def token(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] - the client has no types
        """A token that is good for a while yet. Raises NotLetIn."""
        if time.monotonic() >= self._until:
            answer = await self._ask()
            self._token = str(answer["access_token"])
            lasts = answer.get("expires_in")
            self._until = (
                time.monotonic() + (float(lasts) if isinstance(lasts, int | float) else _TOKEN_SECONDS) - _EARLIER_SECONDS
            )
        return self._token

    async def _ask(self) -> Mapping[str, object]:
        try:
            async with httpx.AsyncClient(timeout=_PROBE_MS / 1000) as client:
                answer = await client.post(self._url, data=self._form, auth=self._client)
            told = answer.json() if answer.is_success else None
        except (httpx.HTTPError, ValueError) as error:
            raise NotLetIn(f"No token comes from kafka_token_url ({type(error).__name__}).") from None
        if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
            where = "look at kafka_user, kafka_password and kafka_token_scope"
            raise NotLetIn(f"kafka_token_url gives no token (status {answer.status_code}): {where}.")
        return told
