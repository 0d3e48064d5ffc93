"""Grafana's dashboards, and the rules of Prometheus in the form that Kubernetes has for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
OBSERVE = ROOT / "deploy" / "observe"
PROMETHEUS_RULE = ROOT / "deploy/kubernetes/overlays/production/observe/rules.yaml"

_WIDTH, _HEIGHT, _A_ROW = 8, 8, 3
_RATE = "dangol_http_request_seconds_count"


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture: what it shows, each curve's expression and name, the unit as Grafana calls it, and what to make of it."""

    title: str
    curves: Mapping[str, str]
    unit: str = "short"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of pictures. `uid` is its address for ever."""

    uid: str
    title: str
    panels: Sequence[Panel]


def _of(service: str, metric: str) -> str:
    return f'{metric}{{service="{service}"}}'


def _requests(service: str) -> list[Panel]:
    errors = f'sum by (status) (rate({_RATE}{{service="{service}",status=~"[45].."}}[5m]))'
    buckets = f"rate({_of(service, 'dangol_http_request_seconds_bucket')}[5m])"
    by_route = f"topk(8, histogram_quantile(0.99, sum by (route, le) ({buckets})))"
    slowest = f"histogram_quantile(%s, sum by (le) ({buckets}))"
    return [
        Panel("Requests", {"{{route}}": f"sum by (route) (rate({_of(service, _RATE)}[5m]))"}, "reqps"),
        Panel("Refusals and errors", {"{{status}}": errors}, "reqps", "4xx is the caller's, 5xx ours."),
        Panel("Time to answer", {"p50": slowest % 0.5, "p99": slowest % 0.99}, "s"),
        Panel("Slowest routes (p99)", {"{{route}}": by_route}, "s"),
    ]


def _processes(service: str) -> list[Panel]:
    connections = f"sum by (role, state) ({_of(service, 'dangol_postgres_connections')})"
    waiting = f"max by (role) ({_of(service, 'dangol_postgres_waiting')})"
    tries = f"sum by (role, loop) (rate({_of(service, 'dangol_retries_total')}[5m]))"
    return [
        Panel("Processors", {"{{role}}": f"sum by (role) (rate({_of(service, 'process_cpu_seconds_total')}[5m]))"}, "short"),
        Panel("Memory", {"{{role}}": f"max by (role) ({_of(service, 'process_resident_memory_bytes')})"}, "bytes"),
        Panel("Connections to PostgreSQL", {"{{role}} {{state}}": connections, "{{role}} wait": waiting}),
        Panel(
            "Tries while a store was away",
            {"{{role}} {{loop}}": tries},
        ),
    ]


def _reader(service: str) -> list[Panel]:
    delay = f"histogram_quantile(0.99, sum by (topic, le) (rate({_of(service, 'dangol_message_delay_seconds_bucket')}[5m])))"
    applied = f"sum by (topic) (rate({_of(service, 'dangol_messages_consumed_total')}[5m]))"
    return [
        Panel("Messages before it", {"{{topic}}": f"sum by (topic) ({_of(service, 'dangol_consumer_lag_messages')})"}),
        Panel("Messages applied", {"{{topic}}": applied}, "mps"),
        Panel("From Kafka to applied (p99)", {"{{topic}}": delay}, "s"),
        Panel("Dead letters kept", {"{{topic}}": f"max by (topic) ({_of(service, 'dangol_dead_letters_kept')})"}),
    ]


def _writer(service: str) -> list[Panel]:
    sent = f"sum by (topic) (rate({_of(service, 'dangol_outbox_relayed_total')}[5m]))"
    return [
        Panel("Outbox: how far behind Kafka is", {"seconds": f"max({_of(service, 'dangol_outbox_behind_seconds')})"}, "s"),
        Panel("Outbox: rows that wait", {"rows": f"max({_of(service, 'dangol_outbox_waiting_rows')})"}),
        Panel("Outbox: messages sent", {"{{topic}}": sent}, "mps"),
        Panel("Outbox: on the disk", {"bytes": f"max({_of(service, 'dangol_outbox_bytes')})"}, "bytes"),
    ]


def _overview() -> Dashboard:
    errors = f'sum by (service) (rate({_RATE}{{status=~"5.."}}[5m])) / sum by (service) (rate({_RATE}[5m]))'
    slow = "histogram_quantile(0.99, sum by (service, le) (rate(dangol_http_request_seconds_bucket[5m])))"
    down = 'count by (service, role) (up{service=~"contacts|search|segments|exports|notify|gateway"} == 0)'
    work = {
        "jobs: {{kind}}": "max by (kind) (dangol_jobs_oldest_seconds)",
        "exports: {{status}}": "max by (status) (dangol_exports_oldest_seconds)",
        "notices": "max(dangol_deliveries_late_seconds)",
    }
    return Dashboard("dangol", "Dangol: is it well", [
        Panel("Alerts", {"{{alertname}}": 'sum by (alertname) (ALERTS{alertname=~"Dangol.*",alertstate="firing"})'}),
        Panel("Processes that do not answer", {"{{service}} {{role}}": down}),
        Panel("Share of answers that are errors", {"{{service}}": errors}, "percentunit"),
        Panel("Time to answer (p99)", {"{{service}}": slow}, "s"),
        Panel("Requests", {"{{service}}": f"sum by (service) (rate({_RATE}[5m]))"}, "reqps"),
        Panel("Outbox: how far behind Kafka is", {"{{service}}": "max by (service) (dangol_outbox_behind_seconds)"}, "s"),
        Panel("Messages before readers", {"{{service}} {{topic}}": "sum by (service, topic) (dangol_consumer_lag_messages)"}),
        Panel("How late the clock of segments is", {"seconds": "max(dangol_segments_due_late_seconds)"}, "s"),
        Panel("Oldest work", work, "s"),
    ])  # fmt: skip


_JOBS = [Panel("Jobs that are not over", {"{{kind}} {{status}}": "max by (kind, status) (dangol_jobs)"})]
_SEGMENTS = [
    Panel("How late the clock is", {"seconds": "max(dangol_segments_due_late_seconds)"}, "s"),
    Panel("Segments that are not live", {"{{status}}": "max by (status) (dangol_segments)"}),
    Panel("Found wrong and put right", {"{{kind}}": "sum by (kind) (increase(dangol_segment_repairs_total[1h]))"}),
    Panel("Differences from search at the last sweep", {"{{kind}}": "max by (kind) (dangol_segment_differences)"}),
]
_STORE = 'sum by (operation, outcome) (rate(dangol_files_seconds_count{service="exports"}[5m]))'
_EXPORTS = [
    Panel("Exports that are not over", {"{{status}}": "max by (status) (dangol_exports_in_work)"}),
    Panel("Oldest that is not over", {"{{status}}": "max by (status) (dangol_exports_oldest_seconds)"}, "s"),
    Panel("Files that should be gone", {"seconds": "max(dangol_exports_expire_late_seconds)"}, "s"),
    Panel("The store of files", {"{{operation}} {{outcome}}": _STORE}),
]
_NOTICES = [
    Panel("Notices that wait, or were given up", {"{{status}}": "max by (status) (dangol_deliveries)"}),
    Panel("How late the first is", {"seconds": "max(dangol_deliveries_late_seconds)"}, "s"),
    Panel("Destinations that failed until they were switched off", {"destinations": "max(dangol_destinations_off)"}),
]


def dashboards() -> list[Dashboard]:
    """All of them: one that says whether it is well, and one per service."""
    own = {
        "contacts": [*_writer("contacts"), *_JOBS],
        "search": _reader("search"),
        "segments": [*_reader("segments"), *_SEGMENTS, *_writer("segments")],
        "exports": [*_EXPORTS, *_reader("exports"), *_writer("exports")],
        "notify": [*_NOTICES, *_reader("notify")],
    }
    return [_overview()] + [
        Dashboard(f"dangol-{service}", f"Dangol: {service}", [*_requests(service), *panels, *_processes(service)])
        for service, panels in own.items()
    ]


def _grafana(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": dashboard.uid, "title": dashboard.title, "tags": ["dangol"], "schemaVersion": 39, "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"}, "timezone": "browser", "editable": False,
        "templating": {"list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]},
        "links": [{"type": "dashboards", "tags": ["dangol"], "title": "Dangol", "asDropdown": True}],
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }  # fmt: skip


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${source}"}
    down, across = divmod(number, _A_ROW)
    return {
        "id": number + 1, "type": "timeseries", "title": panel.title, "description": panel.text, "datasource": source,
        "gridPos": {"x": across * _WIDTH, "y": down * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": expression, "legendFormat": name, "datasource": source}
            for place, (name, expression) in enumerate(panel.curves.items())
        ],
    }  # fmt: skip


def files() -> dict[Path, str]:
    """The dashboards, and the rules as an operator of Prometheus takes them, by file."""
    made = {
        OBSERVE / "dashboards" / f"{each.uid}.json": json.dumps(_grafana(each), ensure_ascii=False, indent=2) + "\n"
        for each in dashboards()
    }
    rules = yaml.safe_load((OBSERVE / "rules.yaml").read_text("utf-8"))
    manifest = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "dangol"}, "spec": rules}
    head = "# Made by `make generate` of deploy/observe/rules.yaml.\n"
    return made | {PROMETHEUS_RULE: head + yaml.safe_dump(manifest, sort_keys=False, width=130, allow_unicode=True)}
