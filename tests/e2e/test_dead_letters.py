"""Search's dead letters at the command line: listed without anybody's data, shown, tried again by their versions, dropped."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from datetime import UTC, datetime
from typing import Any

from common.envelope import Delivered, Message, UnreadableMessage, message
from common.events.contacts import Contact, ContactCreated, ContactMessage
from common.health import Health
from common.ids import new_id
from common.kafka import DeadLetters, Producer
from common.topics import CONTACTS
from localstack.demo import Api
from localstack.stack import Stack, service_settings_for_commands
from localstack.status import examine
from tests.support.api import caller, eventually, fresh_channel

SECRET = "홍길동"


async def dlq(stack: Stack, *words: str) -> tuple[int, str]:
    """`python -m search dlq …`: how it ended, and what it said."""
    env = service_settings_for_commands(stack.home, stack.facts, "search")
    command = [sys.executable, "-m", "search", "dlq", *words]
    process = await asyncio.create_subprocess_exec(*command, env=env, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    said, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode() + errors.decode()


async def listed(stack: Stack, channel: str, *words: str) -> list[dict[str, Any]]:
    """Those of the channel, by what `show` tells of their keys."""
    code, said = await dlq(stack, "list", "--format", "json", *words)
    assert code == 0, said
    assert SECRET not in said
    found: list[dict[str, Any]] = []
    for letter in map(json.loads, said.splitlines()):
        code, shown = await dlq(stack, "show", letter["id"])
        assert code == 0, shown
        assert SECRET not in shown
        if json.loads(shown)["key"].startswith(channel):
            found.append(letter)
    return found


def told(channel: str, contact_id: str, version: int, name: str) -> Message:
    state = Contact.of({
        "id": contact_id, "version": version, "name": name,
        "createdAt": "2026-11-24T03:00:00.000Z", "updatedAt": "2026-11-24T03:00:00.000Z",
    })  # fmt: skip
    value = ContactMessage(event=ContactCreated(), contact=state, version=version).encode()
    return message(
        CONTACTS, channel=channel, subject=contact_id, source="contacts", type="contact.created", id=new_id(), version=version,
        at=datetime.now(UTC), value=value, trace={},
    )  # fmt: skip


async def put_aside(producer: Producer, sent: Message) -> None:
    """As the consumer would have done it with a code that did not understand the message."""
    delivered = Delivered(CONTACTS, 3, 1234, sent.key, sent.value, sent.headers)
    await DeadLetters(producer, "search", Health({})).put(delivered, UnreadableMessage("an older code did not know better"))


async def count(stack: Stack) -> int:
    return (await asyncio.to_thread(examine, stack)).dead_letters["search.dlq"]


async def found(api: Api) -> dict[str, str]:
    page = await api.json("POST", "/v1/search", body={})
    return {item["id"]: item["name"] for item in page["items"]}


async def test_what_can_never_be_read_is_listed_without_data_tried_in_vain_and_dropped(stack: Stack) -> None:
    channel = fresh_channel()
    before = await count(stack)
    async with Producer.open(stack.kafka, client_id="test") as producer:
        broken = told(channel, str(new_id()), 1, SECRET)
        assert broken.value is not None
        await producer.send([Message(CONTACTS, broken.key, broken.value.replace(b'"version"', b'"vision"'), broken.headers)])

        async def aside() -> int:
            return await count(stack)

        assert await eventually(aside, lambda letters: letters > before) == before + 1
        (letter,) = await listed(stack, channel)
        assert letter["tries"] == 1
        assert letter["id"].startswith("search.dlq/0/")
        assert letter["origin"].startswith("contacts.v1/")
        assert "version" in letter["reason"]
        assert letter["at"].endswith("Z")

        _, shown = await dlq(stack, "show", letter["id"])
        assert json.loads(shown)["headers"]["ce_type"] == "contact.created"
        _, with_payload = await dlq(stack, "show", letter["id"], "--payload")
        assert SECRET in with_payload

        code, said = await dlq(stack, "retry", letter["id"])
        assert (code, SECRET in said) == (1, False)
        assert "cannot be handled" in said
        ((again),) = await listed(stack, channel)
        assert again["tries"] == 2

        assert await dlq(stack, "drop", letter["id"]) == (0, f"{letter['id']} dropped\n")
        assert await listed(stack, channel) == []
        assert [(each["id"], each["outcome"]) for each in await listed(stack, channel, "--all")] == [(letter["id"], "dropped")]
        assert await count(stack) == before


async def test_a_letter_tried_again_is_searchable_and_never_overwrites_what_is_newer(stack: Stack) -> None:
    channel = fresh_channel()
    before = await count(stack)
    async with caller(stack, channel) as api, Producer.open(stack.kafka, client_id="test") as producer:
        made = await api.ask("PUT", "/v1/contacts/@a", body={"name": "newer"})
        made = await api.ask("PUT", "/v1/contacts/@a", body={"name": "newest"})
        gone = await api.ask("PUT", "/v1/contacts/@b", body={"name": SECRET})
        assert (await api.ask("DELETE", f"/v1/contacts/{gone.json()['id']}")).status_code == 202
        newest, missed = made.json()["id"], str(new_id())
        await eventually(lambda: found(api), lambda names: names == {newest: "newest"})
        for contact_id, name in ((newest, "older"), (gone.json()["id"], SECRET), (missed, "missed")):
            await put_aside(producer, told(channel, contact_id, 1, name))
        assert await count(stack) == before + 3
        letters = await listed(stack, channel)
        code, said = await dlq(stack, "retry", *(letter["id"] for letter in letters))
        assert (code, said.count(" handled")) == (0, 3), said
        await eventually(lambda: found(api), lambda names: names == {newest: "newest", missed: "missed"})
        assert await listed(stack, channel) == []
        assert await count(stack) == before


async def test_a_letter_that_is_not_there_and_a_command_that_is_none_are_told(stack: Stack) -> None:
    code, said = await dlq(stack, "retry", "search.dlq/0/999999999")
    assert code == 1
    assert "There is no dead letter search.dlq/0/999999999." in said
    for words in ((), ("retry",), ("drop", "--all", "search.dlq/0/1"), ("burn",)):
        code, said = await dlq(stack, *words)
        assert code == 2, words
        assert "usage: python -m search dlq" in said
