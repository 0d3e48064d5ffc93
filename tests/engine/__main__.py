"""`make test-engine`: the system from images, where a Docker engine answers; what each step has seen is told in a table.

Images are built from this checkout; where no registry gives those that they begin with, stand-ins are made of them
(deploy/engine/containers). The system is brought up by deploy/compose.yaml as a project of its own, does the demo, is scaled,
restarted and killed under load, and is stopped and removed at the end.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from localstack import demo
from localstack.home import SERVICES, checkout
from tests.engine.compose import Compose, Container, EngineError, build, described, docker, find_compose, run_script
from tests.engine.load import Load, load_on
from tests.support.api import eventually

IMAGES = (*SERVICES, "localstack")
SCALED = ("contacts-api", "contacts-relay", "search-api", "search-consumer", "segments-api", "segments-consumer",
    "segments-worker", "exports-worker", "notify-consumer", "notify-worker")  # fmt: skip
RESTARTED = ("postgres", "kafka", "opensearch")
_PATIENCE, _LOOK_SECONDS = 180.0, 0.3
_STOPPED_SECONDS = 15.0
"""Within so many seconds each of our processes ends by itself: the compose file's grace is longer."""


class Report:
    """Lines of a table; each is told as it comes, too."""

    def __init__(self) -> None:
        self.failed = False
        self.lines: list[str] = []

    def tell(self, what: str, seen: str, *, well: bool = True) -> None:
        """One line; where it is not well the whole run has failed, and goes on."""
        self.failed |= not well
        self.lines.append(f"| {what} | {seen}{'' if well else ' **wrong**'} |")
        print(self.lines[-1], file=sys.stderr, flush=True)


