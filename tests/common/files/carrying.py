"""Carries a large file to a bucket, and from there through HTTP to a client: `python -m tests.common.files.carrying PORT FILE`.

Prints the process's memory in KiB at its highest: before anything was carried, after the way there, after the way back.
"""

import asyncio
import hashlib
import resource
import sys
from pathlib import Path

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

from common.files.s3 import S3
from exports.sending import Sending
from tests.support.rclone import bucket_at
from tests.support.unrevoked import unrevoked

_NAME = "large.1.xlsx"


def _highest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def _carried(port: int, file: Path, size: int, digest: str) -> list[int]:
    async with S3.open_bucket(bucket_at(port)) as store:

        async def send_file(scope: Scope, receive: Receive, send: Send) -> None:
            headers = {"Content-Length": str(size)}
            sending = Sending(await store.open(_NAME, None), size, 200, check=unrevoked, headers=headers, media_type="x/y")
            await sending(scope, receive, send)

        await store.names()
        marks = [_highest()]
        await store.put(_NAME, file, digest)
        marks.append(_highest())
        server = uvicorn.Server(uvicorn.Config(send_file, port=0, log_config=None, lifespan="off", http="httptools"))
        serving = asyncio.create_task(server.serve())
        async with asyncio.timeout(30):
            while not server.started:
                await asyncio.sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()
        heard = hashlib.sha256()
        async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", f"http://127.0.0.1:{address[1]}/") as answer:
            async for data in answer.aiter_raw():
                heard.update(data)
        server.should_exit = True
        await serving
    assert heard.hexdigest() == digest
    return [*marks, _highest()]


if __name__ == "__main__":
    large = Path(sys.argv[2])
    print(*asyncio.run(_carried(int(sys.argv[1]), large, large.stat().st_size, _sha256(large))))  # noqa: T201 - what whoever started it reads
