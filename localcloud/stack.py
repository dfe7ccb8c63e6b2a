"""One stack on this machine: the real engine, the repository's program, stand-ins attached.

The engine finds the stand-ins through PULUMI_DEBUG_PROVIDERS, its way of attaching to a plugin
that is already running; they run in this process, so nothing has to be started or stopped.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import pulumi_azure_native
import yaml
from pulumi import automation

from common.names import CONTAINER_GROUP, LOCATION, PROJECT, PROJECT_NAME
from common.refusal import Refusal
from common.stack_file import read
from localcloud import engine
from localcloud.azure.cloud import Cloud, Damaged, Record
from localcloud.azure.container_groups import ContainerGroups, Limit
from localcloud.azure.registry import RegistryServers
from localcloud.files import write
from localcloud.home import Home
from localcloud.plugins.azure_native import AzureNative
from localcloud.plugins.base import Plugin, serve
from localcloud.plugins.docker import Docker
from localcloud.plugins.random import Random
from localcloud.plugins.tls import Tls
from localcloud.ports import require_free_ports
from localcloud.processes import Group

_SDK = (
    "authorization containerinstance containerregistry managedidentity monitor "
    "operationalinsights resources"
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def program() -> None:
    """The program that deploys to Azure, as it stands in the repository."""
    _read_ahead().join()
    if str(PROJECT) not in sys.path:
        sys.path.insert(0, str(PROJECT))
    runpy.run_path(str(PROJECT / "__main__.py"), run_name="__main__")


@cache
def _read_ahead() -> Thread:
    """Imports what the program does while the engine starts: each of both takes half a second."""
    thread = Thread(target=_import_program)
    thread.start()
    return thread


def _import_program() -> None:
    for room in ("continuity", "front", "handover", "identities", "outputs", "preflight"):
        import_module(f"program.{room}")
    # Each of these loads itself at its first use, and not safely in two threads at once.
    for module in _SDK.split():
        hasattr(getattr(pulumi_azure_native, module), "any attribute")


class LocalStack:
    """What `pulumi` does to a stack, against this machine. Use `opened`."""

    def __init__(
        self,
        stack: automation.Stack,
        home: Home,
        cloud: Cloud,
        groups: ContainerGroups,
        config: dict[str, Any],
    ) -> None:
        self.stack = stack
        self.home = home
        self.cloud = cloud
        self.groups = groups
        self.config = config

    def container_groups(self) -> list[Record]:
        return [r for r in self.cloud.all(CONTAINER_GROUP) if r.stack == self.stack.name]

    def up(self, **options: Any) -> None:
        """Deploy; containers that an outage stopped are started first."""
        for record in self.container_groups():
            self.groups.resume(record)
        running = any(self.groups.group(record).is_running for record in self.container_groups())
        if not running and not self.groups.records_only:
            require_free_ports(self.config)
        _read_ahead()
        engine.deploy(self.stack, **options)

    def remove(self) -> None:
        """Forget an empty stack and what is left of its folders."""
        for record in self.container_groups():
            self.groups.remove(record)
        self.stack.workspace.remove_stack(self.stack.name)
        with self.cloud.changing() as records:
            for key in [k for k, r in records.items() if r.stack == self.stack.name]:
                del records[key]
        shutil.rmtree(self.home.work_folder(self.stack.name))
        shutil.rmtree(self.home.bundles, ignore_errors=True)

    def forget_leftovers(self) -> None:
        """After a run that was cut short: what the engine does not know of has to go.

        The engine's own lock and its pending operations are cleared too; nobody else can hold
        them, because the home is ours.
        """
        self.stack.cancel()
        self.stack.refresh(clear_pending_creates=True, color="never")
        exported = self.stack.export_stack().deployment or {}
        known = {str(r.get("id", "")).lower() for r in exported.get("resources", [])}
        for record in self.container_groups():
            if record.id.lower() not in known:
                self.groups.remove(record)
        with self.cloud.changing() as records:
            mine = [k for k, r in records.items() if r.stack == self.stack.name]
            for key in mine:
                if key not in known:
                    del records[key]


def clear(home: Home) -> None:
    """Stop every container of a home and remove all that its stacks left, whatever is recorded."""
    with home.locked():
        for folder in home.groups.iterdir():
            Group(folder).remove()
    for name in ("bundles", "cloud", "groups", "images", "pulumi", "stacks", "tmp", "running"):
        path = home.folder / name
        path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)


@contextmanager
def opened(
    name: str,
    *,
    home: Home | None = None,
    config: dict[str, Any] | None = None,
    secrets: dict[str, str] | None = None,
    records_only: bool = False,
    run: Callable[[], None] = program,
    say: Callable[[str], None] = print,
    limit: Limit | None = None,
) -> Iterator[LocalStack]:
    """Open a stack for as long as the block lasts.

    Args:
        name: of a committed `Pulumi.<name>.yaml`.
        home: where everything is kept; `.local/` unless said otherwise.
        config: values on top of the stack file's, as `pulumi config set` would leave them.
        secrets: the same as `pulumi config set --path --secret` would leave them, by path.
        records_only: check and remember, but build nothing and start no containers.
        run: the program, the repository's unless said otherwise.
        say: takes a line of progress.
        limit: bounds what a container may take; nothing does unless given.

    Raises:
        Refusal: if there is no such stack file, or another run is under way.
    """
    home = home or Home()
    require_pulumi()
    with home.locked() as was_cut_short, ExitStack() as closing:
        values = _write_project(home, name, config or {})
        cloud = Cloud(home.cloud_file)
        _require_whole_state(home.state, name)
        groups = ContainerGroups(cloud, home.groups, say, records_only=records_only, limit=limit)
        registries = RegistryServers(cloud, home.registry_folder)
        closing.callback(registries.stop_all)
        registries.start_all()
        plugins: list[Plugin] = [
            AzureNative(cloud, values[LOCATION], groups, registries),
            Docker(cloud, PROJECT, home.images, say, records_only=records_only),
        ]
        plugins += [p for p in (Tls(), Random()) if not _use_installed(p.name, home)]
        ports = {}
        for plugin in plugins:
            server, ports[plugin.name] = serve(plugin)
            closing.callback(server.stop, grace=None)
        environment = {
            **home.engine_environment(),
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{n}:{p}" for n, p in ports.items()),
        }
        closing.enter_context(
            _environment(
                foreign(environment),
                SSL_CERT_FILE=str(registries.certificate),
                PATH=f"{Path(__file__).parent / 'bin'}:{os.environ['PATH']}",
                # The engine and its plugins speak gRPC on this machine, which asks for both.
                # gRPC asks for one of its own first.
                no_grpc_proxy=",".join(_LOOPBACK),
                no_proxy=without_proxy(),
                NO_PROXY=without_proxy(),
                TMPDIR=str(home.temporary),
                # Also for `pulumi version`, which the Automation API asks for by itself.
                PULUMI_HOME=environment["PULUMI_HOME"],
            )
        )
        workspace = engine.Workspace(
            state=home.state,
            program=run,
            work_dir=str(home.work_folder(name)),
            env_vars=environment,
            pulumi_home=environment["PULUMI_HOME"],
            pulumi_command=engine.cli(shutil.which("pulumi")),
        )
        stack = automation.Stack.create_or_select(name, workspace)
        for path, value in (secrets or {}).items():
            qualified = f"{PROJECT_NAME}:{path}"
            stack.set_config(qualified, automation.ConfigValue(value, secret=True), path=True)
        local = LocalStack(stack, home, cloud, groups, values)
        if was_cut_short:
            say("The last run was cut short; putting in order what it left.")
            local.forget_leftovers()
        yield local


def require_pulumi() -> None:
    """Make sure that there is an engine to run."""
    if shutil.which("pulumi") is None:
        raise Refusal("pulumi is not on PATH; type `make up`, which installs it below .local/")


def _write_project(home: Home, name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Copy the project and the stack file to where the engine may write; returns all values.

    The engine puts a salt for the stack's secrets into the stack file: the committed one stays
    as it is. How that is encrypted counts only where it has secrets: the state here is another.

    Raises:
        Refusal: if its secrets are encrypted by somebody who is not on this machine.
    """
    stack_file, has_secrets = _parsed(name)
    folder = home.work_folder(name)
    target = folder / f"Pulumi.{name}.yaml"
    written = _written(target)
    if has_secrets:
        provider = stack_file.get("secretsprovider", "passphrase")
        if provider != "passphrase":
            raise Refusal(
                f"Pulumi.{name}.yaml holds secrets that only {provider} decrypts, so there is no "
                "local cloud for it; use `pulumi` itself where you are logged in"
            )
    else:
        for key in ("encryptionsalt", "encryptedkey", "secretsprovider"):
            stack_file.pop(key, None)
    for key in ("encryptionsalt", "secretsprovider"):
        if key in written and key not in stack_file:
            stack_file[key] = written[key]
    # A role counts at once here; a stack file that says otherwise is believed.
    stack_file["config"].setdefault(f"{PROJECT_NAME}:rolePropagationMinutes", 0)
    for key, value in config.items():
        qualified = key if ":" in key else f"{PROJECT_NAME}:{key}"
        if value is None:
            stack_file["config"].pop(qualified, None)
        else:
            stack_file["config"][qualified] = value
    shutil.copy(PROJECT / "Pulumi.yaml", folder / "Pulumi.yaml")
    write(target, yaml.safe_dump(stack_file))
    return _with_defaults(stack_file["config"])


