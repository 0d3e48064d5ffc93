"""OpenSearch behind TLS and a user, whose rights are over the contacts' indices alone."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from common.errors import Unavailable
from localstack.ports import listens
from localstack.stack import Stack
from search.cluster import Cluster
from search.index import Index
from tests.search.support import contact, put
from tests.support.api import eventually
from tests.support.certificates import Authority
from tests.support.filter_values import FIELDS
from tests.support.sockets import free_port

USER, PASSWORD, ADMIN, KEY, WRONG = "search", "pass-word", "root-of-all", "an-api-key", "an-other-secret"

_PROXY = """
{{
	admin off
	auto_https off
	default_sni 127.0.0.1
	fallback_sni 127.0.0.1
}}
https://127.0.0.1:{port} {{
	tls {certificate} {key}
	@known {{
		header Authorization "Basic {user}"
		header Authorization "ApiKey {api_key}"
	}}
	@admin header Authorization "Basic {admin}"
	@cluster path /_cluster/* /_nodes/*
	handle @admin {{
		reverse_proxy {opensearch}
	}}
	handle @known {{
		handle @cluster {{
			header Content-Type application/json
			respond `{{"error": {{"type": "security_exception", "reason": "no permissions"}}, "status": 403}}` 403
		}}
		reverse_proxy {opensearch}
	}}
	respond 401
}}
"""


def basic(user: str) -> str:
    """As it stands in the header."""
    return base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()


@asynccontextmanager
async def guarded(opensearch: str, folder: Path) -> AsyncIterator[Cluster]:
    """OpenSearch as a service with few rights has it."""
    authority = Authority(folder, "ours")
    pair, port = authority.sign("server", ["127.0.0.1"]), free_port()
    text = _PROXY.format(
        port=port, certificate=pair.certificate, key=pair.key, user=basic(USER), admin=basic(ADMIN), api_key=KEY,
        opensearch=opensearch.removeprefix("http://"),
    )  # fmt: skip
    (folder / "Caddyfile").write_text(text)
    caddy = [str(Path(sys.executable).parent / "caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    environment = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*caddy, env=environment, stderr=log)
    try:

        async def is_open() -> bool:
            assert process.returncode is None, (folder / "log").read_text()
            return await listens(port)

        await eventually(is_open, bool, 20)
        yield Cluster(f"https://127.0.0.1:{port}", USER, PASSWORD, ca=str(authority.ca))
    finally:
        process.kill()
        await process.wait()


async def test_search_needs_no_right_over_the_cluster_and_who_is_refused_is_told_why(servers: Stack, tmp_path: Path) -> None:
    alias = f"test-{uuid4().hex[:12]}"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    async with guarded(servers.opensearch, tmp_path) as cluster:
        with_key = replace(cluster, user=None, password=None, api_key=KEY)
        async with Index.open(cluster, alias) as index, Index.open(with_key, alias) as other:
            assert await index.create(f"{alias}-000001")
            await index.check()
            await put(index, "c", [contact("c", 1)], FIELDS)
            assert await other.count({"match_all": {}}) == 1
            with pytest.raises(Unavailable, match="does not give this service what it needs"):
                await index.keep_settings()
            async with Index.open(replace(cluster, user=ADMIN), alias) as admin:
                assert await admin.keep_settings() == []
            await index.remove(f"{alias}-000001")
        for wrong, words in (
            (replace(cluster, password=WRONG), "does not take this service"),
            (replace(cluster, ca=str(Authority(theirs, "theirs").ca)), "its certificate is not accepted"),
            (replace(cluster, address=cluster.address.replace("127.0.0.1", "localhost")), "is not valid for 'localhost'"),
        ):
            async with Index.open(wrong, alias) as index:
                with pytest.raises(Unavailable, match=words) as refused:
                    await index.count({"match_all": {}})
            assert not [secret for secret in (WRONG, PASSWORD, KEY) if secret in f"{refused.value.detail} {wrong!r}"]
    with pytest.raises(SystemExit, match="opensearch_ca is not a file"):
        async with Index.open(replace(cluster, ca="/nowhere"), alias):
            pass
