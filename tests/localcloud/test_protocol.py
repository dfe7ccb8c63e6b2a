"""Plugins as the engine calls them: over gRPC, in the engine's encoding of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from common.refusal import Refusal
from localcloud.plugins.base import (
    UNKNOWN,
    Diff,
    Plugin,
    Properties,
    Secret,
    changed_properties,
    decode,
    encode,
    logical_name,
    serve,
    type_token,
)

URN = "urn:pulumi:test::p::a:b:C$d:e:F::name::with colons"
SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
SECONDS = 10
"""After which a call counts as hanging."""


class Echo(Plugin):
    """Gives back what it gets, and fails where it is told to."""

    name, version = "echo", "1.2.3"

    def check(self, urn: str, old: Properties, new: Properties) -> Properties:
        self._fail(new)
        return {**new, "checked": True}

    def diff(self, urn: str, old: Properties, new: Properties, state: Properties) -> Diff:
        self._fail(new)
        changed = changed_properties(old, new)
        return Diff(changed=changed, replaces=changed, paths=dict.fromkeys(changed, 5))

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        self._fail(inputs)
        return "an id", {**inputs, "key": Secret({"pem": ["a"]})}

    def preview_create(self, urn: str, inputs: Properties) -> Properties:
        self._fail(inputs)
        return {**inputs, "later": UNKNOWN}

    def read(self, urn: str, id_: str, inputs: Properties, state: Properties) -> Properties | None:
        self._fail(state)
        return None if id_ == "gone" else state

    def update(self, urn: str, id_: str, new: Properties, state: Properties) -> Properties:
        self._fail(new)
        return {**new, "was": state}

    def delete(self, urn: str, id_: str, state: Properties) -> None:
        self._fail(state)

    def invoke(self, token: str, arguments: Properties) -> Properties:
        self._fail(arguments)
        return {"token": token, **arguments}

    def _fail(self, properties: Properties) -> None:
        match properties.get("fail"):
            case "refused":
                raise Refusal("the sentence that the user reads")
            case "empty":
                raise StopIteration
            case "surprise":
                raise KeyError("missing")


@pytest.fixture
def stub() -> Iterator[Any]:
    server, port = serve(Echo())
    with ExitStack() as closing:
        closing.callback(server.stop, grace=None)
        channel = closing.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}", UNLIMITED))
        yield provider_pb2_grpc.ResourceProviderStub(channel)


def as_engine(**properties: Any) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(properties)
    return struct


CALLS: dict[str, Callable[[Any, struct_pb2.Struct], Any]] = {
    "check": lambda stub, p: stub.Check(
        provider_pb2.CheckRequest(urn=URN, news=p), timeout=SECONDS
    ),
    "diff": lambda stub, p: stub.Diff(provider_pb2.DiffRequest(urn=URN, news=p), timeout=SECONDS),
    "preview": lambda stub, p: stub.Create(
        provider_pb2.CreateRequest(urn=URN, properties=p, preview=True), timeout=SECONDS
    ),
    "create": lambda stub, p: stub.Create(
        provider_pb2.CreateRequest(urn=URN, properties=p), timeout=SECONDS
    ),
    "read": lambda stub, p: stub.Read(
        provider_pb2.ReadRequest(urn=URN, id="x", properties=p), timeout=SECONDS
    ),
    "update": lambda stub, p: stub.Update(
        provider_pb2.UpdateRequest(urn=URN, id="x", news=p), timeout=SECONDS
    ),
    "delete": lambda stub, p: stub.Delete(
        provider_pb2.DeleteRequest(urn=URN, id="x", properties=p), timeout=SECONDS
    ),
    "invoke": lambda stub, p: stub.Invoke(
        provider_pb2.InvokeRequest(tok="f", args=p), timeout=SECONDS
    ),
}


def test_a_secret_reaches_the_engine_marked_as_one(stub: Any) -> None:
    answer = CALLS["create"](stub, as_engine(a="b"))

    assert answer.id == "an id"
    assert answer.properties == as_engine(a="b", key={**SIGNATURE, "value": {"pem": ["a"]}})


def test_an_unknown_goes_to_and_from_a_preview_as_the_engine_spells_it(stub: Any) -> None:
    answer = CALLS["preview"](stub, as_engine(a=UNKNOWN, list=[UNKNOWN]))

    assert answer.id == ""
    assert answer.properties == as_engine(a=UNKNOWN, list=[UNKNOWN], later=UNKNOWN)


def test_every_kind_of_value_comes_back_as_it_went(stub: Any) -> None:
    values: Properties = {
        "string": "ä \n \" '",
        "whole": 8443,
        "large": 2**53,
        "fraction": 0.5,
        "true": True,
        "false": False,
        "null": None,
        "list": [1, [], {}, "a", None],
        "map": {"a.b": {"c": [True]}},
    }

    answer = decode(CALLS["preview"](stub, encode(values)).properties)

    assert answer == {**values, "later": UNKNOWN}
    assert {k: type(v) for k, v in answer.items() if k in values} == {
        k: type(v) for k, v in values.items()
    }


def test_more_than_four_megabytes_fit(stub: Any) -> None:
    text = "x" * 6_000_000

    answer = CALLS["create"](stub, as_engine(text=text))

    assert answer.properties["text"] == text


def test_a_check_fills_in_and_a_refusal_is_a_failure_of_the_check(stub: Any) -> None:
    good = CALLS["check"](stub, as_engine(a="b"))
    bad = CALLS["check"](stub, as_engine(fail="refused"))

    assert good.inputs == as_engine(a="b", checked=True)
    assert list(good.failures) == []
    assert [f.reason for f in bad.failures] == ["the sentence that the user reads"]


def test_a_diff_has_names_reasons_and_paths(stub: Any) -> None:
    request = provider_pb2.DiffRequest(
        urn=URN, old_inputs=as_engine(a=1, b=1), news=as_engine(a=2, b=1)
    )

    some, none = stub.Diff(request), CALLS["diff"](stub, as_engine())

    assert some.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert (list(some.diffs), list(some.replaces)) == (["a"], ["a"])
    assert some.hasDetailedDiff
    assert some.detailedDiff["a"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert none.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert not none.hasDetailedDiff


def test_what_is_gone_is_read_without_an_id(stub: Any) -> None:
    there = stub.Read(provider_pb2.ReadRequest(urn=URN, id="x", properties=as_engine(a=1)))
    gone = stub.Read(provider_pb2.ReadRequest(urn=URN, id="gone"))

    assert (there.id, decode(there.properties)) == ("x", {"a": 1})
    assert gone.id == ""


def test_an_update_knows_what_was(stub: Any) -> None:
    request = provider_pb2.UpdateRequest(urn=URN, id="x", news=as_engine(a=2), olds=as_engine(a=1))

    assert decode(stub.Update(request).properties) == {"a": 2, "was": {"a": 1}}


def test_a_function_answers(stub: Any) -> None:
    answer = CALLS["invoke"](stub, as_engine(a=1))

    assert decode(getattr(answer, "return")) == {"token": "f", "a": 1}


@pytest.mark.parametrize("call", [name for name in CALLS if name != "check"])
def test_a_refusal_is_an_error_of_one_sentence(stub: Any, call: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        CALLS[call](stub, as_engine(fail="refused"))

    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.value.details() == "the sentence that the user reads"


@pytest.mark.parametrize(("fail", "text"), [("surprise", "KeyError: 'missing'"), ("empty", "Stop")])
@pytest.mark.parametrize("call", list(CALLS))
def test_a_surprise_is_an_error_too_and_nothing_hangs(
    stub: Any, call: str, fail: str, text: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        CALLS[call](stub, as_engine(fail=fail))

    assert error.value.code() == grpc.StatusCode.INTERNAL
    assert text in str(error.value.details())
    assert CALLS["create"](stub, as_engine()).id == "an id"


def test_the_engine_learns_the_version_and_that_previews_are_made(stub: Any) -> None:
    configured = stub.Configure(provider_pb2.ConfigureRequest())

    assert stub.GetPluginInfo(struct_pb2.Struct()).version == "1.2.3"
    assert configured.supportsPreview
    assert not configured.acceptSecrets


def test_a_urn_is_taken_apart() -> None:
    assert type_token(URN) == "d:e:F"
    assert logical_name(URN) == "name::with colons"
