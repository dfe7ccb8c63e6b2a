"""Runs the committed program without an engine, and writes down everything it asks for.

What the mocks of Pulumi's SDK drop is kept here: what is secret and where, resource options,
registered outputs. Answers are what the real plugins answer as far as the program can tell: ids of
certificates are decimal serials, nothing is marked secret, and in a preview nothing is known that
Azure has not said yet.

No engine means: nothing here proves what a change does to a deployed stack (tests/engine does).
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import hashlib
import json
import runpy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import yaml
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_in_stack

import components.registry

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = "mtls-model-endpoint"
STACKS = ("local", "dev", "prod")
STACK_TYPE = "pulumi:pulumi:Stack"
SUBSCRIPTION = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590"
PRINCIPAL_ID = "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c11"
PUSH_TOKEN = "the registry's push token"


@dataclass(frozen=True)
class Secret:
    """A value that the engine would encrypt in the state and hide in its output."""

    value: Any


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


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


@dataclass
class Deployment:
    """What a run of the program asked for."""

    config: dict[str, str]
    resources: list[Registered] = field(default_factory=list)
    registered_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By URN."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
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
            outputs for urn, outputs in self.registered_outputs.items() if type_of(urn) == STACK_TYPE
        )

    @property
    def names(self) -> set[str]:
        return {r.name for r in self.resources if r.type != STACK_TYPE}


def type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2] if urn else ""


def config_of(stack: str, overrides: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Config as the engine hands it to the program: `Pulumi.yaml`'s defaults, the stack file's
    values, and on top of them `overrides` (without namespace; None takes a key out)."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    values = {k: v["default"] for k, v in project["config"].items() if "default" in v}
    committed = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    values |= {k.removeprefix(f"{PROJECT}:"): v for k, v in committed.items()}
    values |= overrides or {}
    return {
        k if ":" in k else f"{PROJECT}:{k}": as_text(v) for k, v in values.items() if v is not None
    }


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def deploy(
    stack: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    preview: bool = False,
) -> Deployment:
    """The committed program on a committed stack; equal calls share one run.

    Raises:
        Exception: whatever the program raises.
    """
    deployment = _program(stack, json.dumps(overrides or {}), preview)
    if deployment.error:
        raise deployment.error
    return deployment


def refused(stack: str, overrides: Mapping[str, Any]) -> Deployment:
    """A run that has to end with an error before any resource is registered."""
    deployment = _program(stack, json.dumps(overrides), False)
    assert deployment.error is not None, "the program accepted it"
    assert [r.type for r in deployment.resources] == [STACK_TYPE]
    assert deployment.calls == []
    return deployment


@cache
def _program(stack: str, overrides: str, preview: bool) -> Deployment:
    config = config_of(stack, json.loads(overrides))
    return run(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        stack=stack,
        config=config,
        preview=preview,
    )


def run(
    program: Callable[[], object],
    *,
    stack: str = "dev",
    config: Mapping[str, str] | None = None,
    preview: bool = False,
) -> Deployment:
    """Any program, as Pulumi's language host runs it. Runs do not see each other."""
    deployment = Deployment(dict(config or config_of(stack)))

    def exchange(**arguments: str) -> str:
        deployment.token_exchanges.append(arguments)
        return PUSH_TOKEN

    def isolated() -> None:
        # Any root keeps `set_mocks` from making a stack of its own: `run_in_stack` makes one.
        settings.ROOT.set(mock.sentinel.root)
        monitor = Monitor(deployment, preview)
        mocks.set_mocks(monitor.mocks, PROJECT, stack, preview, monitor=monitor)
        settings.ROOT.set(None)
        pulumi.runtime.set_all_config(deployment.config)

        async def program_in_stack() -> None:
            await run_in_stack(lambda: None if program() is None else None)

        with mock.patch.object(components.registry, "_exchange", exchange):
            asyncio.run(program_in_stack())

    try:
        contextvars.copy_context().run(isolated)
    except Exception as error:  # noqa: BLE001  the caller looks at it
        deployment.error = error
    return deployment


