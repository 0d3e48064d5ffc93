"""Reports as CSV files: readable in every spreadsheet program, with nothing in them that runs there."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query, Request

from common.errors import Unprocessable

MEDIA_TYPE = "text/csv; charset=utf-8"
_MARK = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for the country's older encoding
_PAGING = ("limit", "cursor")
_BEGINNINGS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # of formulas, in full width too


def head(names: Sequence[str]) -> bytes:
    """The beginning of a file: the byte order mark, and the columns' names."""
    return _MARK + lines([names])


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Some rows; None is an empty cell."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def inert(text: str | None) -> str | None:
    """A text of the sender's that no spreadsheet program takes for a formula."""
    return f"'{text}" if text is not None and text[:1] in _BEGINNINGS else text


def headers(name: str) -> dict[str, str]:
    """Those of a file to be kept under this name."""
    return {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store", "Vary": "Accept"}


def _asked_for(request: Request, named: Annotated[Literal["json", "csv"] | None, Query(alias="format")] = None) -> bool:
    """Whether a file is asked for: by `format`, as a link in a page must, or by `Accept`, where JSON does not come first.

    Raises Unprocessable where a page of it is asked for: there is none.
    """
    if named == "json" or (named is None and not _accepted(request.headers.get("accept", ""))):
        return False
    for name in _PAGING:
        if name in request.query_params:
            raise Unprocessable(
                f"A CSV file has all in one, without pages: leave `{name}` out, or ask for JSON.",
                code="notTogether",
                extra={"parameter": name},
            )
    return True


def _accepted(accept: str) -> bool:
    types = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    return next((each for each in types if each in {"text/csv", "application/json"}), None) == "text/csv"


AskedFor = Annotated[bool, Depends(_asked_for)]
