"""`python -m localstack`: the commands behind the Makefile."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localstack.stack import Stack


def main(arguments: list[str]) -> int:
    """Do one command. Answers the exit code."""
    parsed = _parser().parse_args(arguments)
    from localstack.home import default_home

    home = Path(parsed.home).resolve() if parsed.home else default_home()
    if parsed.command == "run":
        from localstack.launch import run

        run(home, parsed.process)
    if parsed.command == "watchdog":
        from localstack.watchdog import watch

        watch(home)
    from localstack.errors import StackError

    try:
        if parsed.command == "prepare":
            from common.signals import end_on_sigterm
            from localstack.elsewhere import prepare

            end_on_sigterm()  # it runs as a container's first process
            prepare(home, parsed.postgres, parsed.kafka, os.environ)
            return 0
        if parsed.command == "secrets":
            from localstack.cluster import secrets_of_cluster

            print(json.dumps(secrets_of_cluster(home), indent=1))
            return 0
        return _command(parsed, home)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localstack", description=__doc__)
    parser.add_argument("--home", help="where the stack lives; else DANGOL_HOME, else .dangol in the checkout")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="download the server files that are missing")
    commands.add_parser("up", help="start everything and wait until it is ready")
    commands.add_parser("servers-up", help="start PostgreSQL, Kafka and OpenSearch alone")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("demo", help="do the main job on sample data, step by step")
    commands.add_parser("env", help="print the addresses as shell assignments")
    commands.add_parser("doctor", help="look at everything from each service, and say what is wrong and what to do")
    commands.add_parser("watchdog", help="kill what hangs (started by the supervisor)")
    status = commands.add_parser("status", help="show every process, lag, outboxes and dead letters")
    status.add_argument("--format", choices=["text", "json"], default="text")
    token = commands.add_parser("token", help="print a token")
    token.add_argument("--channel", required=True)
    token.add_argument("--sub", required=True)
    token.add_argument("--permissions", default="*", help="separated by commas; * for all")
    token.add_argument("--exp", type=int, default=12 * 60 * 60, help="seconds until it ends")
    once = commands.add_parser("command", help="run one command of a service, such as `search rebuild`")
    once.add_argument("words", nargs=argparse.REMAINDER, metavar="SERVICE ...")
    prepare = commands.add_parser("prepare", help="make keys, roles and topics on servers that run elsewhere (compose)")
    prepare.add_argument("--postgres", required=True, help="host:port; the superuser's password is POSTGRES_PASSWORD")
    prepare.add_argument("--kafka", required=True, help="host:port")
    commands.add_parser("secrets", help="print the Secrets of a Kubernetes cluster of one's own, and keep them under --home")
    run = commands.add_parser("run", help="become one process (started by the supervisor)")
    run.add_argument("process")
    return parser


def _command(parsed: argparse.Namespace, home: Path) -> int:
    from localstack.stack import Stack

    stack = Stack(home, _port_base(), tell=lambda text: print(text, file=sys.stderr, flush=True))
    match parsed.command:
        case "setup":
            stack.setup()
        case "up":
            stack.up()
            print(f"Dangol is up at {stack.url}. `make status` shows it, `make down` stops it.")
        case "servers-up":
            stack.servers_up()
        case "down":
            stack.down()
        case "demo":
            return _demo(stack)
        case "env":
            print("\n".join(f"{name}={shlex.quote(value)}" for name, value in stack.env().items()))
        case "token":
            return _token(stack, parsed)
        case "doctor":
            return _doctor(stack)
        case "command":
            return _command_of_a_service(stack, parsed.words)
        case "status":
            from localstack.status import as_text, examine

            found = examine(stack)
            print(json.dumps(found.as_dict()) if parsed.format == "json" else as_text(found))
            return 0 if found.well else 1
    return 0


def _token(stack: "Stack", parsed: argparse.Namespace) -> int:
    from common.auth import PERMISSIONS

    permissions = [p.strip() for p in parsed.permissions.split(",") if p.strip()]
    if unknown := sorted({*permissions} - {*PERMISSIONS, "*"}):
        print(f"No such permission: {', '.join(unknown)}. There are: {', '.join(sorted(PERMISSIONS))}, *.", file=sys.stderr)
        return 2
    print(stack.token(channel=parsed.channel, sub=parsed.sub, permissions=permissions, exp_seconds=parsed.exp))
    return 0


def _doctor(stack: "Stack") -> int:
    """Each service's own doctor, and every process; 1 where something is wrong."""
    import subprocess

    from localstack.home import SERVICES
    from localstack.stack import service_settings_for_commands
    from localstack.status import examine

    wrong = 0
    for process in examine(stack).processes:
        if not (process.up and process.ready):
            wrong += 1
            said = ", ".join(f"{what} {reason}" for what, reason in process.problems.items())
            print(f"WRONG {process.name}: {said or 'is not running'}\n      `make up` starts it; its log says why it is not well")
    for service in SERVICES:
        print(f"-- {service}", flush=True)
        environment = service_settings_for_commands(stack.home, stack.facts, service)
        wrong += subprocess.run([sys.executable, "-m", service, "doctor"], env=environment, check=False).returncode != 0
    return 1 if wrong else 0


def _command_of_a_service(stack: "Stack", words: Sequence[str]) -> int:
    """Becomes the command, and comes back only where there is no such service."""
    from localstack.home import SERVICES
    from localstack.stack import service_settings_for_commands

    service = words[0] if words else ""
    if service in SERVICES:
        command = [sys.executable, "-m", *words]
        os.execve(command[0], command, service_settings_for_commands(stack.home, stack.facts, service))  # noqa: S606
    print(f"Name a service and its command, such as RUN='search rebuild'. Services: {', '.join(SERVICES)}.", file=sys.stderr)
    return 2


def _demo(stack: "Stack") -> int:
    import asyncio

    from localstack.demo import DemoFailed, run
    from localstack.home import checkout

    def token(channel: str) -> str:
        return stack.token(channel=channel, sub="kim")

    try:
        channel = asyncio.run(run(stack.url, token, checkout() / "tests" / "data" / "cdnow.csv"))
    except DemoFailed as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    print(
        f"""
Everything is left running; the data is in the channel `{channel}`. Try next:
  TOKEN=$(make -s token CHANNEL={channel} SUB=kim PERMISSIONS='*')
  curl -s {stack.url}/v1/search -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{{"limit": 3}}'
  make status     every process, and what still waits
  make -s env     all addresses
  make down       stops all of it"""
    )
    return 0


def _port_base() -> int | None:
    from localstack.errors import StackError
    from localstack.ports import PORT_BASES

    text = os.environ.get("DANGOL_PORT_BASE")
    if not text:
        return None
    if not text.isdecimal() or int(text) not in PORT_BASES:
        raise StackError(f"DANGOL_PORT_BASE must be a number from {PORT_BASES.start} to {PORT_BASES.stop - 1}.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
