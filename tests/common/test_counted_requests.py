"""What is told of requests: counted by route, however early they are refused, and a line each where an operator says so."""

from collections.abc import Mapping

import httpx
import pytest
import structlog

from common import telemetry
from common.auth import Caller
from common.health import Health
from common.http import application
from tests.common.test_http import client as client
from tests.common.test_http import routes


def counted(method: str, route: str, status: str) -> float:
    return telemetry.REGISTRY.get_sample_value(
        "dangol_http_request_seconds_count", {"method": method, "route": route, "status": status}
    ) or 0.0  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "headers", "as_method", "route", "status"),
    [
        ("GET", "/v1/things", {}, "GET", "/v1/things", "200"),
        ("GET", "/v1/things", {"Authorization": ""}, "GET", "/v1/things", "401"),
        ("PUT", "/v1/things/hong", {"Authorization": ""}, "PUT", "/v1/things/{thing}", "401"),
        ("PUT", "/v1/things/hong", {"Content-Length": "9999999"}, "PUT", "/v1/things/{thing}", "413"),
        ("DELETE", "/v1/things", {"Authorization": ""}, "DELETE", "/v1/things", "401"),
        ("GET", "/hong", {"Authorization": ""}, "GET", "unmatched", "401"),
        ("GET", "/hong", {}, "GET", "unmatched", "404"),
        ("HONG", "/v1/things", {}, "other", "/v1/things", "405"),
    ],
)
async def test_a_request_is_counted_by_its_route_however_early_it_is_refused(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], as_method: str, route: str, status: str
) -> None:
    before = counted(as_method, route, status)
    await client.request(method, path, headers=headers)
    assert counted(as_method, route, status) == before + 1


async def test_what_asks_after_the_process_is_counted_nowhere(client: httpx.AsyncClient) -> None:
    for path in ("/livez", "/readyz", "/startupz", "/metrics"):
        assert (await client.get(path)).status_code == 200
    page = (await client.get("/metrics")).text
    assert [word for word in ("/livez", "/readyz", "/startupz", "/metrics", 'route="none"') if word in page] == []


async def test_by_setting_each_request_is_a_line_without_what_it_was_about() -> None:
    class Anyone:
        async def admit(self, headers: Mapping[str, str]) -> Caller:
            return Caller("kim", "demo", frozenset({"*"}))

    for wanted, lines in ((True, 1), (False, 0)):
        app = application("test", "For the tests.", Anyone(), Health({}), [routes], access_log=wanted)
        transport = httpx.ASGITransport(app)
        with structlog.testing.capture_logs() as logged:
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as session:
                await session.put("/v1/things/hong-gildong", params={"name": "gildong"}, json={"size": 1})
                await session.get("/readyz")
        answered = [line for line in logged if line["event"] == "answered"]
        assert len(answered) == lines
        assert "hong" not in str(logged)
        assert all((a["method"], a["route"], a["status"]) == ("PUT", "/v1/things/{thing}", 404) for a in answered)
