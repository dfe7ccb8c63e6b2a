"""What every stand-in has in common: Pulumi's provider protocol, in Python's own types.

https://www.pulumi.com/docs/iac/build-with-pulumi/implementers-guide/ describes the calls. The SDK
has a provider framework too (`pulumi.provider.experimental`); it appends a traceback to every
error, and what a stand-in refuses has to read as Azure would say it.
"""

from __future__ import annotations

import logging
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from common.refusal import Refusal

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine spells a value that is not known in a preview."""

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a marker of the protocol

# A chain of certificates or a rendered configuration may exceed gRPC's 4 MB.
_MAX_MESSAGE_BYTES = 400 * 1024 * 1024

Properties = dict[str, Any]


@dataclass(frozen=True)
class Secret:
    """An output that the engine has to keep secret."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Diff:
    """What a change does: nothing, an update, or a replacement."""

    changed: tuple[str, ...] = ()
    """Top-level names of the changed properties."""
    replaces: tuple[str, ...] = ()
    """Those for which the resource has to be replaced."""
    paths: dict[str, int] = field(default_factory=dict)
    """Detailed: path of a change to its kind, where the real plugin says that much."""


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """Override what the resource types at hand need."""

    name = ""
    version = ""

    def check(self, urn: str, old: Properties, new: Properties) -> Properties:
        """Fill in defaults; raise Refusal for what can be refused before anything exists."""
        return new

    def diff(self, urn: str, old: Properties, new: Properties, state: Properties) -> Diff:
        """Compare old and new inputs."""
        raise NotImplementedError

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Make the resource; returns its id and outputs."""
        raise NotImplementedError

    def preview_create(self, urn: str, inputs: Properties) -> Properties:
        """What is known of the outputs before the resource exists."""
        return inputs

    def read(self, urn: str, id_: str, inputs: Properties, state: Properties) -> Properties | None:
        """The resource as it is now, None if it is gone."""
        return state

    def read_inputs(
        self, urn: str, inputs: Properties, old: Properties, new: Properties
    ) -> Properties:
        """What would have to be asked for to get the resource as it is now.

        Args:
            inputs: what was asked for.
            old: the outputs at that time.
            new: the outputs now.
        """
        return inputs

    def update(self, urn: str, id_: str, new: Properties, state: Properties) -> Properties:
        """Change the resource in place; returns its outputs."""
        raise NotImplementedError

    def preview_update(self, urn: str, new: Properties, state: Properties) -> Properties:
        """What is known of the outputs before the update."""
        return {**state, **new}

    def delete(self, urn: str, id_: str, state: Properties) -> None:
        """Remove the resource."""

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """Answer a function call."""
        raise Refusal(f"{self.name}: there is no function {token} in this stand-in")

    # --- the protocol --------------------------------------------------------------------------

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self.version)

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        # Without acceptSecrets the engine hands over plain values and marks outputs of the same
        # name as secret itself.
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _refusing(context):
            try:
                inputs = self.check(request.urn, decode(request.olds), decode(request.news))
            except Refusal as refused:
                failure = provider_pb2.CheckFailure(reason=str(refused))
                return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
            return provider_pb2.CheckResponse(inputs=encode(inputs))

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _refusing(context):
            diff = self.diff(
                request.urn, decode(request.old_inputs), decode(request.news), decode(request.olds)
            )
        some = provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(
            changes=some if diff.changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=diff.changed,
            replaces=diff.replaces,
            hasDetailedDiff=bool(diff.paths),
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=kind, inputDiff=True)  # type: ignore[arg-type]
                for path, kind in diff.paths.items()
            },
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = decode(request.properties)
        with _refusing(context):
            if request.preview:
                known = self.preview_create(request.urn, inputs)
                return provider_pb2.CreateResponse(properties=encode(known))
            id_, outputs = self.create(request.urn, inputs)
            return provider_pb2.CreateResponse(id=id_, properties=encode(outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs, old = decode(request.inputs), decode(request.properties)
        with _refusing(context):
            state = self.read(request.urn, request.id, inputs, old)
            if state is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=request.id,
                properties=encode(state),
                inputs=encode(self.read_inputs(request.urn, inputs, old, state)),
            )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        new, state = decode(request.news), decode(request.olds)
        with _refusing(context):
            if request.preview:
                outputs = self.preview_update(request.urn, new, state)
            else:
                outputs = self.update(request.urn, request.id, new, state)
            return provider_pb2.UpdateResponse(properties=encode(outputs))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _refusing(context):
            self.delete(request.urn, request.id, decode(request.properties))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _refusing(context):
            result = self.invoke(request.tok, decode(request.args))
            answer = provider_pb2.InvokeResponse()
            getattr(answer, "return").CopyFrom(encode(result))  # the field has a keyword's name
            return answer

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()


class _refusing:  # noqa: N801  used like a function
    """Turns Refusal into the error of the call, and any surprise into one with its traceback."""

    def __init__(self, context: Any) -> None:
        self.context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, Refusal):
            self.context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        elif isinstance(error, Exception):
            logging.exception("stand-in failed")
            self.context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")


def serve(plugin: Plugin) -> tuple[grpc.Server, int]:
    """Serve a plugin on a port of the loopback interface; returns the server and the port."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=32),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def decode(struct: struct_pb2.Struct) -> Properties:
    """The engine's properties as Python's; whole numbers become int."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def _decode(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return decode(value.struct_value)
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def encode(properties: Properties) -> struct_pb2.Struct:
    """Python's values as the engine's properties."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        struct.fields[key].CopyFrom(_encode(value))
    return struct


def _encode(value: Any) -> struct_pb2.Value:
    encoded = struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    match value:
        case Secret():
            encoded.struct_value.CopyFrom(encode({_SIGNATURE: _SECRET, "value": value.value}))
        case dict():
            encoded.struct_value.CopyFrom(encode(value))
        case list() | tuple():
            items = struct_pb2.ListValue(values=[_encode(item) for item in value])
            encoded.list_value.CopyFrom(items)
        case bool():
            encoded.bool_value = value
        case int() | float():
            encoded.number_value = value
        case str():
            encoded.string_value = value
    return encoded


def type_token(urn: str) -> str:
    """`urn:pulumi:stack::project::parent$azure-native:x:Y::name` -> `azure-native:x:Y`."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def logical_name(urn: str) -> str:
    """The last part of a URN."""
    return urn.split("::", 3)[3]


def changed_properties(old: Properties, new: Properties) -> tuple[str, ...]:
    """Top-level names whose values differ, in a stable order."""
    return tuple(sorted(k for k in {*old, *new} if old.get(k) != new.get(k)))
