"""An upload as it arrives: the form's parts are taken from the stream, the table straight into a file."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from common.errors import Unprocessable, Unreadable
from common.text_rules import clean_text

_FILE = "file"
_FIELDS = frozenset({"mapping", "kind", "password", "encoding", "dryRun"})
_MOST_FIELD, _MOST_HEADER = 256 * 1024, 8 * 1024
_TRUE, _FALSE = "true", "false"


class Form:
    """Takes a multipart body piece by piece; `fields` and `digest` hold once it is `done`."""

    def __init__(self, content_type: str | None, target: Path) -> None:
        kind, options = parse_options_header(content_type or "")
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise Unreadable("Send the file as multipart/form-data, in the part `file`.")
        self.fields: dict[str, str] = {}
        self._parts: dict[str, bytearray] = {}
        self._target = target
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._part = ""
        self._header = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._header_size = 0
        self._ended = False
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin, "on_header_field": self._header_field, "on_header_value": self._header_value,
            "on_header_end": self._header_end, "on_headers_finished": self._named, "on_part_data": self._data,
            "on_end": self._end,
        }  # fmt: skip
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def __enter__(self) -> "Form":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def feed(self, data: bytes) -> None:
        """The next bytes of the body. Raises Unreadable, Unprocessable."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise _unreadable() from None

    def done(self) -> None:
        """The body is over. Raises Unreadable where it is cut off, Unprocessable where it lacks the file."""
        if not self._ended:
            raise _unreadable()
        if self._file is None:
            raise Unprocessable("Send the table in the part `file`.", pointer="/file")
        self._file.close()
        for name, raw in self._parts.items():
            try:
                self.fields[name] = clean_text(raw.decode(), f"/{name}")
            except UnicodeDecodeError:
                raise Unprocessable("This must be text in UTF-8.", pointer=f"/{name}") from None

    @property
    def digest(self) -> bytes:
        """The same for the same file with the same fields."""
        parts = [b"%s=%s" % (name.encode(), self.fields[name].encode()) for name in sorted(self.fields)]
        return hashlib.sha256(b"\0".join([self._hash.digest(), *parts])).digest()

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be written. Raises Unprocessable."""
        value = self.fields.get("dryRun", _FALSE)
        if value not in (_TRUE, _FALSE):
            raise Unprocessable("`dryRun` is `true` or `false`.", pointer="/dryRun")
        return value == _TRUE

    def _begin(self) -> None:
        self._headers = {}
        self._header_size = 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._extend_header(self._header[0], data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._extend_header(self._header[1], data[start:end])

    def _extend_header(self, held: bytearray, piece: bytes) -> None:
        held += piece
        self._header_size += len(piece)
        if self._header_size > _MOST_HEADER:
            raise _unreadable()

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _named(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name == _FILE and self._file is None:
            self._file = self._target.open("wb")
        elif name in self._parts or name == _FILE:
            raise Unprocessable("This part stands twice in the form.", pointer=f"/{name}")
        elif name not in _FIELDS:
            place = re.sub(r"[^\w.-]", "", name)[:64]
            raise Unprocessable("The form has no such part.", code="unknownMember", pointer=f"/{place}")
        else:
            self._parts[name] = bytearray()
        self._part = name

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._part == _FILE:
            assert self._file is not None
            self._file.write(piece)
            self._hash.update(piece)
            return
        held = self._parts[self._part]
        held += piece
        if len(held) > _MOST_FIELD:
            raise Unprocessable("This is too long.", code="tooLong", pointer=f"/{self._part}")

    def _end(self) -> None:
        self._ended = True


def _unreadable() -> Unreadable:
    return Unreadable("The body is no complete multipart/form-data.")
