"""Runs the committed program without an engine, and writes down everything it asks for.

What the mocks of Pulumi's SDK drop is kept here: what is secret and where, resource options,
registered outputs. Plugins answer as in plugins.py, and in a preview not at all, so that nothing
is known that they have not said yet. What the last deployment left behind is known in a preview,
too: the engine reads it from the stack's state.

No engine means: nothing here proves what a change does to a deployed stack (tests/engine does).
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import json
import runpy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_in_stack

import components.registry
from tests.unit.plugins import TENANT_ID, answer, certificate_pem
from tests.unit.properties import decode, encode, plain

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = "mtls-model-endpoint"
STACKS = ("local", "dev", "prod")
STACK_TYPE = "pulumi:pulumi:Stack"
READ_OUTPUTS = "pulumi:pulumi:readStackOutputs"
# The engine calls a whole value secret when a part of it is.
SECRET_WHEN_IT_HAS_A_KEY = f"{PROJECT}:certificates"
PUSH_TOKEN = "the registry's push token"  # noqa: S105

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Registered:
    """One resource as the program asked for it."""

    type: str
    name: str
    urn: str
    parent: str
    """The parent's URN; the stack has none."""
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    protect: bool
    waits_for: frozenset[str]
    """Names of the resources of `depends_on`: those that no input waits for anyway."""
    request: resource_pb2.RegisterResourceRequest

    @property
    def parent_type(self) -> str:
        return type_of(self.parent)

    @property
    def ignored_changes(self) -> list[str]:
        return list(self.request.ignoreChanges)

    @property
    def replacement_trigger(self) -> Any:
        """What makes another one of it when it changes; None unless given."""
        given = self.request.HasField("replacement_trigger")
        return decode(self.request.replacement_trigger) if given else None


@dataclass
class Deployment:
    """What a run of the program asked for."""

    config: dict[str, str]
    resources: list[Registered] = field(default_factory=list)
    registered_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By URN."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    reads: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Type, logical name and id of what is only looked at."""
    token_exchanges: list[dict[str, str]] = field(default_factory=list)
    error: Exception | None = None

    def __getitem__(self, name: str) -> Registered:
        """The one resource of this logical name."""
        (found,) = (r for r in self.resources if r.name == name)
        return found

    def of(self, type_: str) -> dict[str, Registered]:
        """The resources of a type, named by its end: `PrivateKey`."""
        return {r.name: r for r in self.resources if r.type.endswith(f":{type_}")}

    @property
    def exports(self) -> dict[str, Any]:
        return next(
            outputs
            for urn, outputs in self.registered_outputs.items()
            if type_of(urn) == STACK_TYPE
        )

    @property
    def names(self) -> set[str]:
        return {r.name for r in self.resources if r.type != STACK_TYPE}


def type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2] if urn else ""


