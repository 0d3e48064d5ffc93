"""The index in OpenSearch: bulk writes told item by item, pages and counts, points in time, another index in its place."""

import re
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from opensearchpy import AsyncOpenSearch

from common.errors import Gone, Unavailable
from common.telemetry import log
from search.bulk import ANY, EACH, Entry, Refused, bulks, refusals
from search.cluster import Cluster
from search.cluster_settings import KEPT, check_clauses, keep
from search.compile import Query
from search.connection import AWAY, NoRight, OtherLayout, connected, read_by, translated
from search.layout import layout, mapping, settings
from search.replicas import keep as keep_replicas
from search.whole import Whole

ALIAS = "contacts"
FIRST = "contacts-000001"
_KEEP_ALIVE = "5m"
_LOOK_SECONDS = 1.0
_MOST_BUCKETS = 65_535
_WHOLE = {"allow_partial_search_results": "false"}  # an answer of some shards only would be a wrong one
_COUNTED = "timed_out,aggregations"
_IDS = "timed_out,hits.hits.sort,hits.hits.fields"
# An index whose shard is away says so, document by document, before we give up; and we do, with a pause behind it, before a
# loop that waits is taken for dead.
_BULK_SECONDS, _MORE_SECONDS = 8, 2


@dataclass(frozen=True, slots=True)
class Hits:
    """A page: the documents' sources, the sort values of each, the exact total."""

    sources: list[dict[str, Any]]
    places: list[list[Any]]
    total: int

    @property
    def last(self) -> list[Any] | None:
        """The sort values of the last row."""
        return self.places[-1] if self.places else None


