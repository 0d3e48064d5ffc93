"""Processor time is told by whose it is, and what a process used that ended meanwhile is in the sum."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.cost import proc
from tests.bench.cost.cpu import (
    BACKGROUND,
    COMPILING,
    OBSERVER,
    ROLES,
    Reading,
    Replaced,
    Stat,
    backend_role,
    java_usage,
    postgres_usage,
    process_role,
    process_usage,
    read_stat,
    spent,
)

RELAYS, CONTACTS = backend_role("contacts-relay", "client backend"), backend_role("contacts-api", "client backend")


def text(pid: int, parent: int, name: str, *, own: tuple[int, int], ended: tuple[int, int] = (0, 0), began: int = 5) -> str:
    """As the kernel writes it."""
    return (
        f"{pid} ({name}) S {parent} 1 1 0 -1 4194560 9 9 9 9 {own[0]} {own[1]} {ended[0]} {ended[1]} 20 0 1 0 {began} 99 9 18 0\n"
    )


def machine(*lines: str) -> dict[int, Stat]:
    return {stat.pid: stat for stat in map(read_stat, lines)}


def test_a_line_is_read_whatever_the_command_is_called() -> None:
    stat = read_stat(text(7, 3, "a) (b 1 2", own=(10, 5), ended=(2, 1), began=77))
    assert stat == Stat(pid=7, parent=3, name="a) (b 1 2", ticks=15, ended=3, began=77)


def test_the_machine_is_read_as_it_is() -> None:
    found = proc.processes()
    assert found[1].parent == 0
    assert {thread.parent for thread in proc.threads(1)} == {0}


@pytest.mark.parametrize(
    ("application", "kind", "role"),
    [
        ("contacts-relay", "client backend", "PostgreSQL: contacts-relay"),
        ("segments-relay", "walsender", "PostgreSQL: segments-relay"),
        ("exports-relay", "client backend", "PostgreSQL: search, exports, notify"),
        ("contacts-api", "client backend", "PostgreSQL: contacts' other"),
        ("contacts-worker", "client backend", "PostgreSQL: contacts' other"),
        ("segments-consumer", "client backend", "PostgreSQL: segments' other"),
        ("search-consumer", "client backend", "PostgreSQL: search, exports, notify"),
        ("", "client backend", "PostgreSQL: search, exports, notify"),
        ("", "autovacuum worker", BACKGROUND),
        ("", "checkpointer", BACKGROUND),
        (OBSERVER, "client backend", OBSERVER),
    ],
)
def test_a_backend_has_the_role_of_who_is_connected(application: str, kind: str, role: str) -> None:
    assert backend_role(application, kind) == role
    assert (role in ROLES) is (role != OBSERVER)


@pytest.mark.parametrize(
    "name", ["contacts-api", "segments-worker", "exports-relay", "notify-api", "kafka", "watchdog", "gateway"]
)
def test_every_process_has_a_line_of_the_table(name: str) -> None:
    assert process_role(name) in ROLES


def test_backends_are_told_apart_and_a_vacuum_that_came_and_went_is_the_backgrounds() -> None:
    roles = {(11, 5): RELAYS, (12, 5): CONTACTS, (14, 6): CONTACTS, (15, 6): OBSERVER}
    before = machine(
        text(10, 1, "postgres", own=(100, 50), ended=(1000, 0)),
        text(11, 10, "postgres", own=(20, 0)),
        text(12, 10, "postgres", own=(30, 0)),
        text(13, 10, "postgres", own=(5, 0)),  # a checkpointer
        text(99, 1, "another", own=(7, 7)),
    )
    after = machine(
        text(10, 1, "postgres", own=(101, 50), ended=(1000 + 36 + 40, 0)),  # the second ended at 36, a vacuum at 40
        text(11, 10, "postgres", own=(25, 2)),
        text(13, 10, "postgres", own=(6, 0)),
        text(14, 10, "postgres", own=(9, 0), began=6),
        text(15, 10, "postgres", own=(80, 0), began=6),
    )
    at_the_end = spent([{"postgres": postgres_usage(stats, 10, roles)} for stats in (before, after)])
    assert at_the_end == {RELAYS: 7, CONTACTS: 9, BACKGROUND: 1 + 6 + 40 + 1}

    between = before | machine(text(12, 10, "postgres", own=(36, 0)))
    read_more_often = spent([{"postgres": postgres_usage(stats, 10, roles)} for stats in (before, between, after)])
    assert read_more_often == {RELAYS: 7, CONTACTS: 9 + 6, BACKGROUND: 1 + 40 + 1}


def test_a_backend_whose_role_is_learned_late_counts_from_its_beginning() -> None:
    def usage(used: int, roles: dict[tuple[int, int], str]) -> Reading:
        stats = machine(text(10, 1, "postgres", own=(0, 0)), *([text(11, 10, "postgres", own=(used, 0))] if used else []))
        return {"postgres": postgres_usage(stats, 10, roles)}

    assert +spent([usage(0, {}), usage(3, {}), usage(8, {(11, 5): RELAYS})]) == {RELAYS: 8}


def test_a_server_in_java_compiles_apart_from_its_work() -> None:
    def usage(own: int, compiled: int) -> Reading:
        threads = [read_stat(text(8, 1, "C2 CompilerThre", own=(compiled, 0))), read_stat(text(9, 1, "write", own=(own, 0)))]
        return {"opensearch": java_usage(machine(text(7, 1, "java", own=(own, 0))), 7, "OpenSearch", threads)}

    assert spent([usage(100, 40), usage(150, 70)]) == {"OpenSearch": 20, COMPILING: 30}


def test_children_of_children_count_as_their_process() -> None:
    stats = machine(
        text(7, 1, "worker", own=(1, 0)), text(8, 7, "reader", own=(2, 0), ended=(4, 0)), text(9, 8, "reader", own=(8, 0))
    )
    assert process_usage(stats, 7, "contacts-worker").total == 15


def test_a_process_that_was_started_again_is_no_measurement() -> None:
    def usage(began: int) -> Reading:
        return {"contacts-api": process_usage(machine(text(7, 1, "python", own=(1, 0), began=began)), 7, "contacts-api")}

    with pytest.raises(Replaced, match="contacts-api"):
        spent([usage(5), usage(6)])


@given(st.lists(st.tuples(st.sampled_from(["use", "start", "end", "read"]), st.integers(0, 9)), max_size=60))
def test_the_sum_is_exact_whatever_starts_and_ends_meanwhile(events: list[tuple[str, int]]) -> None:
    living, ended, made, used = {1: 0, 2: 0}, 0, 2, Counter[str]()
    roles = {(number, 5): (RELAYS, CONTACTS)[number % 2] for number in range(100)}
    readings: list[Reading] = []

    def read() -> None:
        lines = (text(10 * 100 + n, 7, "postgres", own=(ticks, 0)) for n, ticks in living.items())
        stats = machine(text(7, 1, "postgres", own=(0, 0), ended=(ended, 0)), *lines)
        readings.append({"postgres": postgres_usage(stats, 7, {(1000 + n, 5): role for (n, _), role in roles.items()})})

    read()
    for event, number in events:
        match event:
            case "start":
                made += 1
                living[made] = 0
            case "end" if living:
                ended += living.pop(sorted(living)[number % len(living)])
            case "use" if living:
                who = sorted(living)[number % len(living)]
                living[who] += number
                used[roles[who, 5]] += number
            case _:
                read()
    read()
    told = spent(readings)
    assert sum(told.values()) == sum(used.values())
    assert all(told[role] <= used[role] for role in (RELAYS, CONTACTS))
    assert told[BACKGROUND] >= 0
