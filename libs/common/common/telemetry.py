"""Logs as JSON lines, metrics and traces, none of which ever carries personal data."""

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.errors import Problem

log = structlog.get_logger()

REGISTRY = CollectorRegistry()
REQUESTS = Histogram(
    "dangol_http_request_seconds", "Time to answer a request.", ["method", "route", "status"], registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
CONSUMED = Counter("dangol_messages_consumed_total", "Messages applied.", ["topic"], registry=REGISTRY)
DEAD_LETTERS = Counter("dangol_dead_letters_total", "Messages put aside as not understood.", ["topic"], registry=REGISTRY)
LAG = Gauge("dangol_consumer_lag_messages", "Messages not yet applied.", ["topic"], registry=REGISTRY)
RELAYED = Counter("dangol_outbox_relayed_total", "Outbox rows acknowledged by Kafka.", ["topic"], registry=REGISTRY)
OUTBOX_BYTES = Gauge("dangol_outbox_bytes", "On the disk for the outbox, sent or not, with its indexes.", registry=REGISTRY)
OUTBOX_HELD = Gauge(
    "dangol_outbox_held_seconds", "For how long a dump or another transaction has kept what is sent from being emptied.",
    registry=REGISTRY,
)  # fmt: skip
ASIDE = Counter("dangol_outbox_aside_total", "Outbox rows that Kafka found too large.", ["topic"], registry=REGISTRY)
FILES = Histogram(
    "dangol_files_seconds", "Time of what a bucket was asked for, and how it ended: ok, refused, away, broken.",
    ["operation", "outcome"], registry=REGISTRY, buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 20, 120),
)  # fmt: skip

_tracer = trace.get_tracer("dangol")


def without_personal_data(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep an exception's type and places and drop its message: a driver's message can quote a row."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        if isinstance(error, Problem):
            event["problem"] = error.code
        frames = traceback.extract_tb(error.__traceback__)
        event["trace"] = [f"{f.filename.rsplit('/', 2)[-1]}:{f.lineno} {f.name}" for f in frames[-12:]]
    return event


def _trace_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


def configure(service: str, role: str, level: str = "info", otlp_endpoint: str | None = None) -> None:
    """Set up logs (JSON lines on standard output) and traces (sent where `otlp_endpoint` is given)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace_ids,
            without_personal_data,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    structlog.contextvars.bind_contextvars(service=service, role=role)
    # Libraries log through the standard library; their messages may quote data: of these only the fixed part is kept.
    logging.basicConfig(handlers=[_Bridge()], level=logging.WARNING, force=True)
    provider = TracerProvider(resource=Resource.create({"service.name": f"dangol-{service}", "service.role": role}))
    if otlp_endpoint is not None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint)))
    trace.set_tracer_provider(provider)


class _Bridge(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.log(
            record.levelno, "library", logger=record.name, place=f"{record.module}:{record.lineno}",
            template=_template(record), exc_info=record.exc_info,
        )  # fmt: skip


def _template(record: logging.LogRecord) -> str:
    """A record's text without its arguments. One that was put together before it was logged may quote data and is left out."""
    if not isinstance(record.msg, str):
        return type(record.msg).__name__
    if record.args:
        return record.msg
    frame = sys._getframe()
    while frame.f_back is not None and (frame.f_code.co_filename, frame.f_lineno) != (record.pathname, record.lineno):
        frame = frame.f_back
    # A text that stands in the code of whoever logs it is the same every time.
    return record.msg.strip() if record.msg in frame.f_code.co_consts else "(a text that may quote data)"


@contextmanager
def span(name: str, carrier: Mapping[str, str] | None = None, **attributes: str | int) -> Iterator[None]:
    """A span named after the work, in the trace of `carrier` (`traceparent`) if there is one; it tells an error's kind alone."""
    context = propagate.extract(dict(carrier)) if carrier else None
    # What the library would note of an error by itself is its message, and a driver's message can quote a row.
    whole: dict[str, Any] = {"context": context, "attributes": attributes, "record_exception": False}
    with _tracer.start_as_current_span(name, **whole, set_status_on_exception=False) as current:
        try:
            yield
        except Exception as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def trace_headers() -> dict[str, str]:
    """`traceparent` (and `tracestate`) of the current span, to be carried by a message or a call."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier
