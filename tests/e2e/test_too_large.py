"""The largest contact and the largest visit all the way through, and what is larger refused at the door."""

from typing import Any

from localstack.demo import Api
from tests.support.api import eventually

TEXT = "가나다라마" * 2000


async def test_the_largest_contact_is_found_and_a_larger_one_is_refused(api: Api) -> None:
    largest = {f"k{n}": TEXT for n in range(8)}
    made = await api.ask("PUT", "/v1/contacts/@u1", body={"name": "홍길동", "profile": largest})
    assert made.status_code == 201
    refused = await api.ask("PATCH", "/v1/contacts/@u1", body={"profile": {"k8": TEXT}})
    assert (refused.status_code, refused.json()["code"]) == (422, "tooLarge")
    assert "256 KiB" in refused.json()["detail"]
    changed = await api.json(
        "PUT", "/v1/contacts/@u1", body={"profile": {key: f"{value[:-1]}끝" for key, value in largest.items()}}
    )
    condition = {"key": "profile.k7", "operator": "endsWith", "values": ["끝"]}

    async def found() -> Any:
        answer = await api.ask("POST", "/v1/search", body={"filter": condition})
        return answer.status_code == 200 and answer.json()["items"]

    (item,) = await eventually(found, bool)
    assert (item["version"], item["profile"]) == (2, changed["profile"])


async def test_the_largest_visit_is_taken_and_a_larger_one_is_rejected(api: Api) -> None:
    properties = {f"p{n}": TEXT for n in range(17)}
    visits = [
        {"id": "a", "memberId": "u1", "properties": properties},
        {"id": "b", "memberId": "u1", "properties": {**properties, "more": TEXT}},
    ]
    taken = await api.json("POST", "/v1/visits", body={"visits": visits})
    assert (taken["accepted"], [(r["index"], r["problem"]["code"]) for r in taken["rejected"]]) == (1, [(1, "tooLarge")])
    assert (await api.json("GET", "/v1/contacts/@u1/visits"))["items"][0]["properties"] == properties
