"""The limits of fair use: who is counted, how long one has to wait, what is kept, and what the border answers."""

import math
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from common.caller import Caller
from common.errors import TooManyRequests
from common.fair_use import BURST_SECONDS, FairUse, Shares
from common.health import Health
from common.http import AnyCaller, application, router
from common.settings import ApiSettings


@dataclass(slots=True)
class Watch:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def caller(subject: str = "kim", channel: str = "demo") -> Caller:
    return Caller(subject, channel, frozenset())


def sent(limits: FairUse, who: Caller, times: int) -> int:
    """How many of so many requests at one moment are let in."""
    let_in = 0
    for _ in range(times):
        try:
            limits.admit(who)
        except TooManyRequests:
            continue
        let_in += 1
    return let_in


def test_ten_seconds_worth_at_once_and_then_by_the_second() -> None:
    watch = Watch()
    limits = FairUse(None, 2, monotonic=watch)
    assert sent(limits, caller(), 100) == 20
    watch.now += 0.5
    assert sent(limits, caller(), 100) == 1
    watch.now += 3
    assert sent(limits, caller(), 100) == 6
    watch.now += 1000
    assert sent(limits, caller(), 100) == 20


def test_less_than_one_in_ten_seconds_is_one_at_a_time() -> None:
    watch = Watch()
    limits = FairUse(0.01, None, monotonic=watch)
    assert sent(limits, caller(), 3) == 1
    with pytest.raises(TooManyRequests) as refused:
        limits.admit(caller())
    assert refused.value.extra["retryAfter"] == 100
    watch.now += 100
    assert sent(limits, caller(), 3) == 1


def test_each_subject_and_each_channel_has_its_own_share() -> None:
    limits = FairUse(3, 2, monotonic=Watch())
    assert sent(limits, caller("kim"), 100) == 20
    assert sent(limits, caller("lee"), 100) == 10, "what is left of the channel's"
    assert sent(limits, caller("kim", "other"), 100) == 20


def test_whose_share_is_used_up_is_told_and_a_refused_request_counts_for_neither() -> None:
    watch = Watch()
    limits = FairUse(1, 1, monotonic=watch)
    assert sent(limits, caller("kim"), 5) == 5
    assert sent(limits, caller("lee"), 100) == 5
    for who, whose in (("lee", "channel"), ("kim", "channel")):
        with pytest.raises(TooManyRequests) as refused:
            limits.admit(caller(who))
        assert (refused.value.code, refused.value.extra) == ("fairUse", {"retryAfter": 1, "limit": whose})
    watch.now += 5
    assert sent(limits, caller("lee"), 100) == 5, "lee's own share was not used up by what the channel's refused"
    watch.now += 5
    assert sent(limits, caller("kim"), 4) == 4
    assert sent(limits, caller("kim", "other"), 11) == 10
    with pytest.raises(TooManyRequests) as refused:
        limits.admit(caller("kim", "other"))
    assert refused.value.extra["limit"] == "token"


def test_services_are_not_counted_and_a_browser_key_takes_of_its_channels_share_alone() -> None:
    limits = FairUse(3, 1, monotonic=Watch())
    assert sent(limits, caller("service:search"), 100) == 100
    assert sent(limits, caller("browser:019a1f0e"), 100) == 30
    assert sent(limits, caller("kim"), 100) == 0


def test_without_a_limit_nothing_is_kept() -> None:
    assert sent(FairUse(None, None), caller(), 1000) == 1000


@given(
    per_second=st.floats(0.05, 500),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
def test_no_span_of_time_has_more_than_its_share_and_whoever_waits_is_let_in(per_second: float, pauses: list[float]) -> None:
    shares, now, taken = Shares(per_second), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if (left := shares.wait("demo", now)) > 0:
            assert left <= max(BURST_SECONDS, 1 / per_second) + 1e-6
            assert shares.wait("demo", now + left + 1e-6) == 0
        else:
            shares.take("demo", now)
            taken.append(now)
    for first, begin in enumerate(taken):
        for last, end in enumerate(taken[first:], first):
            most = max(BURST_SECONDS * per_second, 1) + (end - begin) * per_second
            assert last - first + 1 <= math.floor(most + 1e-3) or math.isclose(last - first + 1, most, rel_tol=1e-6)


def test_memory_is_bounded_and_those_quiet_for_longest_begin_anew() -> None:
    shares = Shares(0.1, most=3)
    for key in ("a", "b", "c", "d"):
        shares.take(key, 0.0)
    assert [shares.wait(key, 0.0) > 0 for key in ("a", "b", "c", "d")] == [False, True, True, True]
    shares.take("b", 20.0)
    shares.take("e", 20.0)
    assert [shares.wait(key, 20.0) > 0 for key in ("b", "e")] == [True, True]


routes = router("/v1/things")


@routes.post("")
async def make(who: AnyCaller) -> dict[str, str]:
    return {"by": who.subject}


class Open:
    """Lets in whom the header names."""

    async def admit(self, headers: dict[str, str]) -> Caller:
        return caller(headers["authorization"])


async def test_the_border_answers_429_with_retry_after_before_it_reads_or_tells_anybody() -> None:
    told: list[str] = []

    async def admitted(channel: str) -> None:
        told.append(channel)

    limits = FairUse(None, 0.2, monotonic=Watch())
    app = application("test", "", Open(), Health({}), [routes], admitted=admitted, fair_use=limits)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for _ in range(2):
            assert (await client.post("/v1/things", headers={"Authorization": "kim"})).status_code == 200
        assert told == ["demo", "demo"]
        answer = await client.post("/v1/things", headers={"Authorization": "kim"}, content=b"not JSON")
        assert (answer.status_code, told) == (429, ["demo", "demo"])
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "5"
        problem = answer.json()
        assert (problem["code"], problem["limit"], problem["retryAfter"]) == ("fairUse", "token", 5)
        assert (await client.post("/v1/things", headers={"Authorization": "lee"})).status_code == 200
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "inf", "many"])
def test_a_limit_that_makes_no_sense_is_refused_at_start(wrong: str) -> None:
    with pytest.raises(ValidationError):
        ApiSettings.model_validate({"idempotency_secret": SecretStr("0" * 64), "token_requests": wrong})
