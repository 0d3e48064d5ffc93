"""What the whole cluster is to have: set by `provision`, with rights that search has not at run time."""

from collections.abc import Mapping
from typing import Any

from opensearchpy import AsyncOpenSearch

from common.telemetry import log
from search.connection import TooFewClauses, translated

FRESH = "500ms"
"""So often what was written is made searchable, unless an operator has said how often."""
KEPT = {
    # Of a node, of whose heap each takes some 18 KB: what three processes open, see `points`.
    "search.max_open_pit_context": ("300", "20000"),
    "cluster.default.index.refresh_interval": ("1s", FRESH),
}
"""What the cluster has by itself, and what it is to have: by its own configuration or by `provision`."""
_MOST_CLAUSES, _CLAUSES = "indices.query.bool.max_clause_count", 100_000
_AS_IT_IS = {"include_defaults": "true", "flat_settings": "true"}


async def keep(client: AsyncOpenSearch, kept: Mapping[str, tuple[str, str]]) -> list[str]:
    """Have the cluster keep as many points in time as our lists need and be as fresh, unless an operator has said otherwise.

    Answers the names of what was set. `kept` are the usual value of each, and ours. How fresh is the cluster's to say: an index
    that says it itself is refreshed while nobody searches it, too. Raises NoRight, Unavailable.
    """
    with translated():
        told = await client.cluster.get_settings(params=_AS_IT_IS)
        wanted = {
            name: value
            for name, (usual, value) in kept.items()
            if told.get("defaults", {}).get(name) == usual
            and not any(name in told.get(level, {}) for level in ("transient", "persistent"))
        }
        if wanted:
            await client.cluster.put_settings(body={"persistent": wanted})
    return sorted(wanted)


async def check_clauses(client: AsyncOpenSearch) -> None:
    """Raises TooFewClauses where the nodes would refuse filters that we let through, NoRight where we may not look."""
    with translated():
        told = await client.cluster.get_settings(params=_AS_IT_IS)
    if most_clauses(told) < _CLAUSES:
        words = f"Set `{_MOST_CLAUSES}: {_CLAUSES}` for every node of OpenSearch: it refuses large filters without."
        log.error("the index takes too few clauses", wanted=words)
        raise TooFewClauses(words)


def most_clauses(settings: Mapping[str, Mapping[str, Any]]) -> int:
    """What the cluster takes of a query's clauses: as it was told at run time, else as its nodes were started."""
    told = (settings.get(level, {}).get(_MOST_CLAUSES) for level in ("transient", "persistent", "defaults"))
    return int(next((each for each in told if each is not None), 0))