def _with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    project = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text(encoding="utf-8"))
    defaults = {k: v["default"] for k, v in project["config"].items() if "default" in v}
    given = {k.removeprefix(f"{PROJECT_NAME}:"): v for k, v in config.items()}
    return {**defaults, LOCATION: "", **given}


def require_ports_of(name: str) -> None:
    """Refuses a stack whose ports are taken, before the tools that deploy it are installed."""
    stack_file, _ = _parsed(name)
    require_free_ports(_with_defaults(stack_file["config"]))


def _written(stack_file: Path) -> dict[str, Any]:
    """What an earlier run left in the engine's folder; raises Damaged if that cannot be read."""
    try:
        found = yaml.safe_load(stack_file.read_bytes()) if stack_file.exists() else {}
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        raise Damaged(stack_file)
    return found


def _require_whole_state(folder: Path, name: str) -> None:
    """Raises Damaged if the engine's record of a stack was cut short."""
    for file in engine.stack_files(folder, name):
        try:
            json.loads(file.read_bytes())
        except ValueError:
            raise Damaged(file) from None


def _parsed(name: str) -> tuple[dict[str, Any], bool]:
    """A stack file, and whether it has secrets; raises Refusal where it is none."""
    file = read(PROJECT, name)
    if not file.config:
        raise Refusal(
            f"{file.name} has no `config:` with the stack's keys below it, one line for each"
        )
    return {**file.others, "config": file.config}, _has_secret(file.config)


