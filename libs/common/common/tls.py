"""TLS to a server: whom to trust, and one's own certificate."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import BadSettings

_PEM = "-----BEGIN"


class BadCertificates(BadSettings):
    """What was set cannot be read, or does not fit together; the text names the setting, never its value."""


def client_context(ca: str | None, certificate: str | None, key: str | None, prefix: str) -> ssl.SSLContext:
    """Trusts the CA, or the system's where none is named; the server's name is always checked.

    Each is the path of a PEM file, or its text. `prefix` is how the settings' names begin. Raises BadCertificates.
    """
    try:
        context = ssl.create_default_context(
            cafile=ca if ca and _PEM not in ca else None, cadata=ca if ca and _PEM in ca else None
        )
    except (OSError, ValueError) as error:  # what TLS cannot read is an OSError
        raise BadCertificates(f"{prefix}_ca is not a file of certificates (PEM) that can be read ({_kind(error)}).") from None
    if certificate is not None:
        try:
            with _file(certificate) as certificate_file, _file(key or certificate) as key_file:
                context.load_cert_chain(certificate_file, key_file, password=_without_password)
        except (OSError, ValueError) as error:
            raise BadCertificates(
                f"{prefix}_certificate and {prefix}_key are not a certificate and its own key without a password, "
                f"each a PEM file that can be read ({_kind(error)})."
            ) from None
    return context


def untrusted(error: BaseException) -> str | None:
    """What is wrong where TLS did not come about, in words without a value of ours; None for an error of another kind."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {error.verify_message.rstrip('.')}"
        case ssl.SSLError():
            return f"TLS did not come about ({(error.reason or 'unknown').lower().replace('_', ' ')})"
        case _:
            return None


def _kind(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(reason).lower().replace("_", " ")


def _without_password() -> str:
    raise ValueError("encrypted")


@contextmanager
def _file(given: str) -> Iterator[str]:
    """A path for what may be text: the library reads files alone. Ours is this user's only, and gone at once."""
    if _PEM not in given:
        yield given
        return
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(given)
        yield path
    finally:
        Path(path).unlink()
