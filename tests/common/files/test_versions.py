"""A bucket as other stores than the real one of the tests are: it keeps versions, and what is deleted goes in all of them.

Answers stand here as Amazon's pages of the interface write them (DeleteObject, ListObjectVersions, ListMultipartUploads).
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import Unavailable
from common.files.bucket import Bucket
from common.files.s3 import S3

KEY = "at/a.1.xlsx"
ABSENT = "at/b.1.xlsx"
ANOTHER = "at/a.1.xlsx.of-others"
_LIST = """<?xml version="1.0" encoding="UTF-8"?>
<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>files</Name><Prefix></Prefix>{more}</{name}>"""
_VERSION = "<{kind}><Key>{key}</Key><VersionId>{version}</VersionId><IsLatest>false</IsLatest></{kind}>"


class Keeping:
    """A bucket that keeps versions; a page of them holds one."""

    def __init__(self) -> None:
        self.held = [("Version", KEY, "v1"), ("Version", ANOTHER, "v2"), ("Version", KEY, "v3")]
        self.refuses_versions = False
        """To list them and to delete one, as to whom the rights are missing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        request = Request(scope, receive)
        key = request.url.path.removeprefix("/files/")
        await self.answer(request.method, key, dict(request.query_params))(scope, receive, send)

    def answer(self, method: str, key: str, asked: dict[str, str]) -> Response:
        if self.refuses_versions and {"versions", "versionId"} & asked.keys():
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        if method == "HEAD":
            newest = self.newest(key)
            if newest is None or newest[0] != "Version":
                return Response(status_code=404)
            return Response(headers={"x-amz-version-id": newest[2]})
        if "list-type" in asked:
            seen = {each[1] for each in self.held if self.newest(each[1]) == each and each[0] == "Version"}
            return _xml("ListBucketResult", "".join(f"<Contents><Key>{each}</Key></Contents>" for each in sorted(seen)))
        if key == ABSENT and method == "DELETE":
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
        if method == "DELETE" and "versionId" in asked:
            self.held = [each for each in self.held if each[1:] != (key, asked["versionId"])]
            return Response(status_code=204, headers={"x-amz-version-id": asked["versionId"]})
        if method == "DELETE":
            self.held.append(("DeleteMarker", key, "v4"))
            return Response(status_code=204, headers={"x-amz-version-id": "v4", "x-amz-delete-marker": "true"})
        if "uploads" in asked:
            return _xml("ListMultipartUploadsResult", "<IsTruncated>false</IsTruncated>")
        assert "versions" in asked
        return self.page(asked)

    def newest(self, key: str) -> tuple[str, str, str] | None:
        """The last of a key's versions and markers."""
        return max((each for each in self.held if each[1] == key), key=lambda each: each[2], default=None)

    def page(self, asked: dict[str, str]) -> Response:
        """The versions behind a mark: those that are gone meanwhile are no reason to leave one out."""
        marks = [version for _, _, version in sorted(self.held, key=lambda each: each[2])]
        left = [each for each in sorted(self.held, key=lambda each: each[2]) if each[2] > asked.get("version-id-marker", "")]
        kind, key, version = left[0]
        more = _VERSION.format(kind=kind, key=key, version=version)
        if version == marks[-1]:
            return _xml("ListVersionsResult", f"<IsTruncated>false</IsTruncated>{more}")
        mark = f"<NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>{version}</NextVersionIdMarker>"
        return _xml("ListVersionsResult", f"<IsTruncated>true</IsTruncated>{mark}{more}")


def _xml(name: str, more: str) -> Response:
    return Response(_LIST.format(name=name, more=more), media_type="application/xml")


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The address of an application that is served."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, http="httptools", lifespan="off"))
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield "http://{}:{}".format(*listening.getsockname())
        finally:
            server.should_exit = True
            await task


async def test_what_is_removed_goes_in_all_its_versions_and_what_is_named_alike_stays() -> None:
    keeping = Keeping()
    async with serving(keeping) as address:
        bucket = Bucket("files", "at/", address, "us-east-1", "an-id", "a-secret", path_style=True)
        async with S3.open_bucket(bucket) as store:
            await store.remove("a.1.xlsx")
            await store.remove("b.1.xlsx")  # which some stores answer with 404
    assert keeping.held == [("Version", ANOTHER, "v2")]


async def test_what_cannot_be_removed_in_all_its_versions_is_named_until_it_can() -> None:
    keeping = Keeping()
    async with serving(keeping) as address:
        bucket = Bucket("files", "at/", address, "us-east-1", "an-id", "a-secret", path_style=True)
        async with S3.open_bucket(bucket) as store:
            before = list(keeping.held)
            keeping.refuses_versions = True
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await store.remove("a.1.xlsx")
            assert keeping.held == before
            keeping.refuses_versions = False
            assert "a.1.xlsx" in await store.names()
            await store.remove("a.1.xlsx")
            assert "a.1.xlsx" not in await store.names()


async def test_what_somebody_else_has_hidden_is_named_and_removed() -> None:
    keeping = Keeping()
    async with serving(keeping) as address:
        bucket = Bucket("files", "at/", address, "us-east-1", "an-id", "a-secret", path_style=True)
        async with S3.open_bucket(bucket) as store:
            keeping.held.append(("DeleteMarker", KEY, "v9"))
            assert "a.1.xlsx" in await store.names()
            await store.remove("a.1.xlsx")
            assert await store.names() == {"a.1.xlsx.of-others"}
