"""`python -m exports verify FILE MANIFEST`: whoever has a file proves where it came from and that it is whole.

MANIFEST is a file with what `GET /v1/exports/{id}` answered, or with the `signature` of it alone. `--keys` is the address of
`/.well-known/jwks.json`, or a file with what it answered; without it the service's own key is taken (`EXPORTS_MANIFEST_KEY`).
`--rows` opens the file as well and counts what is in it anew; its password is asked for, or read from standard input.
"""

import argparse
import getpass
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from exports.events import Column
from exports.signing import ManifestKeys, NotSigned, Statement, signed
from exports.workbook.agile_format import Tampered, WrongPassword
from exports.writing import Incomplete, read_back

_READ = 1 << 20


class CannotVerify(Exception):
    """There is nothing to verify by; the text says what is missing."""


def signature_of(text: str) -> str:
    """The signature within what somebody kept of an export's answer. Raises NotSigned."""
    try:
        answer: Any = json.loads(text)
    except ValueError:
        return text
    if isinstance(answer, str):
        return answer
    manifest = answer.get("manifest", answer) if isinstance(answer, dict) else None
    signature = manifest.get("signature") if isinstance(manifest, dict) else None
    if not isinstance(signature, str):
        raise NotSigned("It has no `signature`: exports made before manifests were signed have none.")
    return signature


def faults(file: BinaryIO, statement: Statement) -> Iterator[str]:
    """In which a file is not the one that a statement is about; it needs no password."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while data := file.read(_READ):
        digest.update(data)
        size += len(data)
    if size != statement.bytes:
        yield f"It has {size:,} bytes, not {statement.bytes:,}."
    if digest.hexdigest() != statement.file_sha256:
        yield "Its SHA-256 is another one: it was changed, cut short, or is another file."


def faults_of_rows(file: BinaryIO, statement: Statement, password: str) -> Iterator[str]:
    """In which its rows are not those that a statement tells of."""
    columns = [Column(key=key, type="String", heading=key) for key in statement.columns]
    try:
        found = read_back(file, password, columns)
    except WrongPassword:
        yield "The password does not open it."
        return
    except (Tampered, Incomplete):
        yield "It cannot be read to its end."
        return
    if found.rows != statement.rows:
        yield f"It has {found.rows:,} rows, not {statement.rows:,}."
    if found.ids_sha256 not in {None, statement.ids_sha256}:
        yield "The ids of its contacts are others."
    if found.long_values != statement.long_values:
        yield f"It has {found.long_values:,} texts longer than a cell, not {statement.long_values:,}."


def _keys(source: str | None, environment: Mapping[str, str]) -> dict[str, Any]:
    if source is None:
        own = environment.get("EXPORTS_MANIFEST_KEY")
        if own is None:
            raise CannotVerify("Say by `--keys` where the keys are: an address that ends in /.well-known/jwks.json, or a file.")
        return ManifestKeys.of(Path(own).read_bytes(), "").public()
    if source.startswith(("https://", "http://")):
        answer = httpx.get(source, timeout=10)
        answer.raise_for_status()
        fetched: dict[str, Any] = answer.json()
        return fetched
    kept: dict[str, Any] = json.loads(Path(source).read_bytes())
    return kept


def run(arguments: Sequence[str]) -> int:
    """The command; 0 where everything holds."""
    parser = argparse.ArgumentParser("python -m exports verify", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--keys", help="address or file of the public keys")
    parser.add_argument("--rows", action="store_true", help="count the rows as well; needs the password")
    given = parser.parse_args(arguments)
    try:
        said, holds = _look(given)
    except (CannotVerify, OSError, ValueError, httpx.HTTPError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("\n".join([*said, ""]))
    return 0 if holds else 1


def _look(given: argparse.Namespace) -> tuple[list[str], bool]:
    try:
        statement = signed(signature_of(given.manifest.read_text("utf-8")), _keys(given.keys, os.environ))
    except NotSigned as error:
        return [str(error)], False
    with given.file.open("rb") as file:
        found = list(faults(file, statement))
        if given.rows and not found:
            password = getpass.getpass("Password of the file: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
            found = list(faults_of_rows(file, statement, password))
    return (found, False) if found else ([_told(statement, rows=given.rows)], True)


def _told(statement: Statement, *, rows: bool) -> str:
    return (
        f"It is the export {statement.export} of the channel {statement.channel}, as {statement.issuer} made it: "
        f"{statement.rows:,} rows of {statement.instant}, {statement.bytes:,} bytes, unchanged"
        f"{'; its rows were counted' if rows else ''}."
    )