class Index:
    """The contacts' index behind its alias."""

    def __init__(self, client: AsyncOpenSearch, alias: str = ALIAS, bulk_seconds: int = _BULK_SECONDS) -> None:
        """`bulk_seconds` is how long the index may wait for a shard before it refuses documents for now."""
        self._client = client
        self._bulk_seconds = bulk_seconds
        self._alias = alias
        self._roomy = False
        self._seen: tuple[float, Mapping[str, str]] | None = None

    @property
    def alias(self) -> str:
        """What the index is called, whichever stands behind it."""
        return self._alias

    @classmethod
    @asynccontextmanager
    async def open(cls, where: Cluster | str, alias: str = ALIAS, *, bulk_seconds: int = _BULK_SECONDS) -> AsyncIterator["Index"]:
        """A client, closed at the end."""
        async with connected(where) as client:
            yield cls(client, alias, bulk_seconds)

    async def create(self, first: str = FIRST, *, replicas: int = 0) -> bool:
        """Make the first index and its alias; False where the alias is there already."""
        made = settings()
        with translated():
            if await self._client.indices.exists_alias(name=self._alias):
                return False
            body = {
                "settings": made | {"index": made["index"] | {"number_of_replicas": replicas}},
                "mappings": _mappings(),
                "aliases": {self._alias: {"is_write_index": True}},
            }
            await self._client.indices.create(index=first, body=body)
        return True

    async def keep_settings(self, kept: Mapping[str, tuple[str, str]] = KEPT) -> list[str]:
        """Set what the whole cluster is to have; see `cluster_settings.keep`."""
        return await keep(self._client, kept)

    async def keep_replicas(self, replicas: int) -> tuple[list[str], list[str]]:
        """Of the index that serves, and of one that is being filled in its place; see `replicas.keep`."""
        return await keep_replicas(self._client, f"{self._alias},{self._alias}.next", replicas)

    async def check_layout(self) -> None:
        """Raises OtherLayout where the index that serves was made by another version: nothing new in this one is in it."""
        if await self._layout() != layout():
            raise OtherLayout

    async def check_readable(self, parts: Collection[str]) -> None:
        """Raises OtherLayout where the index that serves has any of these parts as another version makes them.

        It is looked at once a second: what is asked in it meanwhile would find nothing, or something else.
        """
        now = time.monotonic()
        if self._seen is None or now - self._seen[0] > _LOOK_SECONDS:
            self._seen = (now, await self._layout())
        there = self._seen[1]
        if any(there.get(part) != layout()[part] for part in parts):
            raise OtherLayout

    async def _layout(self) -> Mapping[str, str]:
        with translated():
            told = await self._client.indices.get_mapping(index=self._alias, params={"filter_path": "*.mappings._meta"})
        there = next((index["mappings"]["_meta"].get("layout") for index in told.values()), None)
        return there if isinstance(there, Mapping) else {}  # earlier versions had one word for the whole, or none

    # -- another index in the place of the one that serves

    async def behind(self) -> str | None:
        """The index that stands behind the alias."""
        with translated():
            if not await self._client.indices.exists_alias(name=self._alias):
                return None
            (name,) = await self._client.indices.get_alias(name=self._alias)
        return str(name)

    async def strays(self) -> list[str]:
        """Indices of this alias's that do not stand behind it: of a rebuild under way, or of one that was killed."""
        with translated():
            there = await self._client.indices.get(index=f"{self._alias}-*", params={"filter_path": "*.aliases"})
        ours = re.compile(re.escape(self._alias) + r"-\d{6}")
        return sorted(name for name, told in there.items() if ours.fullmatch(name) and self._alias not in told["aliases"])

    async def prepare_next(self) -> "Index":
        """Make an empty index to be filled, behind an alias of its own; it can be searched after a refresh only."""
        serving = await self.behind()
        name = f"{self._alias}-000001" if serving is None else f"{self._alias}-{int(serving[-6:]) + 1:06d}"
        following = Index(self._client, f"{self._alias}.next", self._bulk_seconds)
        filling = {"refresh_interval": "-1", "translog": {"durability": "async"}}
        made = settings()
        if serving is not None:
            with translated():
                told = await self._client.indices.get_settings(index=serving, name="index.number_of_replicas")
            filling["number_of_replicas"] = told[serving]["settings"]["index"]["number_of_replicas"]
        body = {
            "settings": made | {"index": made["index"] | filling},
            "mappings": _mappings(),
            "aliases": {following.alias: {"is_write_index": True}},
        }
        with translated():
            await self._client.indices.create(index=name, body=body)
        return following

    async def finish_filling(self) -> None:
        """Of an index that was made to be filled: from now on it keeps what it is given as any other does."""
        usual = {"index": {"refresh_interval": None, "translog": {"durability": "request"}}}
        with translated():
            await self._client.indices.put_settings(index=self._alias, body=usual)
            await self._client.indices.flush(index=self._alias, params={"wait_if_ongoing": "true"})
            await self._client.indices.refresh(index=self._alias)

    async def replace(self, following: "Index") -> None:
        """Put the next index behind the alias in place of the one that serves, in one step."""
        serving, name = await self.behind(), await following.behind()
        actions: list[dict[str, Any]] = [
            {"remove": {"index": name, "alias": following.alias, "must_exist": True}},
            {"add": {"index": name, "alias": self._alias, "is_write_index": True}},
        ]
        if serving is not None:
            actions.append({"remove": {"index": serving, "alias": self._alias, "must_exist": True}})
        with translated():
            await self._client.indices.update_aliases(body={"actions": actions})

    async def points_open(self, name: str) -> int:
        """How many points in time are open in this index."""
        with translated():
            told = await self._client.indices.stats(index=name, metric="search")
        count: int = told["_all"]["total"]["search"]["point_in_time_current"]
        return count

    async def remove(self, name: str) -> None:
        """Delete an index."""
        with translated():
            await self._client.indices.delete(index=name, params={"ignore_unavailable": "true"})

    # -- reading and writing

    async def check(self) -> None:
        """Raises Unavailable where the index does not answer, and where it would refuse filters that we let through."""
        with translated():
            if not await self._client.indices.exists_alias(name=self._alias):
                raise Unavailable("There is no index yet. Run `python -m search migrate`, then `python -m search rebuild`.")
        if not self._roomy:
            try:
                await self.check_clauses()
            except NoRight:  # over the cluster, which nobody need give a service: one filter too large is refused as such
                log.warning("whether the index takes large filters cannot be seen by this user; `provision` looks")
            self._roomy = True

    async def check_clauses(self) -> None:
        """Raises TooFewClauses, NoRight; see `cluster_settings.check_clauses`."""
        await check_clauses(self._client)

    async def write(self, entries: Sequence[Entry]) -> list[Refused]:
        """Write documents in their order; an older version than the index has is left out. Answers those it can never take.

        Raises Unavailable where the index asks for patience, is read-only or away: nothing is lost by trying all again.
        """
        refused: list[Refused] = []
        for body in bulks(self._alias, entries):
            with translated():
                answer = await self._send(body, ANY)
                # As a rule there is nothing to tell. Else all are sent again: those that were taken are known by their versions.
                items = (await self._send(body, EACH, seconds=_MORE_SECONDS))["items"] if answer[ANY] else ()
            refused += refusals(items)
        return refused

    async def _send(self, body: bytes, told: str, *, seconds: int | None = None) -> dict[str, Any]:
        """One bulk request; of its answer this is told. It may wait `seconds` for a shard, else as long as any."""
        patience = {"timeout": f"{seconds or self._bulk_seconds}s", "request_timeout": self._bulk_seconds + _MORE_SECONDS}
        answer: dict[str, Any] = await self._client.bulk(
            body=body, params=patience | {"filter_path": told, "require_alias": "true"}
        )
        return answer

    async def versions(self, ids: Sequence[str]) -> dict[str, int]:
        """The version that the index has of each of these documents, refreshed or not; 0 for none."""
        with translated():
            answer = await self._client.mget(
                body={"ids": list(ids)}, index=self._alias, params={"_source": "false", "realtime": "true"}
            )
        return {doc["_id"]: doc.get("_version", 0) if doc.get("found") else 0 for doc in answer["docs"]}

    async def sources(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The contacts of those of these documents that are there, refreshed or not, by the documents' ids."""
        with translated():
            answer = await self._client.mget(body={"ids": list(ids)}, index=self._alias, params={"_source": "source,deleted"})
        found = [(doc["_id"], doc["_source"]) for doc in answer["docs"] if doc.get("found")]
        return {name: source["source"] for name, source in found if not source["deleted"]}

    async def erased(self, ids: Sequence[str]) -> set[str]:
        """Those of these documents whose contacts were erased by now, refreshed or not."""
        with translated():
            answer = await self._client.mget(body={"ids": list(ids)}, index=self._alias, params={"_source": "source.erased"})
        return {doc["_id"] for doc in answer["docs"] if doc.get("found") and doc["_source"].get("source", {}).get("erased")}

    async def refresh(self) -> None:
        """Make everything written so far searchable."""
        with translated():
            await self._client.indices.refresh(index=self._alias)

    async def count(self, query: Query) -> int:
        """How many documents match, exactly."""
        with translated():
            answer = await self._client.count(index=self._alias, body={"query": query})
        if answer["_shards"]["failed"]:
            raise Unavailable(AWAY)
        total: int = answer["count"]
        return total

    async def search(
        self,
        query: Query,
        sort: Sequence[dict[str, Any]],
        size: int,
        *,
        point: str | None = None,
        after: Sequence[Any] | None = None,
        source: Sequence[str] = ("source",),
        counted: bool = True,
    ) -> Hits:
        """A page, now or in a point in time; `total` is 0 unless `counted`. Raises Gone where the point in time is no more."""
        body: dict[str, Any] = {
            "query": query, "sort": list(sort), "size": size, "_source": list(source), "track_total_hits": counted,
        }  # fmt: skip
        if point is not None:
            body["pit"] = {"id": point, "keep_alive": _KEEP_ALIVE}
        if after is not None:
            body["search_after"] = list(after)
        with translated(point=point is not None):
            if point is None:
                answer = await self._client.search(index=self._alias, body=body, params=_WHOLE)
            else:
                answer = await self._client.search(body=body, params=_WHOLE)
        if answer["timed_out"]:
            raise Unavailable(AWAY)
        hits = answer["hits"]["hits"]
        total = answer["hits"]["total"]["value"] if counted else 0
        return Hits([h["_source"] for h in hits], [h["sort"] for h in hits], total)

    async def whole(self, query: Query, size: int, point: str, after: Sequence[Any] | None) -> Whole:
        """A point in time's matches in the order of ids, those behind `after`: of the answer nothing is decoded but its frame.

        Documents are asked for whole. To leave out all but the contact, OpenSearch reads each and writes it anew, which takes
        twice what the rest takes here to pass over.
        """
        body: dict[str, Any] = {
            "query": query, "sort": [{"id": "asc"}], "size": size, "track_total_hits": False,
            "pit": {"id": point, "keep_alive": _KEEP_ALIVE},
        }  # fmt: skip
        if after is not None:
            body["search_after"] = list(after)
        with translated(point=True), read_by(Whole.read):
            page: Whole = await self._client.search(body=body, params=_WHOLE)
        if page.timed_out:
            raise Unavailable(AWAY)
        return page

    async def ids(self, query: Query, size: int, point: str, after: str | None) -> list[tuple[str, int]]:
        """Ids and versions of a point in time's matches in the order of ids, those behind `after`; read without the documents."""
        body: dict[str, Any] = {
            "query": query, "sort": [{"id": "asc"}], "size": size, "track_total_hits": False,
            "pit": {"id": point, "keep_alive": _KEEP_ALIVE},
            "_source": False, "stored_fields": "_none_", "docvalue_fields": ["version"],
        }  # fmt: skip
        if after is not None:
            body["search_after"] = [after]
        with translated(point=True):
            answer = await self._client.search(body=body, params=_WHOLE | {"filter_path": _IDS})
        if answer["timed_out"]:
            raise Unavailable(AWAY)
        hits = answer.get("hits", {}).get("hits", [])
        return [(hit["sort"][0], hit["fields"]["version"][0]) for hit in hits]

    async def having(self, query: Query, name: str, only: Sequence[str] | None) -> dict[str, int]:
        """How many of the query's matches have each value under this name; of values in lists, `only` these are told."""
        terms: dict[str, Any] = {"field": name, "size": _MOST_BUCKETS, "order": {"_key": "asc"}}
        if only is not None:
            terms["include"] = list(only)
        buckets = await self._buckets(query, {"values": {"terms": terms}})
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}

    async def ids_having(self, query: Query, name: str, values: Sequence[str], most: int) -> dict[str, list[str]]:
        """The ids of the query's matches that have each of these values under this name, the first `most` of each."""
        terms = {"field": name, "size": len(values), "include": list(values)}
        first = {"top_hits": {"size": most, "sort": [{"id": "asc"}], "_source": ["id"]}}
        buckets = await self._buckets(query, {"values": {"terms": terms, "aggs": {"first": first}}})
        return {b["key"]: [hit["_source"]["id"] for hit in b["first"]["hits"]["hits"]] for b in buckets}

    async def _buckets(self, query: Query, aggregation: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.counted(query, aggregation))["values"]["buckets"]
        return found

    async def counted(self, query: Query, aggregations: Mapping[str, Any], point: str | None = None) -> dict[str, Any]:
        """What these aggregations come to over all matches, now or in a point in time; each answers by its name."""
        body: dict[str, Any] = {"query": query, "size": 0, "track_total_hits": False, "aggs": aggregations}
        if point is not None:
            body["pit"] = {"id": point, "keep_alive": _KEEP_ALIVE}
        where = {} if point is not None else {"index": self._alias}
        with translated(point=point is not None):
            answer = await self._client.search(**where, body=body, params=_WHOLE | {"filter_path": _COUNTED})
        if answer["timed_out"]:
            raise Unavailable(AWAY)
        told: dict[str, Any] = answer["aggregations"]
        return told

    @asynccontextmanager
    async def point(self) -> AsyncIterator[str]:
        """A point in time of one's own, let go at the end, however that comes."""
        point = await self.open_point()
        try:
            yield point
        finally:
            await self.close_point(point)

    async def count_in(self, query: Query, point: str) -> int:
        """How many documents of a point in time match, exactly."""
        return (await self.search(query, [{"id": "asc"}], 0, point=point)).total

    async def open_point(self) -> str:
        """A point in time: the documents as they are searchable now."""
        with translated():
            answer = await self._client.create_pit(
                index=self._alias, params={"keep_alive": _KEEP_ALIVE, "allow_partial_pit_creation": "false"}
            )
        point: str = answer["pit_id"]
        return point

    async def close_point(self, point: str) -> None:
        """Let a point in time go; one that has gone by itself is no matter."""
        try:
            with translated(point=True):
                await self._client.delete_pit(body={"pit_id": [point]})
        except Gone:
            return


def _mappings() -> dict[str, Any]:
    return mapping() | {"_meta": {"layout": layout()}}