class _Unused(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise NotImplementedError

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise NotImplementedError


class Monitor(mocks.MockMonitor):
    """Takes the program's requests as the engine would, and keeps them whole."""

    def __init__(self, deployment: Deployment, preview: bool) -> None:
        super().__init__(_Unused())
        self.deployment = deployment
        self.preview = preview

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
        id_, outputs = ("", {})
        if request.custom:
            known = "" if self.preview else request.type
            id_, outputs = answer(known, request.name, plain(inputs))
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
                waits_for=frozenset(
                    u.split("::")[3] for u in {*request.dependencies} - implied
                ),
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
        self.deployment.calls.append((request.tok, decode(request.args)))
        assert request.tok == "azure-native:authorization:getClientToken"
        token: dict[str, Any] = {"token": "the deployer's Azure token"}
        return resource_pb2.ResourceInvokeResponse(**{"return": encode(token)})


def answer(type_: str, name: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Id and outputs of a resource that was created; of an unknown type, as in a preview: none."""
    group = f"{SUBSCRIPTION}/resourceGroups/{inputs.get('resourceGroupName', '')}/providers"
    auto_name = f"{name}1a2b3c4d"
    match type_.rpartition(":")[2]:
        case "ResourceGroup":
            return f"{SUBSCRIPTION}/resourceGroups/{auto_name}", {**inputs, "name": auto_name}
        case "RandomString":
            result = hashlib.sha256(name.encode()).hexdigest()[: inputs["length"]]
            return result, {**inputs, "result": result}
        case "RandomUuid":
            result = "5d2f2c3e-52fb-4a5f-9d3c-1f6a2f0a9b11"
            return result, {**inputs, "result": result}
        case "Workspace":
            return f"{group}/Microsoft.OperationalInsights/workspaces/{auto_name}", inputs
        case "Registry":
            host = inputs["registryName"]
            return f"{group}/Microsoft.ContainerRegistry/registries/{host}", {
                **inputs,
                # Not always `<name>.azurecr.io`, so nobody may guess it.
                "loginServer": f"{host}-a1b2.azurecr.io",
            }
        case "UserAssignedIdentity":
            return f"{group}/Microsoft.ManagedIdentity/userAssignedIdentities/{auto_name}", {
                **inputs,
                "principalId": PRINCIPAL_ID,
                "clientId": "a5d9f5a1-8f43-4c53-8a59-8a0f0c7f2e22",
            }
        case "RoleAssignment":
            id_ = f"{inputs['scope']}/providers/Microsoft.Authorization/roleAssignments"
            return f"{id_}/{inputs['roleAssignmentName']}", inputs
        case "Image":
            repository = inputs["imageName"].rpartition(":")[0]
            digest = hashlib.sha256(inputs["build"]["context"].encode()).hexdigest()
            return inputs["imageName"], {**inputs, "repoDigest": f"{repository}@sha256:{digest}"}
        case "PrivateKey":
            return digits(name), {**inputs, "privateKeyPem": private_key_pem(name)}
        case "CertRequest":
            return digits(name), {**inputs, "certRequestPem": pem("CERTIFICATE REQUEST", name)}
        case "SelfSignedCert" | "LocallySignedCert":
            return digits(name), {
                **inputs,
                "certPem": certificate_pem(name),
                "validityStartTime": "2026-11-21T04:00:00Z",
                "validityEndTime": f"after {inputs['validityPeriodHours']} hours",
            }
        case "ContainerGroup":
            address = inputs["ipAddress"]
            fqdn = f"{address['dnsNameLabel']}.westeurope.azurecontainer.io"
            identity = inputs["identity"]
            by_id = {id_: {} for id_ in identity["userAssignedIdentities"]}
            return f"{group}/Microsoft.ContainerInstance/containerGroups/{auto_name}", {
                **inputs,
                "identity": {**identity, "userAssignedIdentities": by_id},
                "ipAddress": {**address, "fqdn": fqdn, "ip": "20.0.0.1"},
            }
        case "DiagnosticSetting":
            return f"{inputs['resourceUri']}|{inputs['name']}", inputs
        case "":
            return "", {}
        case _:
            raise AssertionError(f"no plugin answers for {type_}")


def digits(name: str) -> str:
    """A serial number of 128 bits in decimal, the same for the same name."""
    return str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16]))


def pem(kind: str, name: str) -> str:
    body = base64.b64encode(f"{kind} of {name}".encode()).decode()
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def private_key_pem(name: str) -> str:
    """A key that can be told from every other, by the resource that made it."""
    return pem("EC PRIVATE KEY", name)


def certificate_pem(name: str) -> str:
    return pem("CERTIFICATE", name)


def decode(message: struct_pb2.Struct | struct_pb2.Value) -> Any:
    """Properties as they travel, with what is secret or unknown marked where it is."""
    if isinstance(message, struct_pb2.Struct):
        fields = {key: decode(value) for key, value in message.fields.items()}
        match fields.get(rpc._special_sig_key):
            case None:
                return fields
            case rpc._special_secret_sig:
                return Secret(fields["value"])
            case signature:
                raise AssertionError(f"no value of this kind was expected: {signature}")
    match message.WhichOneof("kind"):
        case "struct_value":
            return decode(message.struct_value)
        case "list_value":
            return [decode(value) for value in message.list_value.values]
        case "number_value":
            number = message.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if message.string_value == rpc.UNKNOWN else message.string_value
        case "bool_value":
            return message.bool_value
        case _:
            return None


def encode(properties: dict[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(properties)
    return message


def plain(value: Any) -> Any:
    """The value, whether secret or not."""
    match value:
        case Secret():
            return plain(value.value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def strings(value: Any, *, secret: bool = False) -> Iterator[tuple[str, bool]]:
    """Every string in a value, keys too, and whether it is secret."""
    match value:
        case Secret():
            yield from strings(value.value, secret=True)
        case dict():
            for key, item in value.items():
                yield key, secret
                yield from strings(item, secret=secret)
        case list():
            for item in value:
                yield from strings(item, secret=secret)
        case str():
            yield value, secret
