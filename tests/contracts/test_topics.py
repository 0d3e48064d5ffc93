"""The table of topics says what the code does: who opens which client, who names which topic, and who makes it."""

import ast
import importlib
from collections.abc import Iterator

import pytest

from common import topics
from common.events.catalogue import published
from common.topics import READS, TOPICS, Role, owned
from localstack.home import SERVICES, checkout

CONSTANTS = {name: value for name, value in vars(topics).items() if isinstance(value, str) and value in {t.name for t in TOPICS}}
WRITERS = {role for topic in TOPICS for role in topic.writers}
MEMBERS = {use.by for topic in TOPICS for use in topic.readers if use.group is not None}
ALONE = {use.by for topic in TOPICS for use in topic.readers if use.group is None}
ASKING = {use.by for topic in TOPICS for use in topic.measured}


def _functions(service: str) -> Iterator[tuple[Role, ast.AST]]:
    """The role or command that each function of a service's `main` becomes, and what it does."""
    main = importlib.import_module(f"{service}.main")
    commands = {name: name.removeprefix("run_") for name in vars(main) if name.startswith("run_")}
    named = {of.__name__: role for role, of in main.ROLES.items()} | {k: v for k, v in commands.items() if v not in main.ROLES}
    for node in ast.parse((checkout() / "services" / service / service / "main.py").read_text("utf-8")).body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name in named:
            yield Role(service, named[node.name]), node


def _who(*clients: str) -> set[Role]:
    """Those whose function names one of these."""
    return {
        role
        for service in SERVICES
        for role, function in _functions(service)
        if any(client in ast.unparse(function) for client in clients)
    }


def test_every_role_of_the_table_is_one_of_its_service() -> None:
    assert {role for service in SERVICES for role, _ in _functions(service)} >= WRITERS | MEMBERS | ALONE | ASKING


@pytest.mark.parametrize(
    ("said", "clients"),
    [
        pytest.param(WRITERS, ("Producer.open",), id="who writes"),
        pytest.param(MEMBERS, ("Source.open",), id="who reads in a group"),
        pytest.param(ALONE, ("Reader.open", "partial(_topic"), id="who reads without a group"),
        pytest.param(ASKING, ("Progress.open",), id="who asks how far"),
    ],
)
def test_who_is_said_to_use_topics_does_so_and_nobody_else(said: set[Role], clients: tuple[str, ...]) -> None:
    assert _who(*clients) == said


def _names(service: str) -> set[str]:
    """The topics whose constants a service's code takes."""
    found: set[str] = set()
    for path in (checkout() / "services" / service / service).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "common.topics":
                found |= {CONSTANTS[name.name] for name in node.names if name.name in CONSTANTS}
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_names_what_it_writes_and_nothing_that_it_does_not_use(service: str) -> None:
    writes = {t.name for t in owned(service) if not t.name.endswith(".dlq")}
    uses = writes | {t.name for t in TOPICS for use in (*t.readers, *t.measured) if use.by.service == service}
    assert writes <= _names(service) <= uses


def test_no_service_writes_a_topics_name_itself() -> None:
    for path in (checkout() / "services").rglob("*.py"):
        texts = {n.value for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Constant)}
        assert not texts & set(CONSTANTS.values()), path


def test_each_topic_is_made_by_the_one_service_that_writes_it() -> None:
    assert sorted(topic.name for service in SERVICES for topic in owned(service)) == sorted(topic.name for topic in TOPICS)


def test_every_topic_carries_a_published_event_or_dead_letters() -> None:
    letters = {topics.dead_letter_topic(group) for group in READS}
    assert {event.topic for event in published()} | letters == {topic.name for topic in TOPICS}


def test_a_group_has_the_name_of_the_service_whose_consumers_read_in_it() -> None:
    for topic in TOPICS:
        assert all(use.by == Role(use.group, "consumer") for use in topic.readers if use.group is not None)
