"""What managers keep for themselves, through the gateway."""

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller


async def test_preferences_are_the_callers_own_whatever_they_may_do(stack: Stack, channel: str, api: Api) -> None:
    path, defaults = "/v1/me/preferences", {"copyCountryCode": True, "language": None}
    async with caller(stack, channel, "lee", "visits.write") as lee:
        assert await lee.json("GET", path) == defaults
        answer = await lee.ask("PATCH", path, body={"copyCountryCode": False, "columns": {"open": ["name"]}})
        assert (answer.status_code, "Dangol-Position" in answer.headers) == (200, True)
        assert await lee.json("PATCH", path, body={"language": "ko"}) == {
            "copyCountryCode": False, "language": "ko", "columns": {"open": ["name"]},
        }  # fmt: skip
        for body, pointer in (({"language": "fr"}, "/language"), ({"copyCountryCode": "no"}, "/copyCountryCode")):
            wrong = await lee.ask("PATCH", path, body=body)
            assert (wrong.status_code, wrong.json()["pointer"]) == (422, pointer)
        large = await lee.ask("PATCH", path, body={"big": "x" * 17_000})
        assert (large.status_code, large.json()["code"], large.json()["most"]) == (422, "tooLarge", 16384)
        assert (await lee.json("PATCH", path, body={"columns": None, "language": None})) == defaults | {"copyCountryCode": False}
    assert await api.json("GET", path) == defaults


async def test_a_link_is_opened_by_others_and_searched_with_as_it_is(stack: Stack, channel: str, api: Api) -> None:
    await api.json("PUT", "/v1/contacts/@vip", body={"name": "홍길동", "tags": ["vip"]})
    wanted = {"filter": {"key": "tags", "operator": "hasAny", "values": ["vip"]}, "sort": [{"key": "name"}]}
    made = await api.ask("POST", "/v1/links", body=wanted)
    again = await api.ask("POST", "/v1/links", body=dict(reversed(wanted.items())))
    assert (made.status_code, again.status_code, made.json()) == (201, 200, again.json())
    assert "Dangol-Position" in made.headers
    async with caller(stack, channel, "lee", "contacts.read") as lee:
        link = await lee.json("GET", f"/v1/links/{made.json()['id']}")
        assert link == {"id": made.json()["id"], **wanted, "sort": [{"key": "name", "order": "asc"}]}
        del link["id"]
        assert (await lee.ask("POST", "/v1/search", body=link)).status_code == 200
    for body, pointer in (
        ({"query": None}, "/query"),
        ({"sort": [{"key": "x", "order": "up"}]}, "/sort/0/order"),
        ({"q": 1}, "/q"),
    ):
        wrong = await api.ask("POST", "/v1/links", body=body)
        assert (wrong.status_code, wrong.json()["pointer"]) == (422, pointer)
    async with caller(stack, f"{channel}-other") as stranger:
        assert (await stranger.ask("GET", f"/v1/links/{made.json()['id']}")).status_code == 404
    async with caller(stack, channel, "page", "visits.write") as page:
        for method, path in (("POST", "/v1/links"), ("GET", "/v1/links/x"), ("GET", "/v1/views"), ("POST", "/v1/views")):
            assert (await page.ask(method, path, body={} if method == "POST" else None)).status_code == 403


async def test_views_are_ones_own_until_they_are_shared(stack: Stack, channel: str, api: Api) -> None:
    link = (await api.json("POST", "/v1/links", body={"query": "kim"}))["id"]
    made = await api.ask("POST", "/v1/views", body={"name": "My list", "link": link, "columns": ["name", "profile.grade"]})
    assert (made.status_code, made.headers["ETag"], made.json()["shared"]) == (201, '"1"', False)
    path = f"/v1/views/{made.json()['id']}"
    async with caller(stack, channel, "lee", "contacts.read") as lee:
        for method in ("GET", "PATCH", "DELETE"):
            assert (await lee.ask(method, path, body={"name": 1} if method == "PATCH" else None)).status_code == 404
        shared = await api.ask("PATCH", path, body={"shared": True, "columns": []}, headers={"If-Match": '"1"'})
        assert (shared.headers["ETag"], shared.json()["columns"], "Dangol-Position" in shared.headers) == ('"2"', None, True)
        assert await lee.json("GET", "/v1/views") == {"items": [shared.json()], "next": None}
        assert (await lee.ask("PATCH", path, body={"name": 1})).json()["code"] == "notYours"
        assert (await lee.ask("DELETE", path)).status_code == 403
    stale = await api.ask("PATCH", path, body={"name": "Ours"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["version"], stale.json()["changedBy"]) == (412, 2, "kim")
    assert (await api.ask("DELETE", path, headers={"If-Match": '"1"'})).status_code == 412
    gone = await api.ask("DELETE", path, headers={"If-Match": '"2"'})
    assert (gone.status_code, "Dangol-Position" in gone.headers) == (204, True)
    assert (await api.ask("GET", path)).status_code == 404
