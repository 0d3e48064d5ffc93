"""A bucket of any S3 as a store of files: sent by parts with checksums, encrypted as is told, read back before it counts."""

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, NoReturn

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from common.errors import Unavailable
from common.files.bucket import Bucket
from common.files.keeping import PIECE, Altered
from common.telemetry import FILES, log

_MOST_PARTS = 10_000
_AWAY = (BotoCoreError, aiohttp.ClientError, TimeoutError, OSError)
_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "NoSuchUpload"})
_CODE = re.compile(r"[A-Za-z0-9.]{1,60}")
_DOES_NOT = frozenset({405, 501})
_NOT_THERE, _SERVERS_FAULT = 404, 500


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is sent at once, and for how many seconds is waited."""

    part: int = 8 << 20
    """A file of more bytes is sent by parts of so many; one of them is in memory at a time."""
    connecting: float = 5.0
    answering: float = 20.0
    silent: float = 30.0
    """While it is asked for more of a file."""
    sending: float = 120.0
    """One part, or looking through all that lies there."""
    joining: float = 300.0
    """To put the parts of a large file together takes some stores minutes."""


LIMITS = Limits()


class S3Reading:
    """Bytes of an object as they come."""

    def __init__(self, answer: Mapping[str, Any], size: int, silent: float) -> None:
        self._body = answer["Body"]
        self._silent = silent
        self.size = size

    async def read(self) -> bytes:
        """The next bytes, none at the end. Raises Unavailable."""
        async with _asked("read", self._silent):
            data: bytes = await self._body.read(PIECE)
        return data

    async def close(self) -> None:
        """The connection is closed, unless all was read."""
        self._body.close()


class S3:
    """The store that all machines share. Each name is written once, so nothing is ever overwritten."""

    def __init__(self, client: Any, bucket: Bucket, limits: Limits) -> None:
        self._client = client
        self._limits = limits
        self._prefix = bucket.prefix
        self._bucket = {"Bucket": bucket.name}
        self._sums = bucket.checksum
        self._sealed: dict[str, str] = {}
        if bucket.encryption is not None:
            self._sealed["ServerSideEncryption"] = bucket.encryption
        if bucket.kms_key_id is not None:
            self._sealed["SSEKMSKeyId"] = bucket.kms_key_id
        self._lists_uploads = True
        self._keeps_versions: bool | None = None
        """Whether the bucket does; None until it has shown it or was asked."""

    @classmethod
    @asynccontextmanager
    async def open_bucket(cls, bucket: Bucket, limits: Limits = LIMITS) -> AsyncIterator["S3"]:
        """A client of the bucket, closed at the end. Who one is there: as the bucket says, or as the machine knows (its role)."""
        config = AioConfig(
            connect_timeout=limits.connecting,
            read_timeout=limits.joining,  # each call has a limit of its own
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=1000,  # each download under way has one
            # Stores other than Amazon's refuse the trailing checksums that would be sent with everything; ours are said below.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if bucket.path_style else "auto"},
        )
        async with get_session().create_client(
            "s3", region_name=bucket.region, endpoint_url=bucket.endpoint, aws_access_key_id=bucket.access_key_id,
            aws_secret_access_key=bucket.secret_access_key, config=config,
        ) as client:  # fmt: skip
            yield cls(client, bucket, limits)

    def _object(self, name: str) -> dict[str, str]:
        return {**self._bucket, "Key": self._prefix + name}

    async def check(self) -> None:
        """Raises Unavailable where the bucket cannot be reached, or not by us."""
        async with _asked("check", self._limits.answering):
            await self._client.head_bucket(**self._bucket)

    async def put(self, name: str, written: Path, sha256: str) -> None:
        """Send a written file, read it back, and delete it here. Raises Unavailable, OSError, and Altered."""
        file = await asyncio.to_thread(written.open, "rb")
        with contextlib.closing(file):
            size = await asyncio.to_thread(lambda: written.stat().st_size)
            told = {**self._object(name), "Metadata": {"sha256": sha256}, **self._sealed}
            if size <= self._limits.part:
                await self._send(told, file)
            else:
                await self._send_parts(told, file, max(self._limits.part, -(-size // _MOST_PARTS)))
        try:
            await self._prove(name, size, sha256)
        except FileNotFoundError:
            raise Unavailable("The store of files does not have what was sent. Try again in a moment.") from None
        await asyncio.to_thread(written.unlink, missing_ok=True)

    async def _send(self, told: Mapping[str, Any], file: BinaryIO) -> None:
        body, sums = await asyncio.to_thread(self._next, file, self._limits.part)
        async with _asked("send", self._limits.sending):
            sent = await self._client.put_object(**told, Body=body, **sums)
        if "VersionId" in sent:
            self._keeps_versions = True

    async def _send_parts(self, told: Mapping[str, Any], file: BinaryIO, size: int) -> None:
        algorithm = {"ChecksumAlgorithm": "SHA256"} if self._sums == "sha256" else {}
        async with _asked("begin", self._limits.answering):
            begun = await self._client.create_multipart_upload(**told, **algorithm)
        upload = {"Bucket": told["Bucket"], "Key": told["Key"], "UploadId": begun["UploadId"]}
        parts: list[dict[str, Any]] = []
        try:
            for number in count(1):
                body, sums = await asyncio.to_thread(self._next, file, size)
                if not body:
                    break
                async with _asked("send", self._limits.sending):
                    sent = await self._client.upload_part(**upload, PartNumber=number, Body=body, **sums)
                kept = {name: value for name, value in sums.items() if name != "ContentMD5"}
                parts.append({"PartNumber": number, "ETag": sent["ETag"], **kept})
            async with _asked("join", self._limits.joining):
                await self._join(upload, parts)
        except BaseException:
            await self._abort_if_possible(upload)
            raise

    async def _join(self, upload: Mapping[str, str], parts: list[dict[str, Any]]) -> None:
        try:
            joined = await self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except self._client.exceptions.NoSuchUpload:  # asked again since the answer was lost, it may be done: the proof tells
            return
        if "VersionId" in joined:
            self._keeps_versions = True

    def _next(self, file: BinaryIO, size: int) -> tuple[bytes, dict[str, str]]:
        """The next part of a file with its checksum, by which the store refuses what has changed on the way."""
        body = file.read(size)
        if self._sums == "sha256":
            return body, {"ChecksumSHA256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
        return body, {"ContentMD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}

    async def _prove(self, name: str, size: int, sha256: str) -> None:
        """Read it all back. Raises Altered, and Unavailable where it is not encrypted as it was to be."""
        reading, answer = await self._open(name, None)
        try:
            # (The key itself may be named by its id or alias, and is told by its full name.)
            if answer.get("ServerSideEncryption") != self._sealed.get("ServerSideEncryption", answer.get("ServerSideEncryption")):
                raise Unavailable("The store of files does not encrypt as it was told to. Tell the operators.")
            digest, left = hashlib.sha256(), size
            while data := await reading.read():
                await asyncio.to_thread(digest.update, data)
                left -= len(data)
        finally:
            await reading.close()
        if left or digest.hexdigest() != sha256:
            raise Altered("the store of files holds something else than was sent")

    async def open(self, name: str, sent: range | None) -> S3Reading:
        """All of a file, or these of its bytes. Raises FileNotFoundError, Altered where it has none of them, Unavailable."""
        reading, _ = await self._open(name, sent)
        return reading

    async def _open(self, name: str, sent: range | None) -> tuple[S3Reading, Mapping[str, Any]]:
        wanted = {} if sent is None else {"Range": f"bytes={sent.start}-{sent.stop - 1}"}
        async with _asked("open", self._limits.answering):
            answer = await self._client.get_object(**self._object(name), **wanted)
        if sent is None and "ContentLength" in answer:
            return S3Reading(answer, answer["ContentLength"], self._limits.silent), answer
        if sent is None:
            answer["Body"].close()
            raise Unavailable("The store of files does not say how long a file is. Tell the operators.")
        first, _, size = answer.get("ContentRange", "").partition("/")
        if first != f"bytes {sent.start}-{sent.stop - 1}" or not size.isdecimal():
            answer["Body"].close()
            raise Unavailable("The store of files does not send the part of a file that was asked for. Ask for the whole file.")
        return S3Reading(answer, int(size), self._limits.silent), answer

    async def remove(self, name: str) -> None:
        """Delete it in all its versions, and what was put of it by halves. Raises Unavailable.

        Where versions are kept a plain deletion would hide it from `names` before it is gone: each version goes by its id.
        """
        if not (await self._has_version(name) or await self._keeps()):
            gone: Mapping[str, Any] = {}
            with contextlib.suppress(FileNotFoundError):  # some stores say so
                async with _asked("remove", self._limits.answering):
                    gone = await self._client.delete_object(**self._object(name))
            self._keeps_versions = bool(gone.get("VersionId") or gone.get("DeleteMarker"))
        if self._keeps_versions:
            await self._remove_versions(self._prefix + name)
        await self._abort_uploads(self._prefix + name)

    async def _keeps(self) -> bool:
        """Whether the bucket keeps versions, as far as what lies under the prefix tells; asked once. Raises Unavailable."""
        if self._keeps_versions is None:
            async with _asked("list", self._limits.answering):
                try:
                    told = await self._client.list_object_versions(**self._bucket, Prefix=self._prefix, MaxKeys=1)
                except ClientError as error:
                    if _status(error) not in _DOES_NOT:
                        raise
                    told = {}
            listed = [*told.get("Versions", ()), *told.get("DeleteMarkers", ())]
            self._keeps_versions = any(each.get("VersionId", "null") != "null" for each in listed)
        return self._keeps_versions

    async def _has_version(self, name: str) -> bool:
        """Whether it is there, in a bucket that keeps versions."""
        async with _asked("look", self._limits.answering):
            try:
                told = await self._client.head_object(**self._object(name))
            except ClientError as error:
                if _status(error) != _NOT_THERE:
                    raise
                return False
        if "VersionId" in told:
            self._keeps_versions = True
        return "VersionId" in told

    async def _remove_versions(self, key: str) -> None:
        """In a bucket that keeps versions what is deleted is there still."""
        async with _asked("remove", self._limits.sending):
            async for page in self._client.get_paginator("list_object_versions").paginate(**self._bucket, Prefix=key):
                for version in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    if version["Key"] == key:
                        await self._client.delete_object(**self._bucket, Key=key, VersionId=version["VersionId"])

    async def names(self, beginning: str = "") -> set[str]:
        """What lies here by names that begin so, also by halves. Raises Unavailable."""
        found, prefix = set[str](), self._prefix + beginning
        async with _asked("list", self._limits.sending):
            async for page in self._client.get_paginator("list_objects_v2").paginate(**self._bucket, Prefix=prefix):
                found |= {each["Key"] for each in page.get("Contents", ())}
            if await self._keeps():  # what somebody else has hidden by a plain deletion
                pages = self._client.get_paginator("list_object_versions").paginate(**self._bucket, Prefix=prefix)
                async for page in pages:
                    found |= {each["Key"] for each in page.get("Versions", ())}
        found |= {upload["Key"] for upload in await self._uploads(prefix)}
        return {key.removeprefix(self._prefix) for key in found}

    async def tidy(self, before: datetime) -> None:
        """Abort what was begun before then and never came to an end. Raises Unavailable."""
        await self._abort_uploads(self._prefix, before)

    async def _abort_uploads(self, prefix: str, before: datetime | None = None) -> None:
        for upload in await self._uploads(prefix):
            if before is None or upload["Initiated"] < before:
                async with _asked("abort", self._limits.answering):
                    await self._abort({**self._bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]})

    async def _uploads(self, prefix: str) -> list[Mapping[str, Any]]:
        """Those that were begun and have not ended; none where the store cannot tell."""
        found: list[Mapping[str, Any]] = []
        if not self._lists_uploads:
            return found
        async with _asked("list", self._limits.sending):
            try:
                async for page in self._client.get_paginator("list_multipart_uploads").paginate(**self._bucket, Prefix=prefix):
                    found += page.get("Uploads", ())
            except self._client.exceptions.NoSuchUpload:  # a way to say that there is none
                return found
            except ClientError as error:
                if _status(error) not in _DOES_NOT:
                    raise
                self._lists_uploads = False
                log.warning("the store of files does not tell which uploads never ended: let it end them by itself, after a day")
        return found

    async def _abort(self, upload: Mapping[str, str]) -> None:
        try:
            await self._client.abort_multipart_upload(**upload)
        except self._client.exceptions.NoSuchUpload:  # somebody else has, or it was completed
            return

    async def _abort_if_possible(self, upload: Mapping[str, str]) -> None:
        try:
            async with _asked("abort", self._limits.connecting):
                await self._abort(upload)
        except Unavailable as error:
            log.warning("an upload is left behind by halves and goes later", reason=error.detail)


@asynccontextmanager
async def _asked(operation: str, seconds: float) -> AsyncIterator[None]:
    """A question to the store with an end. Raises Unavailable, FileNotFoundError and Altered for whatever the client raises."""
    begun, outcome = monotonic(), "broken"
    try:
        async with asyncio.timeout(seconds):
            yield
        outcome = "ok"
    except ClientError as error:
        outcome = "refused"
        _refused(error)
    except _AWAY as error:
        outcome = "away"
        raise Unavailable(f"The store of files does not answer ({type(error).__name__}). Try again in a moment.") from None
    finally:
        FILES.labels(operation, outcome).observe(monotonic() - begun)


def _refused(error: ClientError) -> NoReturn:
    code = str(error.response.get("Error", {}).get("Code", ""))
    match code:
        case "NoSuchKey":
            raise FileNotFoundError from None
        case "InvalidRange":
            raise Altered("a file in the store is shorter than it was") from None
        case _:
            told = code if _CODE.fullmatch(code) else str(_status(error))
            if code in _BUSY or _status(error) >= _SERVERS_FAULT:
                raise Unavailable(f"The store of files has no time ({told}). Try again in a moment.") from None
            raise Unavailable(f"The store of files refuses what it is asked ({told}). Tell the operators.") from None


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
