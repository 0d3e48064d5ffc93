"""The managed-user limit through the whole running system: who is beyond it is kept but nowhere to be found until it grows."""

from typing import Any

import orjson
import pytest

from common.clock import SystemClock, to_wire
from common.topics import CHANNEL
from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel
from tests.support.topics import everything


async def limit(api: Api, most: int | None) -> dict[str, Any]:
    answer: dict[str, Any] = await api.json("PATCH", "/v1/channel", body={"managedUsers": {"limit": most}})
    return answer["managedUsers"]  # type: ignore[no-any-return]


async def total(api: Api) -> int:
    found: int = (await api.json("POST", "/v1/search/count", body={}))["total"]
    return found


async def test_contacts_beyond_the_limit_are_nowhere_until_it_grows(stack: Stack) -> None:
    channel = fresh_channel()
    async with caller(stack, channel) as api:
        segment = (await api.json("POST", "/v1/segments", body={"name": "everyone", "filter": {"and": []}}))["id"]
        assert await limit(api, 2) == {"limit": 2, "count": 0, "hidden": 0}
        made = [await api.json("PUT", f"/v1/contacts/@m{n}", body={"name": f"사람 {n}"}) for n in range(4)]
        assert [m["hidden"] for m in made] == [False, False, True, True]
        assert (await api.json("GET", "/v1/channel"))["managedUsers"] == {"limit": 2, "count": 4, "hidden": 2}
        assert (await api.json("GET", "/v1/contacts/@m3"))["name"] == "사람 3"

        async def members() -> int:
            return len((await api.json("GET", f"/v1/segments/{segment}/members"))["items"])

        await eventually(members, lambda n: n == 2)
        await eventually(lambda: total(api), lambda n: n == 2)
        asked = {"reason": "r", "password": "dangol!2026", "scope": {"contactIds": [made[0]["id"], made[3]["id"]]}}
        refused = await api.ask("POST", "/v1/exports", body=asked)
        assert (refused.status_code, refused.json()["pointer"]) == (422, "/scope/contactIds/1")

        while_hidden = to_wire(SystemClock().now())
        assert (await limit(api, 3))["limit"] == 3
        await eventually(lambda: total(api), lambda n: n == 3)
        assert not (await api.json("GET", f"/v1/contacts/{made[2]['id']}"))["hidden"]
        assert (await api.json("GET", f"/v1/contacts/{made[3]['id']}"))["hidden"]
        await limit(api, None)
        await eventually(lambda: total(api), lambda n: n == 4)
        await eventually(members, lambda n: n == 4)
        asked = {"contactId": made[2]["id"], "at": while_hidden}
        refused = await api.ask("POST", f"/v1/segments/{segment}/explain", body=asked)
        assert (refused.status_code, refused.json()["code"]) == (409, "contactHidden")
        asked = {"filter": {"and": []}, "contactIds": [made[0]["id"], made[2]["id"]], "at": while_hidden}
        trees = (await api.json("POST", "/v1/filters/explain", body=asked))["items"]
        assert [tree["tree"] is None for tree in trees] == [False, True]
        assert (await api.json("GET", "/v1/channel"))["managedUsers"] == {"limit": None, "count": 4, "hidden": 0}

        told = [orjson.loads(m.value) for m in await everything(stack.kafka, CHANNEL) if m.channel == channel and m.value]
        assert [(t["event"]["percent"], t["event"]["count"]) for t in told] == [(80, 2), (100, 2)]


@pytest.mark.parametrize(
    ("permissions", "body", "status"),
    [
        (["channel.manage"], {"managedUsers": {"limit": 5}}, 403),
        (["plan.manage"], {"managedUsers": {"limit": 5}}, 200),
        (["plan.manage"], {"managedUsers": {"limit": 5}, "country": "KR"}, 403),
        (["plan.manage"], {"managedUsers": {"limit": -1}}, 422),
        (["plan.manage"], {"managedUsers": {"limit": "many"}}, 422),
        (["plan.manage"], {"managedUsers": {}}, 422),
        (["contacts.edit"], {"managedUsers": {"limit": 5}}, 403),
    ],
)
async def test_the_limit_is_the_plans_to_change(stack: Stack, permissions: list[str], body: dict[str, Any], status: int) -> None:
    async with caller(stack, fresh_channel(), "kim", *permissions) as api:
        assert (await api.ask("PATCH", "/v1/channel", body=body)).status_code == status
