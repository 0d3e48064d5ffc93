"""Follow who is in a segment: its log over HTTP tells who is in so far, Kafka tells what happens from there.

Reads from the environment: DANGOL_URL, DANGOL_TOKEN (of the channel, with `contacts.read`), KAFKA (host:port), SEGMENT (an id).
"""

import asyncio
import json
import os

import httpx
from aiokafka import AIOKafkaConsumer

SEGMENT = os.environ["SEGMENT"]


def apply(inside: set[str], change: str, contact: str) -> None:
    """A change done twice is done once."""
    (inside.add if change == "entered" else inside.discard)(contact)


async def so_far() -> tuple[set[str], int]:
    """Who is in by the whole log, and the position up to which that is."""
    inside: set[str] = set()
    place = 0
    headers = {"Authorization": f"Bearer {os.environ['DANGOL_TOKEN']}"}
    async with httpx.AsyncClient(base_url=os.environ["DANGOL_URL"], headers=headers, timeout=30) as dangol:
        while True:
            answer = await dangol.get(f"/v1/segments/{SEGMENT}/changes", params={"after": place})
            if answer.status_code == httpx.codes.GONE:  # the log was shortened meanwhile: start over
                inside, place = set(), 0
                continue
            page = answer.raise_for_status().json()
            for change in page["items"]:
                apply(inside, change["change"], change["contactId"])
            place = page["next"]
            if not page["items"]:
                return inside, place


async def main() -> None:
    """Until the segment is deleted."""
    async with AIOKafkaConsumer("segments.v1", bootstrap_servers=os.environ["KAFKA"], group_id=None) as consumer:
        await consumer.seek_to_end()  # before the log is read, so that nothing falls between the two
        inside, place = await so_far()
        print(f"{len(inside)} are in at position {place}", flush=True)
        async for record in consumer:
            event = json.loads(record.value)["event"]
            if event["segmentId"] != SEGMENT:
                continue
            if event["type"] == "segment.deleted":
                print("the segment is deleted", flush=True)
                return
            if event["type"] in ("segment.entered", "segment.left") and event["position"] > place:
                apply(inside, event["type"].removeprefix("segment."), event["contactId"])
                print(f"{event['type']} {event['contactId']}: {len(inside)} are in", flush=True)


asyncio.run(main())
