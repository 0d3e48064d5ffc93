"""What libraries log: the fixed part of it is kept, so that one can look it up, and never what it was filled in with."""

import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import logging
from common import telemetry

telemetry.configure("test", "api")
log = logging.getLogger("library")
secret = "".join(["010", "-1234", "-5678"])  # not a constant of the code
log.warning("no route to %s", secret)
log.warning("a fixed text")
text = "a fixed text, named first\\n"
log.error(text)
log.warning(f"no route to {secret}")
log.warning("no route to " + secret)
log.warning(secret)
log.error(OSError(98, secret))
try:
    raise ValueError(secret)
except ValueError:
    log.exception("it failed")
log.info("not of interest")
"""


def logged() -> list[dict[str, Any]]:
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert "1234" not in answer.stdout + answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_a_librarys_record_keeps_its_template_and_drops_what_may_quote_data() -> None:
    lines = logged()
    assert [line["template"] for line in lines] == [
        "no route to %s",
        "a fixed text",
        "a fixed text, named first",
        *["(a text that may quote data)"] * 3,
        "OSError",
        "it failed",
    ]
    assert all((line["event"], line["logger"]) == ("library", "library") for line in lines)
    assert lines[-1]["error"] == "ValueError"


TRACED = """
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from common import telemetry

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
try:
    with telemetry.span("apply", None, messages=1):
        raise ValueError("Key (member)=(hong@example.com) already exists.")
except ValueError:
    pass
print(*[span.to_json(indent=None) for span in kept.get_finished_spans()])
"""


def test_a_span_tells_an_errors_kind_and_not_its_words() -> None:
    answer = subprocess.run([sys.executable, "-c", TRACED], capture_output=True, text=True, check=True)
    assert "hong" not in answer.stdout + answer.stderr
    told = json.loads(answer.stdout)
    assert (told["name"], told["attributes"], told["events"]) == ("apply", {"messages": 1}, [])
    assert told["status"] == {"status_code": "ERROR", "description": "ValueError"}


REQUESTED = """
import asyncio
import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from common.auth import Caller
from common.health import Health
from common.http import application, permit, router
from fastapi import Depends

class Door:
    async def admit(self, headers):
        return Caller("kim", "c", frozenset())

routes = router("/v1/people")

@routes.get("/{person}", dependencies=[Depends(permit())])
async def shown(person: str, name: str) -> dict[str, str]:
    return {"person": person}

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)

async def ask():
    app = application("test", "A test.", Door(), Health({}), [routes])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        assert (await client.get("/v1/people/@hong", params={"name": "gildong"})).status_code == 200

asyncio.run(ask())
print(*[span.to_json(indent=None) for span in kept.get_finished_spans()], sep="\\n")
"""


def test_a_requests_span_tells_neither_path_nor_query() -> None:
    answer = subprocess.run([sys.executable, "-c", REQUESTED], capture_output=True, text=True, check=True)
    (span,) = [json.loads(line) for line in answer.stdout.splitlines()]
    assert (span["name"], span["attributes"]) == ("GET /v1/people/{person}", {"method": "GET", "http.response.status_code": 200})
    assert "hong" not in answer.stdout + answer.stderr
    assert "gildong" not in answer.stdout + answer.stderr


BATCH = """
import asyncio
from datetime import UTC, datetime
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from common import telemetry

kept = InMemorySpanExporter()
telemetry.trace_to(SimpleSpanProcessor(kept), {})
sampled = [f"00-{n:032x}-{n:016x}-01" for n in (1, 2)]
messages = [("c/a", {"traceparent": sampled[0]}), ("c/b", {"traceparent": sampled[1], "tracestate": "x=1"}),
            ("c/c", {"traceparent": f"00-{3:032x}-{3:016x}-00"}), ("c/d", {}), ("c/e", {"traceparent": "hong"})]
with telemetry.batch("apply", messages, size=5):
    follows = [telemetry.trace_of(key) for key in ("c/a", "c/b", "c/d", "c/else")]
expected = [{"traceparent": sampled[0]}, {"traceparent": sampled[1], "tracestate": "x=1"}, {}, {}]
print(follows == expected, telemetry.trace_of("c/a"))
print(*[span.to_json(indent=None) for span in kept.get_finished_spans()], sep="\\n")
"""


def test_what_is_applied_together_is_seen_in_the_trace_of_each_message() -> None:
    answer = subprocess.run([sys.executable, "-c", BATCH], capture_output=True, text=True, check=True)
    said, *spans = answer.stdout.splitlines()
    assert said == "True {}"
    whole, *each = [json.loads(line) for line in spans]
    assert [link["context"]["trace_id"] for link in whole["links"]] == [f"0x{n:032x}" for n in (1, 2)]
    assert [(s["name"], s["context"]["trace_id"], s["parent_id"]) for s in each] == [
        ("apply", f"0x{n:032x}", f"0x{n:016x}") for n in (1, 2)
    ]
    assert "hong" not in answer.stdout