async def with_bases(report: Report) -> None:
    """Have the images that ours and the compose file begin with. Raises EngineError."""
    python = re.search(r"^ARG PYTHON=(.+)$", (checkout() / "deploy" / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert python is not None
    named = [re.sub(r"\$\{\w+:-(.+)\}", r"\1", each["image"]) for each in described().values()]
    wanted = [python[1], *(name for name in named if not name.startswith("dangol/"))]
    missing = [name for name in wanted if not await _is_there(name)]
    try:
        for name in missing:
            await docker("pull", "-q", name)
    except EngineError as error:
        said = str(error).splitlines()[-1][:120]
        report.tell("no registry gives the images to begin with", f"stand-ins are made in their place ({said})")
        await run_script("stand-ins.sh", checkout() / ".tools" / "stand-ins")
        missing = []
    report.tell("images to begin with", f"{len(wanted)} there, {len(missing)} of them fetched now")


async def _is_there(image: str) -> bool:
    return bool(await docker("image", "ls", "-q", image))


async def build_all(report: Report) -> None:
    """Our images."""
    began = time.monotonic()
    for service in IMAGES:
        await build(service)
    sizes = {service: int(await docker("image", "inspect", "-f", "{{.Size}}", f"dangol/{service}")) for service in IMAGES}
    told = ", ".join(f"{service} {size // 10**6} MB" for service, size in sizes.items())
    report.tell("six images built", f"{time.monotonic() - began:.0f} s: {told}")


async def bring_up(compose: Compose, report: Report) -> None:
    """All containers, healthy."""
    began = time.monotonic()
    try:
        await compose.run("up", "-d", "--no-build", "--wait")
    except EngineError as error:
        raise EngineError(f"{str(error).splitlines()[-1]}\n{await compose.last_words()}") from error
    found = await compose.containers()
    running = [each for each in found if each.healthy]
    once = [each for each in found if each.state["Status"] == "exited"]
    well = len(running) + len(once) == len(found) and not any(each.state["ExitCode"] for each in once)
    told = f"{time.monotonic() - began:.0f} s; {len(running)} healthy, {len(once)} that run once have ended well"
    report.tell("`compose up --wait` from nothing", told, well=well)


async def look_at_confinement(compose: Compose, report: Report) -> None:
    """What each of our containers may do."""
    ours = [each for each in await compose.containers() if each.service not in {*RESTARTED, "gateway"}]
    bad = [each.service for each in ours if not _confined(each)]
    report.tell("our containers: no root, no capability, a root folder that is read only", ", ".join(bad) or "all", well=not bad)
    seen: dict[str, list[str]] = {}
    for service in SERVICES:
        [one, *_] = await compose.of(f"{service}-api")
        files = await docker("exec", one.id, "find", "/keys/keys", "-type", "f")
        seen[service] = sorted({Path(file).parent.name for file in files.split()})
    wrong = {service: keys for service, keys in seen.items() if keys != [service]}
    report.tell("each service sees its own private keys alone", str(wrong or "so it is"), well=not wrong)


def _confined(container: Container) -> bool:
    host, config = container.host, container.config
    return (
        config["User"] == "10001"
        and host["ReadonlyRootfs"]
        and not host["Privileged"]
        and host["CapDrop"] == ["ALL"]
        and not host["CapAdd"]
        and "no-new-privileges:true" in host["SecurityOpt"]
    )


async def do_the_demo(compose: Compose, report: Report) -> None:
    """The main job on all of the sample, whose counts it checks."""
    tokens: dict[str, str] = {}
    for number in range(1, 3):
        channel = "demo" if number == 1 else f"demo-{number}"
        tokens[channel] = await compose.token(channel)
    began = time.monotonic()
    channel = await demo.run(compose.url, tokens.__getitem__, checkout() / "tests" / "data" / "cdnow.csv")
    report.tell("the demo", f"{time.monotonic() - began:.0f} s, all counts right in {channel}")


async def settled(compose: Compose, load: Load) -> float:
    """Seconds until everything is healthy and search finds all that was acknowledged until now."""
    acknowledged, began = len(load.acknowledged), time.monotonic()

    async def unwell() -> tuple[list[str], int]:
        """Containers that are not healthy, and how many acknowledged contacts search does not find."""
        ill = [each.service for each in await _staying(compose) if not each.healthy]
        return ill, max(0, acknowledged - await load.found())

    await eventually(unwell, lambda found: found == ([], 0), _PATIENCE, every=_LOOK_SECONDS)
    return time.monotonic() - began


async def _staying(compose: Compose) -> list[Container]:
    return [each for each in await compose.containers() if each.host["RestartPolicy"]["Name"] == "unless-stopped"]


async def under_load(compose: Compose, report: Report) -> None:
    """Two of each role, restarts one by one, and servers that are restarted or killed, while contacts come in."""
    async with load_on(compose.url, await compose.token("engine")) as load:
        began = time.monotonic()
        scaled = [f"--scale={service}=2" for service in SCALED]
        await compose.run("up", "-d", "--no-build", "--no-recreate", "--wait", *scaled)
        well = len(await compose.of(*SCALED)) == 2 * len(SCALED)
        report.tell(f"two of each of {len(SCALED)} roles", f"{time.monotonic() - began:.0f} s", well=well)
        await _disturbed(compose, report, load, "contacts-api restarted, one after the other", _rolling, most_failed=0)
        for server in RESTARTED:
            for how in ("restart", "kill"):
                await _disturbed(compose, report, load, f"{server}: {how}", _to(server, how))
        await _disturbed(compose, report, load, "every consumer, worker and relay killed at once", _all_killed)
    total, acknowledged = await load.found(), len(load.acknowledged)
    told = f"{acknowledged:,} of {load.sent:,} acknowledged, {total:,} found; answers {dict(load.answers)}"
    report.tell("no acknowledged write is lost", told, well=total >= acknowledged)


async def _disturbed(
    compose: Compose,
    report: Report,
    load: Load,
    what: str,
    disturb: Callable[[Compose], Awaitable[None]],
    *,
    most_failed: int | None = None,
) -> None:
    """Do something to the running system, and see it whole again."""
    before, sent, began = load.answers.copy(), load.sent, time.monotonic()
    await disturb(compose)
    writes = await load.until_acknowledged(time.monotonic(), _PATIENCE)
    whole = await settled(compose, load)
    answers = load.answers - before
    lost = sum(count for status, count in answers.items() if not 200 <= status < 300)
    refused = f" {dict(answers)}" if lost else ""
    told = f"{lost} of {load.sent - sent} requests refused{refused}"
    told += f"; writes {writes:.1f} s after it, all well after {whole:.0f} s more"
    report.tell(what, f"{told} ({time.monotonic() - began:.0f} s in all)", well=most_failed is None or lost <= most_failed)


async def _rolling(compose: Compose) -> None:
    for container in await compose.of("contacts-api"):
        await docker("restart", container.id)

        async def healthy(name: str = container.id) -> bool:
            return next(each for each in await compose.containers() if each.id == name).healthy

        await eventually(healthy, bool, _PATIENCE, every=_LOOK_SECONDS)


def _to(server: str, how: str) -> Callable[[Compose], Awaitable[None]]:
    async def disturb(compose: Compose) -> None:
        [container] = await compose.of(server)
        await docker(how, container.id)
        if how == "kill":  # by a person's word, after which an engine does not start it again
            await docker("start", container.id)

    return disturb


async def _all_killed(compose: Compose) -> None:
    names = [name for name in described() if re.fullmatch(r"\w+-(consumer|worker|relay)", name)]
    ids = [each.id for each in await compose.of(*names)]
    await docker("kill", *ids)
    await docker("start", *ids)


async def tell_memory(compose: Compose, report: Report) -> None:
    """What each holds now, the larger where there are two."""
    ids = {each.id: each.service for each in await _staying(compose)}
    lines = (await docker("stats", "--no-stream", "--no-trunc", "--format", "{{json .}}")).splitlines()
    most: dict[str, float] = {}
    for told in map(json.loads, lines):
        if told["ID"] in ids:
            service = ids[told["ID"]]
            most[service] = max(most.get(service, 0.0), _mib(told["MemUsage"].split(" / ")[0]))
    limits = {each.service: each.host["Memory"] / 2**20 for each in await _staying(compose) if each.host["Memory"]}
    tight = [service for service, mib in most.items() if mib > 0.8 * limits.get(service, float("inf"))]
    told_all = ", ".join(f"{service} {mib:.0f}" for service, mib in sorted(most.items()))
    report.tell("memory, MiB", told_all + (f"; near their limit: {', '.join(tight)}" if tight else ""), well=not tight)


def _mib(text: str) -> float:
    units: Mapping[str, float] = {"B": 2**-20, "KiB": 2**-10, "MiB": 1, "GiB": 2**10}
    found = re.fullmatch(r"([\d.]+)(B|KiB|MiB|GiB)", text)
    assert found is not None, text
    return float(found[1]) * units[found[2]]


async def stop_all(compose: Compose, report: Report) -> None:
    """SIGTERM to each of our containers, and what they say of their end."""
    ours = [each for each in await _staying(compose) if each.service not in {*RESTARTED, "gateway"}]
    slowest, began = 0.0, time.monotonic()

    async def stop(container: Container) -> None:
        nonlocal slowest
        await docker("stop", container.id)
        slowest = max(slowest, time.monotonic() - began)

    await asyncio.gather(*(stop(each) for each in ours))
    after = {each.id: each for each in await compose.containers()}
    bad = {after[each.id].service: after[each.id].state["ExitCode"] for each in ours if after[each.id].state["ExitCode"]}
    told = f"the last after {slowest:.1f} s{f'; exit codes {bad}' if bad else ', each with 0'}"
    report.tell(f"SIGTERM to {len(ours)} containers at once", told, well=not bad and slowest < _STOPPED_SECONDS)


async def main() -> int:
    """All steps; 0 where all was well."""
    version = await docker("version", "-f", "{{.Server.Version}}")
    report = Report()
    try:
        await run(Compose(await find_compose()), report)
    finally:
        print(f"`make test-engine`, {datetime.now(UTC):%d %B %Y}, Docker engine {version}, {os.cpu_count()} processors\n")
        print("\n".join(["| what | seen |", "|---|---|", *report.lines]))
    return int(report.failed)


async def run(compose: Compose, report: Report) -> None:
    """The steps, and nothing is left. Raises EngineError, DemoFailed; AssertionError where something never comes."""
    await with_bases(report)
    await build_all(report)
    try:
        await bring_up(compose, report)
        for step in (look_at_confinement, do_the_demo, under_load, tell_memory, stop_all):
            await step(compose, report)
    finally:
        await compose.run("down", "-v", "--remove-orphans", "--timeout", "20")


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is not installed: docs/containers.md says what is needed.")
    except (EngineError, demo.DemoFailed, AssertionError) as error:
        sys.exit(f"make test-engine: {error or type(error).__name__}")