def config_of(stack: str, overrides: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Config of a committed stack as the engine hands it to the program."""
    return as_config(stack_file(stack, overrides))


def port(stack: str, name: str) -> int:
    """The port of a committed stack: `model`, `endpoint` or `health`."""
    return int(config_of(stack)[f"{PROJECT}:{name}Port"])


def stack_file(stack: str, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The values of a committed stack file, and on top of them `overrides`; None takes a key out.

    Keys of the project are without namespace.
    """
    committed = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    values = {key.removeprefix(f"{PROJECT}:"): value for key, value in committed.items()}
    return {k: v for k, v in {**values, **(overrides or {})}.items() if v is not None}


def as_config(values: Mapping[str, Any]) -> dict[str, str]:
    """What the engine makes of a stack file: `Pulumi.yaml`'s defaults below it, all of it text."""
    complete = {**{k: v["default"] for k, v in schema().items() if "default" in v}, **values}
    return {k if ":" in k else f"{PROJECT}:{k}": as_text(v) for k, v in complete.items()}


@cache
def schema() -> dict[str, dict[str, Any]]:
    """The `config:` of `Pulumi.yaml`."""
    declared: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    return declared["config"]


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def deploy(
    stack: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    preview: bool = False,
    previous: Records | None = None,
) -> Deployment:
    """The committed program on a committed stack. Equal calls share one run, not its record.

    Args:
        stack: whose file.
        overrides: values on top of it.
        preview: whether plugins are not asked yet.
        previous: the last deployment's output `certificates`; None at the first deployment.

    Raises:
        Exception: whatever the program raises.
    """
    deployment = _program(stack, json.dumps(overrides or {}), preview, json.dumps(previous))
    if deployment.error:
        raise deployment.error
    return copy.deepcopy(deployment)


def refused(stack: str, overrides: Mapping[str, Any]) -> Deployment:
    """A run that has to end with an error before any resource is registered."""
    deployment = _program(stack, json.dumps(overrides), False, "null")
    assert deployment.error is not None, "the program accepted it"
    assert [r.type for r in deployment.resources] == [STACK_TYPE]
    assert deployment.calls == []
    assert deployment.reads == []
    return deployment


@cache
def _program(stack: str, overrides: str, preview: bool, previous: str) -> Deployment:
    config = config_of(stack, json.loads(overrides))
    return run_committed(stack, config, preview=preview, previous=json.loads(previous))


def run_committed(
    stack: str,
    config: Mapping[str, str],
    *,
    preview: bool = False,
    previous: Records | None = None,
) -> Deployment:
    """The committed program with exactly this config, run now."""
    return run(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        stack=stack,
        config=config,
        preview=preview,
        previous=previous,
    )


def run(
    program: Callable[[], object],
    *,
    stack: str = "dev",
    config: Mapping[str, str] | None = None,
    secret_keys: Collection[str] = (SECRET_WHEN_IT_HAS_A_KEY,),
    preview: bool = False,
    previous: Records | None = None,
) -> Deployment:
    """Any program, as Pulumi's language host runs it. Runs do not see each other."""
    deployment = Deployment(dict(config or config_of(stack)))

    def exchange(**arguments: str) -> str:
        deployment.token_exchanges.append(arguments)
        return PUSH_TOKEN

    def isolated() -> None:
        # Any root keeps `set_mocks` from making a stack of its own: `run_in_stack` makes one.
        settings.ROOT.set(mock.sentinel.root)
        monitor = Monitor(deployment, preview, previous)
        mocks.set_mocks(
            monitor.mocks, PROJECT, stack, preview, monitor=monitor, organization="organization"
        )
        settings.ROOT.set(None)
        # What a run that failed has left there belongs to a loop that is closed.
        settings.SETTINGS.outputs = set()
        pulumi.runtime.set_all_config(deployment.config, list(secret_keys))

        def discard_result() -> None:
            program()

        with mock.patch.object(components.registry, "_exchange", exchange):
            asyncio.run(run_in_stack(discard_result))

    try:
        contextvars.copy_context().run(isolated)
    except Exception as error:
        deployment.error = error
    return deployment


class _Unused(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise NotImplementedError

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise NotImplementedError


class Monitor(mocks.MockMonitor):
    """Takes the program's requests as the engine would, and keeps them whole."""

    def __init__(
        self, deployment: Deployment, preview: bool, previous: Records | None = None
    ) -> None:
        super().__init__(_Unused())
        self.deployment = deployment
        self.preview = preview
        self.previous = previous

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine does: with the types of all ancestors but the stack."""
        ancestors = parent.split("::")[2] if parent else STACK_TYPE
        path = type_ if ancestors == STACK_TYPE else f"{ancestors}${type_}"
        return f"urn:pulumi:{pulumi.get_stack()}::{PROJECT}::{path}::{name}"

    def RegisterResource(  # noqa: N802  gRPC's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        assert urn not in [r.urn for r in self.deployment.resources], f"{urn} is there twice"
        inputs = decode(request.object)
        id_: str = ""
        outputs: dict[str, Any] = {}
        if request.custom and not self.preview:
            id_, outputs = answer(request.type, request.name, plain(inputs))
        implied = {u for d in request.propertyDependencies.values() for u in d.urns}
        self.deployment.resources.append(
            Registered(
                type=request.type,
                name=request.name,
                urn=urn,
                parent=request.parent,
                inputs=inputs,
                outputs={**outputs, "id": id_},
                protect=request.protect,
                waits_for=frozenset(u.split("::")[3] for u in {*request.dependencies} - implied),
                request=request,
            )
        )
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=encode(outputs))

    def RegisterResourceOutputs(  # noqa: N802  gRPC's name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        self.deployment.registered_outputs[request.urn] = decode(request.outputs)
        return empty_pb2.Empty()

    def Invoke(  # noqa: N802  gRPC's name
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        asked = decode(request.args)
        answers = {
            "azure-native:authorization:getClientToken": self._token,
            "azure-native:authorization:getClientConfig": self._client,
            READ_OUTPUTS: self._last_outputs,
        }
        known = self.deployment.reads if request.tok == READ_OUTPUTS else self.deployment.calls
        known.append((request.tok, asked))
        # The field is called `return`, which is no Python argument.
        answer_: dict[str, Any] = {"return": encode(answers[request.tok](asked))}
        return resource_pb2.ResourceInvokeResponse(**answer_)

    def _token(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"token": "the deployer's Azure token"}

    def _client(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"tenantId": TENANT_ID}

    def _last_outputs(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the stack itself said when it was deployed last; nothing before that."""
        outputs: dict[str, Any] = {}
        if self.previous is not None:
            bundle = {"serialNumber": "A0", "certificatePem": certificate_pem("handed out")}
            secret = {rpc._special_sig_key: rpc._special_secret_sig, "value": {"alice": bundle}}
            outputs = {"certificates": list(self.previous), "clientCertificates": secret}
        return {
            "name": asked["name"],
            "outputs": outputs,
            "secretOutputNames": [name for name in outputs if name == "clientCertificates"],
        }
