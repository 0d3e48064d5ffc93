"""What a service's doctor says: of each thing by itself, with what to do, and nothing that a store's error quotes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

import pytest

from common import doctor
from common.doctor import Finding
from common.errors import Unavailable
from common.figures import Figure, Reading
from common.kafka import Producer, create_topics
from common.postgres import Database, migrate
from common.topics import Topic, dead_letter_topic
from localstack.stack import Stack
from tests.common.relay.conftest import told
from tests.support.outside import Outside, Reply
from tests.support.postgres import fresh_schema


def says(*findings: Finding) -> doctor.Look:
    async def look() -> Sequence[Finding]:
        return findings

    return look


def raises(error: Exception) -> Callable[[], Awaitable[Sequence[Finding]]]:
    async def look() -> Sequence[Finding]:
        raise error

    return look


async def test_all_is_looked_at_and_what_is_wrong_ends_it_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    looks = {
        "postgres": raises(ConnectionError("password=secret")),
        "kafka": raises(Unavailable("Kafka does not know us. Look at the password.")),
        "outbox": says(Finding("7 messages wait")),
        "files": says(Finding("can be kept"), Finding("one is old", "Delete it.")),
    }
    with pytest.raises(SystemExit) as ended:
        await doctor.examine(looks)
    assert ended.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "WRONG postgres: cannot be used (ConnectionError)",
        "      Is it started, and are its address and its secrets right?",
        "WRONG kafka: cannot be used",
        "      Kafka does not know us. Look at the password.",
        "ok    outbox: 7 messages wait",
        "ok    files: can be kept",
        "WRONG files: one is old",
        "      Delete it.",
    ]


async def test_where_all_is_well_it_ends_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    await doctor.examine({"outbox": says(Finding("0 messages wait"))})
    assert capsys.readouterr().out == "ok    outbox: 0 messages wait\n"


async def test_tables_of_another_version_are_told_with_what_to_run(servers: Stack) -> None:
    async with fresh_schema(servers.postgres_dsn(None), ()) as dsn, Database.open(dsn, size=2) as database:
        async with database.connection() as connection:
            await connection.execute("drop table schema_migrations")
        look = doctor.database(database, dsn, ("common", "common.idempotency"))
        assert [(f.seen, f.advice) for f in await look()][1:] == [("there are no tables", "Run `migrate` of this service.")]
        await migrate(dsn, ("common",))
        (_, missing) = await look()
        assert (missing.seen.split(" ")[1:3], missing.advice) == (["migrations", "are"], "Run `migrate` of this service.")
        await migrate(dsn, ("common", "common.idempotency"))
        assert [f.advice for f in await look()] == ["", ""]
        sending = doctor.sending(database)
        assert await sending() == [Finding("0 messages wait to be sent")]


async def test_topics_and_how_far_a_group_is_behind(servers: Stack) -> None:
    topic = Topic(f"test.{uuid4().hex[:12]}", partitions=4)
    letters = Topic(dead_letter_topic(topic.name), partitions=1)
    await create_topics(servers.kafka, [topic, letters])
    async with Producer.open(servers.kafka, client_id="test") as producer:
        await producer.send([told(str(n), 1, topic=topic.name) for n in range(9)], partitions=4)
        await producer.send([told("x", 1, topic=letters.name)], partitions=1)
    assert await doctor.topics(servers.kafka, [topic, letters])() == [Finding("2 topics are there")]
    (wrong,) = await doctor.topics(servers.kafka, [Topic(topic.name, partitions=8)])()
    assert (wrong.seen, bool(wrong.advice)) == (f"{topic.name} has 4 partitions in the place of 8", True)
    behind, kept = await doctor.reading(servers.kafka, topic.name, [topic])()
    assert (behind, kept) == (Finding("9 messages behind"), Finding(f"1 messages kept in {letters.name}"))
    behind, _ = await doctor.reading(servers.kafka, topic.name, [topic], most=9)()
    assert behind.advice == "Is a consumer running, and does the number fall?"


async def test_figures_are_wrong_above_their_limit_alone() -> None:
    oldest, jobs = Figure("dangol_oldest_seconds", "How old.", ("kind",)), Figure("dangol_jobs", "How many.")

    async def ask() -> Sequence[Reading]:
        return [oldest.at(60, "import"), oldest.at(61, "bulkAction"), jobs.at(900)]

    assert await doctor.standing(ask, {oldest: (60, "Start a worker.")})() == [
        Finding("oldest_seconds (import): 60"), Finding("oldest_seconds (bulkAction): 61", "Start a worker."),
        Finding("jobs: 900"),
    ]  # fmt: skip


async def test_another_service_says_itself_why_it_is_not_ready() -> None:
    answers = [Reply(), Reply(503, b'{"problems": {"postgres": "does not answer"}}'), Reply(404)]
    async with Outside.open(lambda _: answers.pop(0)) as outside:
        look = doctor.neighbours({"search": outside.url("")})["search"]
        assert await look() == [Finding("ready")]
        advice = "Run the `doctor` of that service."
        assert await look() == [Finding("not ready: postgres does not answer", advice)]
        assert await look() == [Finding("not ready: answers 404", advice)]
    assert {taken.path for taken in outside.taken} == {"/readyz"}


async def test_what_hangs_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    async def hangs() -> Sequence[Finding]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(SystemExit):
        await doctor.examine({"kafka": hangs}, seconds=0.05)
    assert capsys.readouterr().out.startswith("WRONG kafka: does not answer within")
