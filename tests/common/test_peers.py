"""What goes with a call to another service: who calls, and the trace that it belongs to."""

import json
from pathlib import Path

import httpx
from joserfc.jwk import ECKey
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from common.auth import Signer
from common.peers import Peer

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331


async def test_a_call_and_a_stream_carry_the_trace_and_a_token_of_the_services_own(tmp_path: Path) -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={})

    (tmp_path / "key").write_text(json.dumps(ECKey.generate_key("P-256", {"kid": "one"}).as_dict(private=True)))
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        peer = Peer(client, Signer(tmp_path / "key", "us", "service:test"), "http://other", "contacts.read")
        with use_span(NonRecordingSpan(SpanContext(TRACE, SPAN, is_remote=False, trace_flags=TraceFlags(1)))):
            await peer.ask("GET", "/x", "channel")
            async with peer.lines("/x", "channel", {}) as lines:
                assert [line async for line in lines] == [b"{}"]
        await peer.ask("GET", "/x", "channel")
    expected = f"00-{TRACE:032x}-{SPAN:016x}-01"
    assert [headers.get("traceparent") for headers in seen] == [expected, expected, None]
    assert all(headers["authorization"].startswith("Bearer ") for headers in seen)
