"""The three real servers, as the stack starts them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from common.envelope import Message
from common.kafka import Producer, Source, bounds, committed, create_topics
from common.provision.roles import hand_over
from common.topics import Topic
from localstack.home import OWNERS, SERVICES
from localstack.postgres import dsn
from localstack.stack import Stack


async def test_postgres_is_version_18_and_keeps_what_it_acknowledged(servers: Stack) -> None:
    connection = await asyncpg.connect(servers.postgres_dsn())
    try:
        assert (await connection.fetchval("show server_version")).startswith("18.")
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await connection.fetchval("select current_setting($1)", setting) == "on", setting
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_has_its_schema_and_cannot_see_another(servers: Stack, service: str) -> None:
    other = next(name for name in SERVICES if name != service)
    table = f"private_{os.getpid()}"
    theirs, ours = [await asyncpg.connect(servers.postgres_dsn(role)) for role in (OWNERS.get(other, other), service)]
    try:
        await theirs.execute(f"create table {table} (x int)")
        assert await ours.fetchval("select current_schema()") == service
        for forbidden in (
            f"select * from {other}.{table}",
            f"insert into {other}.{table} values (1)",
            f"create table {other}.mine (x int)",
            "create table public.mine (x int)",
            "create schema mine",
            "create database mine",
            f"set role {other}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await ours.execute(forbidden)
    finally:
        await theirs.execute(f"drop table {table}")
        await theirs.close()
        await ours.close()


async def test_the_owner_of_a_services_tables_takes_over_what_was_the_services_own(servers: Stack) -> None:
    service = f"was_{os.getpid()}"
    owner = f"{service}_owner"
    admin = await asyncpg.connect(servers.postgres_dsn())
    try:
        for role in (service, owner):
            await admin.execute(f"create role {role} login password 'secret'")
        await admin.execute(f"create schema {service} authorization {service}")
        await admin.execute(f"set role {service}")
        await admin.execute(f"create table {service}.kept as select 1 as x; create sequence {service}.counted")
        await admin.execute("reset role")
        for _ in range(2):
            await hand_over(admin, service, service, owner)
        await admin.execute(f"set role {service}")
        assert await admin.fetchval(f"update {service}.kept set x = 2 returning x") == 2
        assert await admin.fetchval(f"select nextval('{service}.counted')") == 1
        for forbidden in (f"drop table {service}.kept", f"create table {service}.mine (x int)", f"drop schema {service} cascade"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await admin.execute(forbidden)
    finally:
        await admin.execute(f"reset role; drop schema {service} cascade")
        for role in (service, owner):
            await admin.execute(f"drop owned by {role}; drop role {role}")
        await admin.close()


async def test_without_the_password_nobody_gets_in(servers: Stack) -> None:
    right = servers.facts.passwords["contacts"]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn(servers.facts, "contacts").replace(right, "wrong"))


async def test_kafka_has_the_topics_as_they_are_kept(servers: Stack) -> None:
    day = 24 * 60 * 60 * 1000
    expected = {
        "contacts.v1": (
            16,
            {"cleanup.policy": "compact", "min.compaction.lag.ms": str(7 * day), "delete.retention.ms": str(7 * day)},
        ),
        "visits.v1": (16, {"cleanup.policy": "delete", "retention.ms": str(14 * day)}),
        "fields.v1": (16, {"cleanup.policy": "compact"}),
        "segments.v1": (16, {"cleanup.policy": "delete", "retention.ms": str(90 * day)}),
        "exports.v1": (16, {"cleanup.policy": "delete", "retention.ms": str(90 * day)}),
    } | {f"{group}.dlq": (1, {"retention.ms": str(30 * day)}) for group in ("search", "segments", "notify")}
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    try:
        for topic in await admin.describe_topics(list(expected)):
            assert len(topic["partitions"]) == expected[topic["topic"]][0], topic["topic"]
        described = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in expected])
        for response in described:
            for resource in response.resources:  # pyright: ignore[reportAttributeAccessIssue] - the client has no types
                name, entries = resource[3], {entry[0]: entry[1] for entry in resource[4]}
                assert {key: entries[key] for key in expected[name][1]} == expected[name][1], name
    finally:
        await admin.close()


async def test_how_far_a_group_has_read_can_be_asked(servers: Stack) -> None:
    topic = group = f"asked-{os.getpid()}"
    await create_topics(servers.kafka, [Topic(topic, partitions=1)])
    async with Producer.open(servers.kafka, client_id="test") as producer:
        await producer.send([Message(topic, f"key/{n}", b"{}", {}) for n in range(3)], partitions=1)
    assert await bounds(servers.kafka, [topic]) == {(topic, 0): (0, 3)}
    assert await committed(servers.kafka, [group]) == {group: {}}
    async with Source.open(servers.kafka, group, [topic]) as source:
        read = 0
        deadline = time.monotonic() + 20
        while read < 3 and time.monotonic() < deadline:
            read += len(await source.poll())
        await source.commit()
    assert await committed(servers.kafka, [group]) == {group: {(topic, 0): 3}}


async def test_opensearch_makes_no_index_by_accident(servers: Stack) -> None:
    async with httpx.AsyncClient(base_url=servers.opensearch) as client:
        assert (await client.get("/")).json()["version"]["number"] == "3.8.0"
        answer = await client.put(f"/typo-{os.getpid()}/_doc/1", json={})
    assert answer.status_code == httpx.codes.NOT_FOUND


def test_a_killed_server_is_back_and_its_pid_file_follows(servers: Stack) -> None:
    before = servers.pid("postgres")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 2
    while servers.pid("postgres") in (None, before):
        assert time.monotonic() < deadline
    servers.servers_up()  # returns when it can be used again


async def test_the_stack_can_be_asked_for_from_within_an_event_loop(servers: Stack) -> None:
    servers.servers_up()


def test_env_prints_shell_assignments_and_nothing_else(servers: Stack) -> None:
    script = f'eval "$({sys.executable} -m localstack --home {servers.home.root} env)"; echo "$DANGOL_KAFKA $DANGOL_OPENSEARCH"'
    answer = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=True)
    assert (answer.stdout.split(), answer.stderr) == ([servers.kafka, servers.opensearch], "")


def test_a_second_stack_on_the_same_ports_is_told_who_holds_them(servers: Stack, tmp_path: Path) -> None:
    base = str(servers.facts.port_base)
    command = [sys.executable, "-m", "localstack", "--home", str(tmp_path), "servers-up"]
    environment = os.environ | {"DANGOL_PORT_BASE": base}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "which postgres needs, is held by `postgres` (pid" in answer.stderr
