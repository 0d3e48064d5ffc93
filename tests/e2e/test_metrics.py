"""The metrics of every process: what an operator looks at is there, no label has many values, and none is of a person."""

import asyncio
import re
from importlib import import_module
from typing import Any

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from localstack.demo import Api
from localstack.environment import health_address
from localstack.ports import HOST
from localstack.processes import BY_NAME, GATEWAY_HEALTH_OFFSET, SERVICE_PROCESSES
from localstack.stack import Stack
from tests.support.api import eventually

_METRICS: Any = import_module("docs.metrics")
_DECLARED = {metric.name: metric for metric in _METRICS.declared()}
_VALUE = re.compile(r"[a-zA-Z0-9 ./{}:@_+-]{0,80}")
_AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|m-secret|hong|\d{7}")

ROLES = {
    "api": ("dangol_http_request_seconds", "dangol_postgres_connections"),
    "relay": ("dangol_outbox_waiting_rows", "dangol_outbox_behind_seconds", "dangol_outbox_shards"),
    "consumer": ("dangol_consumer_lag_messages", "dangol_dead_letters_kept", "dangol_messages_consumed"),
    "worker": ("dangol_postgres_connections",),
}
PROCESSES = {
    "contacts-worker": (),
    "segments-worker": ("dangol_segments_due_late_seconds", "dangol_segments"),
    "exports-worker": ("dangol_exports_expire_late_seconds",),
    "notify-worker": ("dangol_deliveries", "dangol_deliveries_late_seconds"),
    "search-consumer": ("dangol_message_delay_seconds",),
}


async def page(address: str) -> dict[str, Metric]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{address}/metrics", timeout=20)
    assert answer.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


async def test_every_process_tells_how_it_does_and_of_nobody(stack: Stack, api: Api) -> None:
    made = await api.json("PUT", "/v1/contacts/@m-secret-7", body={"name": "hong"})
    await api.json("GET", f"/v1/contacts/{made['id']}")
    await api.json("POST", "/v1/search", body={"query": "hong"})

    async def of_all() -> dict[str, dict[str, Metric]]:
        pages = await asyncio.gather(*(page(health_address(process, stack.facts)) for process in SERVICE_PROCESSES))
        return dict(zip((process.name for process in SERVICE_PROCESSES), pages, strict=True))

    def is_whole(pages: dict[str, dict[str, Metric]]) -> bool:
        return all(s.value == 1 for families in pages.values() for s in families["dangol_figures_answered"].samples)

    pages = await eventually(of_all, is_whole)
    for name, families in pages.items():
        role = BY_NAME[name].role
        assert role is not None
        wanted = {*ROLES[role], *PROCESSES.get(name, ()), "process_resident_memory_bytes"}
        assert wanted - families.keys() == set(), name
        for family in families.values():
            if family.name.startswith("dangol_"):
                told = family.name.removesuffix("_created")
                declared = _DECLARED.get(told) or _DECLARED[f"{told}_total"]
                assert all(s.labels.keys() - {"le"} == set(declared.labels) for s in family.samples), (name, family.name)
            for value in {value for sample in family.samples for value in sample.labels.values()}:
                assert _VALUE.fullmatch(value), (name, family.name)
                assert not _AN_ID.search(value), (name, family.name)

    routes = {s.labels["route"] for s in pages["contacts-api"]["dangol_http_request_seconds"].samples}
    assert {"/v1/contacts/@{member_id:path}", "/v1/contacts/{contact_id:path}"} <= routes


async def test_the_gateway_tells_how_it_does_and_of_nobody(stack: Stack, api: Api) -> None:
    await api.ask("GET", "/v1/contacts/@m-secret-8")
    families = await page(f"{HOST}:{stack.facts.port_base + GATEWAY_HEALTH_OFFSET}")
    assert "caddy_http_requests" in families
    for family in families.values():
        for value in {value for sample in family.samples for value in sample.labels.values()}:
            assert not _AN_ID.search(value), family.name
