"""Whom the index finds by a compiled filter, asked without any service."""

import httpx
import orjson

from common.filters import Node
from search import compile as index_language
from search.document import term
from tests.search.support import fields_of

_SLOTS = fields_of().slots
_MOST = 1000


class IndexJudge:
    """Asks the index whom a filter finds in a channel."""

    def __init__(self, client: httpx.Client, alias: str) -> None:
        self._client = client
        self._address = f"/{alias}/_search"

    def found(self, channel: str, node: Node, now: int, terms: dict[str, set[str]]) -> set[str]:
        """The ids of all that match."""
        query = index_language.compile_filter(
            node, _SLOTS, now, {name: [term(t) for t in listed] for name, listed in terms.items()}
        )
        whole = {"bool": {"filter": [{"term": {"channel": channel}}, query]}}
        body = orjson.dumps({"query": whole, "size": _MOST, "_source": ["id"]})
        answer = self._client.post(self._address, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text[:2000]
        return {hit["_source"]["id"] for hit in orjson.loads(answer.content)["hits"]["hits"]}
