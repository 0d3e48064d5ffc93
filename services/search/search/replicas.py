"""How many copies the index has beside its own: set by `provision`, where an operator says how many."""

from opensearchpy import AsyncOpenSearch

from search.connection import translated

_COUNT, _BY_ITSELF = "index.number_of_replicas", "index.auto_expand_replicas"


async def keep(client: AsyncOpenSearch, indices: str, replicas: int) -> tuple[list[str], list[str]]:
    """Have each of these indices (names, by commas) copied so often; answers what was set, and what a person must do.

    Those that are not there are left out. Raises NoRight, Unavailable.
    """
    done: list[str] = []
    left: list[str] = []
    with translated():
        nodes = int((await client.cluster.health(params={"filter_path": "number_of_data_nodes"}))["number_of_data_nodes"])
        told = await client.indices.get_settings(index=indices, params={"flat_settings": "true", "ignore_unavailable": "true"})
        for name, index in sorted(told.items()):
            there = index["settings"]
            if there.get(_BY_ITSELF, "false") != "false":
                left.append(f"{name} has as many replicas as its auto_expand_replicas says: take one of the two settings away")
            elif int(there[_COUNT]) != replicas:
                await client.indices.put_settings(index=name, body={_COUNT: replicas})
                done.append(f"{name}: {replicas} replicas")
    if replicas >= nodes:
        need = f"{replicas} replicas of the index need {replicas + 1} data nodes, and OpenSearch has {nodes}"
        left.append(f"{need}: add nodes, or ask for fewer")
    return done, left
