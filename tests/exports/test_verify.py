"""Whoever has a file and its manifest proves where it came from and that it is whole; whatever was changed is found."""

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
import orjson
import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from common.clock import WireInstant
from exports.events import Column, Manifest
from exports.files import Files
from exports.signing import ALGORITHM, TYPE, ManifestKeys, NotSigned, signed
from exports.verify import faults, faults_of_rows, signature_of
from exports.workbook.agile_format import Stretched
from exports.writing import Writing

PASSWORD = "abc-123!"
EXPORT = UUID(int=5)
COLUMNS = [Column(key="profile.x", type="String", heading="x"), Column(key="id", type="String", heading="id")]
KEY = OKPKey.generate_key("Ed25519", {"kid": "one"}, private=True)
OTHER = OKPKey.generate_key("Ed25519", {"kid": "one"}, private=True)
KEYS = ManifestKeys([KEY], "https://contacts.example")


async def kept(files: Files, content: bytes) -> tuple[int, str]:
    """Size and SHA-256 of what is kept, as whoever keeps it tells them."""
    with await files.begin(EXPORT, 1) as file:
        file.write(content)
        return await files.finish(EXPORT, 1, file)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Manifest]:
    """A file and its manifest, unsigned."""
    file = io.BytesIO()
    aside = Files(tmp_path_factory.mktemp("aside")).aside()
    with contextlib.closing(Writing(file, aside, Stretched.of(PASSWORD), COLUMNS, "UTC", "en", 0)) as writing:
        lines = [{"id": str(UUID(int=n)), "profile": {"x": "x" * (n * 20_000)}} for n in range(4)]
        writing.add([orjson.dumps(line) for line in lines])
        writing.finish()
    size, digest = asyncio.run(kept(Files(tmp_path_factory.mktemp("files")), file.getvalue()))
    manifest = Manifest(
        rows=4, columns=[column.key for column in COLUMNS], instant=cast("WireInstant", "2026-11-24T03:00:00.000Z"), bytes=size,
        file_sha256=digest, ids_sha256=writing.ids.sha256(), long_values=2,
    )  # fmt: skip
    return file.getvalue(), manifest


def command(folder: Path, file: bytes, manifest: str, keys: object, *more: str, password: str = PASSWORD) -> Any:
    """The command as a person runs it, with files of these contents; the password is given on standard input."""
    for name, content in (("f.xlsx", file), ("manifest", manifest.encode()), ("keys", json.dumps(keys).encode())):
        (folder / name).write_bytes(content)
    line = [sys.executable, "-m", "exports", "verify", "f.xlsx", "manifest", "--keys", "keys", *more]
    return subprocess.run(line, cwd=folder, input=password + "\n", capture_output=True, text=True, check=False)


def test_a_signed_manifest_says_what_was_signed(made: tuple[bytes, Manifest]) -> None:
    _, manifest = made
    statement = signed(KEYS.sign("demo", EXPORT, manifest) + "\n", KEYS.public())
    assert (statement.issuer, statement.channel, statement.export) == ("https://contacts.example", "demo", EXPORT)
    assert (statement.rows, statement.columns, statement.bytes) == (4, ["profile.x", "id"], manifest.bytes)
    assert (statement.file_sha256, statement.ids_sha256) == (manifest.file_sha256, manifest.ids_sha256)
    assert (statement.instant, statement.long_values) == (manifest.instant, 2)


def test_what_is_published_is_public() -> None:
    [key] = KEYS.public()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}


def test_a_key_without_a_name_signs_under_its_thumbprint(made: tuple[bytes, Manifest]) -> None:
    nameless = {name: value for name, value in KEY.as_dict(private=True).items() if name != "kid"}
    keys = ManifestKeys.of(json.dumps(nameless).encode(), "i")
    assert [key["kid"] for key in keys.public()["keys"]] == [KEY.thumbprint()]
    assert signed(keys.sign("demo", EXPORT, made[1]), keys.public()).rows == 4


def test_a_key_that_was_replaced_still_proves_what_it_signed(made: tuple[bytes, Manifest]) -> None:
    _, manifest = made
    old = OKPKey.generate_key("Ed25519", {"kid": "old"}, private=True)
    kept = OKPKey.import_key(old.as_dict(private=False))
    now = ManifestKeys([KEY, kept], "i")
    assert signed(ManifestKeys([old], "i").sign("demo", EXPORT, manifest), now.public()).export == EXPORT
    assert signed(now.sign("demo", EXPORT, manifest), now.public()).export == EXPORT


def _altered(text: str, at: int) -> str:
    parts = text.split(".")
    parts[at] = ("B" if parts[at][5] == "A" else "A").join((parts[at][:5], parts[at][6:]))
    return ".".join(parts)


def _other_type(payload: bytes) -> str:
    return jws.serialize_compact({"alg": ALGORITHM, "kid": "one", "typ": "JWT"}, payload, KEY, algorithms=[ALGORITHM])


