"""`python -m localcloud <command> --stack <name>`: what the Makefile's targets run."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

from pulumi import automation

from common.command import use_utf8
from common.names import CONTAINER_GROUP, PROJECT
from common.refusal import Refusal
from localcloud.azure.cloud import Cloud, Damaged
from localcloud.azure.container_groups import ContainerGroups
from localcloud.display import Display
from localcloud.home import Home
from localcloud.model import placed
from localcloud.stack import LocalStack, clear, foreign, opened, plain, require_ports_of

LONGEST_BODY = 1000
"""Characters that a terminal shows with pleasure."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (_, description) in COMMANDS.items():
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument("--stack", default="local", help="as in Pulumi.<stack>.yaml")
        if name == "up":
            command.add_argument("--model", help="path of a model to serve from now on")
        if name == "preview":
            command.add_argument("--diff", action="store_true", help="show every property")
        if name == "outputs":
            command.add_argument("--show-secrets", action="store_true")
        if name == "logs":
            command.add_argument("container", nargs="?", help="all containers if left out")
    use_utf8()
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        COMMANDS[arguments.command][0](arguments)
    except Refusal as refused:
        print(f"error: {refused}", file=sys.stderr)
        return 1
    except automation.CommandError as error:
        if not Display.explained:
            said = str(error).rpartition("stderr: ")[2].strip() or str(error)
            # The engine says it twice.
            print(said.partition("\nerror: an unhandled error occurred: ")[0], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "interrupted; `make up` puts in order what is left and goes on, `make down` removes it",
            file=sys.stderr,
        )
        return 130
    return 0


def interrupt(_: int, __: object) -> NoReturn:
    """On SIGTERM as on Ctrl-C: a run that ends at once says nothing, and leaves files open.

    The Automation API has threads that read from what is closed then, and fail of it.
    """
    threading.excepthook = lambda _: None
    raise KeyboardInterrupt


def up(arguments: argparse.Namespace) -> None:
    with opened(arguments.stack) as local:
        with placed(arguments.model, local.config):
            local.up(on_event=Display().on_event)
        outputs = plain(local.stack.outputs())
        bundles = _write_bundles(local, outputs)
    if outputs["endpoint"]["auth"] != "mtls":
        print(f"The endpoint takes plain HTTP from anybody: {outputs['endpoint']['predictUrl']}")
    elif bundles:
        explain(bundles[0], outputs["endpoint"], _predict(bundles[0]))


def preview(arguments: argparse.Namespace) -> None:
    with opened(arguments.stack, records_only=True) as local:
        if arguments.diff:
            color = "always" if sys.stdout.isatty() else "never"
            print(f"Comparing {arguments.stack} with what is deployed ...")
            lines: list[str] = []
            try:
                local.stack.preview(on_output=lines.append, color=color, diff=True)
            except automation.CommandError:
                # What the engine counted until then was not made.
                print("nothing was made or changed")
                raise
            print("\n".join(lines))
        else:
            local.stack.preview(on_event=Display(preview=True).on_event)


def refresh(arguments: argparse.Namespace) -> None:
    with opened(arguments.stack) as local:
        local.stack.refresh(on_event=Display().on_event)


def down(arguments: argparse.Namespace) -> None:
    home = Home()
    try:
        with opened(arguments.stack, home=home) as local:
            local.stack.destroy(on_event=Display().on_event)
            local.remove()
        is_empty = not any((home.folder / "stacks").iterdir())
    except Damaged as damaged:
        print(f"{damaged.path} is damaged; everything of every stack on this machine goes.")
        is_empty = True
    if is_empty:
        clear(home)
    print("Nothing of the stack is left; installed tools stay in .local/tools.")


def outputs(arguments: argparse.Namespace) -> None:
    with opened(arguments.stack, records_only=True) as local:
        shown = {
            name: output.value if arguments.show_secrets or not output.secret else "[secret]"
            for name, output in local.stack.outputs().items()
        }
    print(json.dumps(shown, indent=2))


def logs(arguments: argparse.Namespace) -> None:
    home = Home()
    cloud = Cloud(home.cloud_file)
    groups = ContainerGroups(cloud, home.groups, records_only=False)
    found = False
    for record in cloud.all(CONTAINER_GROUP):
        if record.stack != arguments.stack:
            continue
        for spec in record.inputs["containers"]:
            log = groups.group(record).log(spec["name"])
            if arguments.container in (None, spec["name"]) and log.exists():
                found = True
                for line in log.read_text(errors="replace", encoding="utf-8").splitlines():
                    print(f"{spec['name']}: {line}" if arguments.container is None else line)
    if not found:
        raise Refusal(f"stack {arguments.stack} has no such logs; type `make up` to start it")