def _has_secret(value: object) -> bool:
    if isinstance(value, dict):
        return "secure" in value or any(map(_has_secret, value.values()))
    return isinstance(value, list) and any(map(_has_secret, value))


def _use_installed(name: str, home: Home) -> bool:
    """Whether the user has the real plugin, of the SDK's version; if so the engine is shown it."""
    folder = f"resource-{name}-v{version(f'pulumi-{name}')}"
    pulumi_home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = pulumi_home / "plugins" / folder
    if not (installed / f"pulumi-resource-{name}").exists():
        return False
    shown = Path(home.engine_environment()["PULUMI_HOME"]) / "plugins" / folder
    # The engine passes over a folder that is a link, not over a file that is one.
    shown.mkdir(parents=True, exist_ok=True)
    for file in installed.iterdir():
        if not (shown / file.name).is_symlink():
            (shown / file.name).symlink_to(file)
    return True


def without_proxy() -> str:
    """What no proxy of the user's may stand before: this machine, and what the user says."""
    given = [os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    names = [name for value in given for name in value.split(",") if name]
    return ",".join(dict.fromkeys([*names, *_LOOPBACK]))


def foreign(own: Collection[str]) -> list[str]:
    """Variables of the user's with which the engine would do something else, or somewhere else.

    The engine takes each option from one: PULUMI_OPTION_*, PULUMI_STACK, PULUMI_ACCESS_TOKEN.
    """
    return [name for name in os.environ if name.startswith("PULUMI_") and name not in own]


@contextmanager
def _environment(without: Iterable[str], **variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in {*without, *variables}}
    for name in without:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def plain(outputs: automation.OutputMap) -> dict[str, Any]:
    """Outputs as the values they hold, secret or not."""
    return dict(json.loads(json.dumps({name: output.value for name, output in outputs.items()})))
