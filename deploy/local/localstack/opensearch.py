"""OpenSearch as one node, with the modules that the search service relies on checked after the start."""

import os
from pathlib import Path

import httpx

from localstack.errors import StackError
from localstack.home import Facts, Home
from localstack.ports import HOST, listens
from localstack.spec import Spec
from localstack.toolchain import jars, java_options

# deploy/compose.yaml sets the same.
SETTINGS = {
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    "action.auto_create_index": "false",
    # A filter may name 10,000 values, each a clause.
    "indices.query.bool.max_clause_count": "100000",
    # Elsewhere `search provision` sets these for the cluster.
    "search.max_open_pit_context": "20000",
    "cluster.default.index.refresh_interval": "500ms",
}
HEAP = ("-Xms1g", "-Xmx1g")
# A module that is missing is skipped in silence, and only much later a query fails.
_MODULES = frozenset({
    "org.opensearch.analysis.common.CommonAnalysisModulePlugin",
    "org.opensearch.index.mapper.MapperExtrasModulePlugin",
    "org.opensearch.painless.PainlessModulePlugin",
})  # fmt: skip


def address(facts: Facts) -> str:
    """Its base URL."""
    return f"http://{HOST}:{facts.opensearch_port}"


def prepare(home: Home, facts: Facts, java: Path) -> Spec:
    """Write the configuration and answer how to start the server."""
    conf = home.conf / "opensearch"
    conf.mkdir(exist_ok=True)
    (conf / "opensearch.yml").write_text("".join(f"{key}: {value}\n" for key, value in SETTINGS.items()), "utf-8")
    command = [
        str(java), *java_options("opensearch"), *HEAP, "-XX:+ExitOnOutOfMemoryError",
        "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "--add-opens=java.base/java.nio=ALL-UNNAMED",
        "-cp", f"{jars('opensearch')}/*", "org.codelibs.opensearch.runner.OpenSearchRunner",
        "-basePath", str(home.data / "opensearch"), "-confPath", str(conf), "-numOfNode", "1",
        # It adds one to the port that it is given.
        "-baseHttpPort", str(facts.opensearch_port - 1), "-clusterName", "dangol", "-useLogger", "-printOnFailure",
    ]  # fmt: skip
    return Spec(command, folder=os.fspath(home.conf))


async def is_ready(facts: Facts) -> bool:
    """Whether it answers and its indices can be written."""
    if not await listens(facts.opensearch_port):
        return False
    async with httpx.AsyncClient(base_url=address(facts), timeout=5) as client:
        try:
            answer = await client.get("/_cluster/health", params={"wait_for_status": "yellow", "timeout": "1s"})
        except httpx.TransportError:
            return False
    return answer.status_code == httpx.codes.OK


async def check_modules(facts: Facts) -> None:
    """Raises StackError when a module that search relies on was not loaded."""
    async with httpx.AsyncClient(base_url=address(facts), timeout=10) as client:
        answer = (await client.get("/_nodes/plugins")).json()
        loaded = {plugin["name"] for node in answer["nodes"].values() for plugin in node["plugins"]}
        analysis = {"tokenizer": {"type": "ngram", "min_gram": 2, "max_gram": 2}, "text": "dan"}
        tokens = (await client.post("/_analyze", json=analysis)).json().get("tokens", [])
    missing = sorted(_MODULES - loaded)
    if missing or len(tokens) != 2:
        raise StackError(
            f"OpenSearch started without {', '.join(missing) or 'its n-gram tokenizer'}: its files are not complete. "
            "Remove the `opensearch-…` folder in .dangol-cache and run `make setup`."
        )
