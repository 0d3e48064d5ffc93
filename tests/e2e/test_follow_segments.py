"""The example that follows a segment, run as its reader would: over the real gateway and the real broker."""

import asyncio
import os
import sys

from localstack.home import checkout
from tests.support.team import KIM, Team

EXAMPLE = checkout() / "docs" / "examples" / "follow_segments.py"


async def test_the_example_follows_a_segment_from_its_beginning_to_its_end(team: Team) -> None:
    assert len(EXAMPLE.read_text("utf-8").splitlines()) <= 60
    segment = await team.make(KIM)
    _, position = await team.put("m-0", name="Kim")
    await team.get(f"/v1/segments/{segment}/members", position)
    settings = {
        "DANGOL_URL": team.stack.url, "KAFKA": team.stack.kafka, "SEGMENT": segment,
        "DANGOL_TOKEN": team.headers["Authorization"].removeprefix("Bearer "),
    }  # fmt: skip
    example = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), env=os.environ | settings, stdout=asyncio.subprocess.PIPE
    )
    assert example.stdout is not None

    async def said() -> str:
        assert example.stdout is not None
        return (await asyncio.wait_for(example.stdout.readline(), 60)).decode().strip()

    try:
        assert await said() == "1 are in at position 1"
        one, _ = await team.put("m-1", name="Kim")
        assert await said() == f"segment.entered {one}: 2 are in"
        await team.put("m-1", name="Lee")
        assert await said() == f"segment.left {one}: 1 are in"
        assert (await team.ask("DELETE", f"/v1/segments/{segment}")).status_code == 204
        assert await said() == "the segment is deleted"
        assert await asyncio.wait_for(example.wait(), 30) == 0
    finally:
        if example.returncode is None:
            example.kill()
            await example.wait()