@pytest.mark.parametrize(
    "altered",
    [
        lambda text: _altered(text, 0),
        lambda text: _altered(text, 1),
        lambda text: _altered(text, 2),
        lambda text: text.rpartition(".")[0] + ".",
        lambda _: "",
        lambda _: "a.b.c",
        lambda _: _other_type(b"{}"),
        lambda _: jws.serialize_compact({"alg": ALGORITHM, "kid": "one", "typ": TYPE}, b"{}", KEY, algorithms=[ALGORITHM]),
    ],
)
def test_what_was_altered_or_is_something_else_is_no_manifest(
    made: tuple[bytes, Manifest], altered: Callable[[str], str]
) -> None:
    text = KEYS.sign("demo", EXPORT, made[1])
    with pytest.raises(NotSigned):
        signed(altered(text), KEYS.public())


def test_another_key_proves_nothing(made: tuple[bytes, Manifest]) -> None:
    text = KEYS.sign("demo", EXPORT, made[1])
    broken: list[dict[str, Any]] = [{"keys": []}, {}, {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one"}]}]
    for keys in (ManifestKeys([OTHER], "i").public(), *broken):
        with pytest.raises(NotSigned):
            signed(text, keys)


def test_the_signature_is_found_in_what_was_kept_of_an_answer() -> None:
    manifest = {"rows": 1, "signature": "a.b.c"}
    for text in ("a.b.c", '"a.b.c"\n', json.dumps(manifest), json.dumps({"id": "x", "manifest": manifest})):
        assert signature_of(text) == "a.b.c"
    nothing: list[Any] = [{}, {"manifest": None}, {"manifest": {"signature": None}}, [], 5]
    for answer in nothing:
        with pytest.raises(NotSigned):
            signature_of(json.dumps(answer))


def test_every_change_of_a_file_is_found_without_its_password(made: tuple[bytes, Manifest]) -> None:
    content, manifest = made
    statement = signed(KEYS.sign("demo", EXPORT, manifest), KEYS.public())
    assert list(faults(io.BytesIO(content), statement)) == []
    assert len(list(faults(io.BytesIO(content[:-1]), statement))) == 2
    for place in range(0, len(content), 997):
        changed = bytearray(content)
        changed[place] ^= 1
        assert len(list(faults(io.BytesIO(changed), statement))) == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"rows": 5}, "5"),
        ({"long_values": 1}, "2"),
        ({"ids_sha256": "0" * 64}, "ids"),
        ({"columns": ["profile.x"]}, None),
    ],
)
def test_rows_are_counted_with_the_password(made: tuple[bytes, Manifest], change: dict[str, Any], fault: str | None) -> None:
    content, manifest = made
    statement = signed(KEYS.sign("demo", EXPORT, msgspec.structs.replace(manifest, **change)), KEYS.public())
    found = list(faults_of_rows(io.BytesIO(content), statement, PASSWORD))
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]
    assert list(faults_of_rows(io.BytesIO(content), statement, "another-1!")) == ["The password does not open it."]


def test_the_command_says_what_holds_and_what_does_not(made: tuple[bytes, Manifest], tmp_path: Path) -> None:
    content, manifest = made
    text = KEYS.sign("demo", EXPORT, manifest)
    good = command(tmp_path, content, text, KEYS.public())
    assert (good.returncode, good.stderr) == (0, "")
    assert f"It is the export {EXPORT} of the channel demo, as https://contacts.example made it: 4 rows" in good.stdout
    counted = command(tmp_path, content, json.dumps({"signature": text}), KEYS.public(), "--rows")
    assert (counted.returncode, counted.stdout.endswith("its rows were counted.\n")) == (0, True)
    wrong = command(tmp_path, content, text, KEYS.public(), "--rows", password="another-1!")
    assert (wrong.returncode, wrong.stdout) == (1, "The password does not open it.\n")
    cut = command(tmp_path, content[:-1], text, KEYS.public())
    assert (cut.returncode, len(cut.stdout.splitlines())) == (1, 2)
    stranger = command(tmp_path, content, text, ManifestKeys([OTHER], "i").public())
    assert (stranger.returncode, stranger.stdout.startswith("The signature is not of these keys")) == (1, True)
    for broken in (command(tmp_path, content, text, []), command(tmp_path, content, "{}", KEYS.public())):
        assert (broken.returncode, broken.stderr) == (1, "")


def test_without_keys_or_a_file_the_command_says_what_is_missing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "EXPORTS_MANIFEST_KEY"}
    (tmp_path / "manifest").write_text("a.b.c")
    verify = [sys.executable, "-m", "exports", "verify"]
    for line, said in (("f manifest", "--keys"), ("f nothing", "nothing"), ("f manifest --keys gone", "gone")):
        run = subprocess.run([*verify, *line.split()], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout, said in run.stderr, "Traceback" in run.stderr) == (2, "", True, False)
