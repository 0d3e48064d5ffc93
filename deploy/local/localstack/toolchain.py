"""What the machine must have (Java, Maven) and what is downloaded once (the jars of Kafka and OpenSearch)."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localstack.errors import MissingTool, StackError
from localstack.home import checkout

JAVA_AT_LEAST = 21
JAR_SERVERS = ("kafka", "opensearch")
_INSTALL_JAVA = (
    "Debian 13/Ubuntu: `sudo apt-get install openjdk-21-jdk-headless` · Debian 12: `sudo apt-get install temurin-21-jdk` "
    "from https://adoptium.net/installation/linux · macOS: `brew install openjdk@21`"
)
_INSTALL_MAVEN = "Debian/Ubuntu: `sudo apt-get install maven` · macOS: `brew install maven`"


def find_java(places: Iterable[Path] | None = None) -> Path:
    """The first Java that is new enough: JAVA_HOME, the system's folders, then the path. Raises MissingTool."""
    for java in java_places() if places is None else places:
        if java.is_file() and _java_version(java) >= JAVA_AT_LEAST:
            return java
    raise MissingTool(f"OpenSearch needs Java {JAVA_AT_LEAST} or later and none was found. {_INSTALL_JAVA}")


def java_places() -> Iterator[Path]:
    """Where a Java may be, in the order of preference."""
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    yield from sorted(Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home/bin/java"))
    yield from sorted(Path("/opt/homebrew/opt").glob("openjdk*/bin/java"))
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)


def _java_version(java: Path) -> int:
    release = java.resolve().parents[1] / "release"
    if release.is_file():
        match = re.search(r'^JAVA_VERSION="(\d+)', release.read_text("utf-8"), re.MULTILINE)
        if match:
            return int(match[1])
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30)
    match = re.search(r'version "(\d+)', answer.stderr)
    return int(match[1]) if match else 0


def cache() -> Path:
    """Where downloads are kept: DANGOL_CACHE, or a folder in the checkout."""
    named = os.environ.get("DANGOL_CACHE")
    return Path(named).expanduser().resolve() if named else checkout() / ".dangol-cache"


def jars(server: str) -> Path:
    """The folder with a server's jars; its name changes with the list of what is needed."""
    digest = hashlib.sha256(_pom(server).read_bytes()).hexdigest()[:12]
    return cache() / f"{server}-{digest}"


def java_options(server: str) -> list[str]:
    """Options that keep a server's loaded classes from one start to the next (the second takes half the time), and one's own.

    DANGOL_JAVA_OPTIONS has the latter: a test run stops at the first compiler, which saves a third of its servers' work.
    """
    own = shlex.split(os.environ.get("DANGOL_JAVA_OPTIONS", ""))
    return ["-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={jars(server)}.jsa", *own]


def missing_servers() -> list[str]:
    """The servers whose files are not there yet."""
    return [server for server in JAR_SERVERS if not jars(server).is_dir()]


def download_servers() -> list[str]:
    """Fetch the missing servers' jars with Maven, which checks them. Answers what was fetched. Raises MissingTool, StackError."""
    missing = missing_servers()
    if not missing:
        return []
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingTool(
            f"The files of {' and '.join(missing)} are fetched with Maven and `mvn` was not found. {_INSTALL_MAVEN}"
        )
    cache().mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda server: _download(maven, server), missing))
    return missing


def _download(maven: str, server: str) -> None:
    target = jars(server)
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    command = [
        maven, "--quiet", "--batch-mode", "--strict-checksums", "--file", str(_pom(server)),
        "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}",
    ]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0 or not partial.is_dir():
        told = (answer.stdout + answer.stderr).strip()[-2000:]
        raise StackError(f"Maven could not fetch the files of {server}; is the network there? It said:\n{told}")
    if target.is_dir():  # another start was faster
        shutil.rmtree(partial)
    else:
        partial.rename(target)


def _pom(server: str) -> Path:
    return Path(__file__).parent / "servers" / f"{server}.pom.xml"