def env(arguments: argparse.Namespace) -> None:
    """For `eval`: whatever pulumi is run after it sees the stacks of this machine."""
    environment = Home().engine_environment()
    for name in sorted(foreign(environment)):
        print(f"unset {name}")
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")
    print(f'export PATH={shlex.quote(str(PROJECT / ".local/tools/bin"))}:"$PATH"')


def call(arguments: argparse.Namespace) -> None:
    bundles = sorted(p for p in Home().bundles.glob("*") if p.is_dir())
    if not bundles:
        raise Refusal("there is no endpoint to call; type `make up` first")
    _predict(bundles[0])


def ports(arguments: argparse.Namespace) -> None:
    require_ports_of(arguments.stack)


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], None], str]] = {
    "up": (up, "deploy the stack on this machine and make one verified prediction"),
    "preview": (preview, "show what `up` would change"),
    "refresh": (refresh, "compare the state with what really runs"),
    "down": (down, "stop everything and remove the state"),
    "outputs": (outputs, "show the stack's outputs"),
    "logs": (logs, "show what the containers logged"),
    "env": (env, 'print what makes plain `pulumi` see the local cloud: eval "$(...)"'),
    "ports": (ports, "refuse if another program has taken a port of the stack"),
    "call": (call, "make one verified prediction with the first client's bundle"),
}


def _write_bundles(local: LocalStack, outputs: dict[str, Any]) -> list[Path]:
    """A bundle for each client, and none for those who are no longer clients."""
    from clients.bundle import write_bundle  # noqa: PLC0415  needs nothing before there is one
    from common.refusal import Refusal  # noqa: PLC0415

    certificates = outputs["clientCertificates"]
    for folder in local.home.bundles.glob("*"):
        if folder.name not in certificates:
            shutil.rmtree(folder)
    for client, certificate in certificates.items():
        try:
            write_bundle(local.home.bundles / client, client, outputs["endpoint"], certificate)
        except Refusal as refusal:
            raise Refusal(f"{client}'s bundle could not be written: {refusal}") from None
    return [local.home.bundles / client for client in certificates]


def _predict(bundle: Path) -> list[Any] | None:
    """Return what was predicted for, where there is an example that the model takes."""
    import httpx  # noqa: PLC0415  slow to import

    from clients.predict import example, predict  # noqa: PLC0415

    try:
        instances = example(bundle)
        predictions = predict(bundle, instances)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != HTTPStatus.BAD_REQUEST:
            raise Refusal(f"{error}; type `make logs` to see what its containers say") from None
        # It is made up, and only the model's owner knows what the numbers mean.
        said = error.response.text
        print(f"\nAs {bundle.name}: the model refuses an example, send it your own: {said}")
        return None
    except (httpx.HTTPError, OSError) as error:
        raise Refusal(
            f"the endpoint did not answer {bundle.name}: {error}. Type `make logs` to see what "
            "its containers say"
        ) from None
    answered = textwrap.shorten(f"{instances} -> {predictions}", 400, placeholder=" ...")
    print(f"\nPredicted over mutual TLS as {bundle.name}: {answered}")
    return instances


def explain(bundle: Path, endpoint: dict[str, Any], instances: list[Any] | None) -> None:
    folder = bundle.relative_to(Path.cwd()) if bundle.is_relative_to(Path.cwd()) else bundle
    body = json.dumps({"instances": instances})
    if instances is None or len(body) > LONGEST_BODY:
        body = '{"instances": [...]}'
    print(f"""
Endpoint  {endpoint["url"]}
Bundle    {folder}/ (client.crt, client.key, ca.crt, endpoint.json)
Samples   {folder}/snippets/ (curl, requests, httpx, Go), each to be run in {folder}/

With curl:

  curl --cacert {folder}/ca.crt --cert {folder}/client.crt --key {folder}/client.key \\
    --json '{body}' {endpoint["predictUrl"]}

Again: make call    What it logs: make logs    Stop it: make down""")


if __name__ == "__main__":
    sys.exit(main())
