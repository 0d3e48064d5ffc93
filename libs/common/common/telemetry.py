"""Logs as JSON lines, metrics and traces, none of which ever carries personal data."""

import logging
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import Link, SpanKind, StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector

from common.errors import Problem

log = structlog.get_logger()

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
REQUESTS = Histogram(
    "dangol_http_request_seconds", "Time to answer a request.", ["method", "route", "status"], registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
CONSUMED = Counter("dangol_messages_consumed_total", "Messages applied.", ["topic"], registry=REGISTRY)
DEAD_LETTERS = Counter("dangol_dead_letters_total", "Messages put aside as not understood.", ["topic"], registry=REGISTRY)
DELAY = Histogram(
    "dangol_message_delay_seconds", "From when Kafka had the oldest message of a batch to when it was applied.", ["topic"],
    registry=REGISTRY, buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200),
)  # fmt: skip
RETRIES = Counter("dangol_retries_total", "Tries that failed as a store was away, and came again.", ["loop"], registry=REGISTRY)
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
_exports = False
_in_hand: ContextVar[Mapping[str, Mapping[str, str]]] = ContextVar("the headers of the messages in hand, by key", default={})  # noqa: B039
_MOST_LINKS = 128
_TRACE = ("traceparent", "tracestate")


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
    exporting: SpanProcessor | None = None
    if otlp_endpoint is not None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporting = BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint))
    trace_to(exporting, {"service.name": f"dangol-{service}", "service.role": role})


def trace_to(exporting: SpanProcessor | None, resource: Mapping[str, str]) -> None:
    """Give spans to `exporting`; without one, traces are carried on from call to call and nothing of them is kept."""
    global _exports
    provider = TracerProvider(resource=Resource.create(resource))
    if exporting is not None:
        provider.add_span_processor(exporting)
    _exports = exporting is not None
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


@contextmanager
def batch(name: str, messages: Sequence[tuple[str, Mapping[str, str]]], **attributes: str | int) -> Iterator[None]:
    """A span over messages that are worked off together (keys and headers), which is linked to the trace of each; and in each
    of these traces one of the same name and time.
    """
    token = _in_hand.set(dict(messages))
    began = time.time_ns()
    try:
        with _linked(name, [headers for _, headers in messages], attributes):
            yield
    finally:
        _in_hand.reset(token)
    joined(name, (headers for _, headers in messages), began)


@contextmanager
def _linked(name: str, carriers: Iterable[Mapping[str, str]], attributes: Mapping[str, str | int]) -> Iterator[None]:
    if not _exports:
        yield
        return
    contexts = {c.trace_id: c for c in map(_sampled, carriers) if c is not None}
    links = [Link(context) for context in list(contexts.values())[:_MOST_LINKS]]
    whole: dict[str, Any] = {"attributes": attributes, "links": links, "record_exception": False}
    with _tracer.start_as_current_span(name, kind=SpanKind.CONSUMER, set_status_on_exception=False, **whole) as current:
        try:
            yield
        except Exception as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def joined(name: str, carriers: Iterable[Mapping[str, str]], began: int) -> None:
    """Of each of these messages, in its own trace, that it was worked off from `began` (nanoseconds since 1970) until now."""
    if not _exports:
        return
    ended = time.time_ns()
    for headers in carriers:
        if (context := _sampled(headers)) is not None:
            parent = trace.set_span_in_context(trace.NonRecordingSpan(context))
            _tracer.start_span(name, parent, SpanKind.CONSUMER, start_time=began).end(ended)


def _sampled(headers: Mapping[str, str]) -> trace.SpanContext | None:
    context = trace.get_current_span(propagate.extract(headers)).get_span_context() if _TRACE[0] in headers else None
    return context if context is not None and context.is_valid and context.trace_flags.sampled else None


def trace_of(key: str) -> dict[str, str]:
    """`traceparent` (and `tracestate`) of the message in hand that has this key, for what follows of it; empty without one."""
    headers = _in_hand.get().get(key)
    return {} if headers is None else {name: headers[name] for name in _TRACE if name in headers}


def describe(name: str, status: int) -> None:
    """Name the current span, which is a request's, after its route, and note what was answered: 500 and above is an error."""
    current = trace.get_current_span()
    if current.is_recording():
        current.update_name(name)
        current.set_attribute("http.response.status_code", status)
        if status >= 500:
            current.set_status(StatusCode.ERROR)


def trace_headers() -> dict[str, str]:
    """`traceparent` (and `tracestate`) of the current span, to be carried by a message or a call."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier
