"""What a stack file may not say: each refusal in full, and that what it tells one to type helps."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

import settings
from tests.unit.program import ROOT, STACKS, Deployment, as_config, refused, run, schema, stack_file

TOP_LEVEL = (
    "allowed are environment, tls, modelName, modelImage, modelPort, endpointPort, healthPort, "
    "dnsLabel, serverNames, resources, maxRequestBodyInMB, clients, certificates, registrySku, "
    "logRetentionDays, tags. "
)
MODEL_NAME = "1 to 48 letters, digits, '_' or '-' (it is part of the URL)"
DNS_LABEL = (
    "1 to 56 lower-case letters, digits or '-', beginning with a letter and not ending with '-' "
    "(seven more characters make it unique; Azure takes 63)"
)
CLIENT_NAME = (
    "a name of 1 to 64 lower-case letters, digits, '.', '_' or '-' that begins and ends with a "
    "letter or digit (it becomes the certificate's common name and a folder's name)"
)
DNS_NAME = "a DNS name in lower case, without scheme, port or wildcard"
PORT = "a TCP port from 1 to 65535 that no other key uses"
SHARED = "the containers of a group share their ports"
ALGORITHM = "one of ECDSA-P256, ECDSA-P384, RSA-2048, RSA-3072, RSA-4096"
DAYS = "a whole number of days from 1 to 36500"
CA_ENDS_AFTER = (
    "at most the validity of the CA, certificates.validityDays.ca = {}: a certificate is worth "
    "nothing after its CA's end"
)
CPU = "a number of CPUs above 0, at most 31 for the group"
MEMORY = "memory in GB above 0, at most 240 for the group"
TAGS = (
    "at most 40 tags; names of up to 512 characters without <>%&\\?/, texts of up to 256 (numbers "
    "in quotes)"
)
BUILD_ARGS = "build arguments of its Dockerfile, name to text (numbers in quotes)"
BY_DIGEST = "an image by digest (a tag can change under a running stack)"
ZEROS = "0" * 64
PREBUILT = f"registry.example.com/model@sha256:{ZEROS}"


def missing(key: str, allowed: str, typed: str) -> str:
    return f"{key}: the value is missing; it takes {allowed}. Type: pulumi config set {typed}"


def wrong(key: str, value: object, allowed: str, typed: str) -> str:
    return f"{key}: {json.dumps(value)} is not allowed; it takes {allowed}. Type: {typed}"


def bad_name(index: int, value: object) -> str:
    key = f"clients[{index}].name"
    return wrong(key, value, CLIENT_NAME, f"pulumi config set --path '{key}' billing")


def bad_dns_name(value: str) -> str:
    typed = "pulumi config set --path 'serverNames[0]' model.example.com"
    return wrong("serverNames[0]", value, DNS_NAME, typed)


def bad_port(key: str, value: str, good: int) -> str:
    return wrong(key, value, PORT, f"pulumi config set {key} {good}")


def taken_port(key: str, value: int, other: str, good: int) -> str:
    allowed = f"a port that no other key uses ({other} has it: {SHARED})"
    return wrong(key, value, allowed, f"pulumi config set {key} {good}")


def bad_size(key: str, value: object) -> str:
    allowed, good = (CPU, 1) if key == "cpu" else (MEMORY, 1.5)
    path = f"resources.model.{key}"
    return wrong(path, value, allowed, f"pulumi config set --path {path} {good}")


def bad_sum(key: str, total: float, container: str) -> str:
    allowed = "1 to 31 CPU" if key == "cpu" else "1 to 240 GB"
    return wrong(
        f"resources.*.{key}",
        total,
        f"{allowed} for the containers of the group together",
        f"pulumi config set --path resources.{container}.{key} 1",
    )


def bad_days(role: str, value: object) -> str:
    path = f"certificates.validityDays.{role}"
    return wrong(path, value, DAYS, f"pulumi config set --path {path} 365")


def outlives_ca(role: str, value: int, ca: int) -> str:
    path = f"certificates.validityDays.{role}"
    good = min(365, ca)
    typed = f"pulumi config set --path {path} {good}"
    return wrong(path, value, CA_ENDS_AFTER.format(ca), typed)


def model(**values: object) -> dict[str, Any]:
    return {"resources": {"model": {"cpu": 1, "memoryInGB": 1, **values}}}


def validity(**days: object) -> dict[str, Any]:
    return {"certificates": {"validityDays": days}}


def names(*clients: object) -> dict[str, Any]:
    return {"clients": [{"name": name} for name in clients]}


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    # Keys that are missing.
    "no model name": (
        {"modelName": None},
        [missing("modelName", MODEL_NAME, "modelName demo")],
    ),
    "no label": ({"dnsLabel": None}, [missing("dnsLabel", DNS_LABEL, "dnsLabel model-dev")]),
    "no clients": (
        {"clients": None},
        [missing("clients", "a list of {name: ...}", "--path 'clients[0].name' billing")],
    ),
    "no region": (
        {"azure-native:location": None},
        [missing("azure-native:location", "an Azure region", "azure-native:location westeurope")],
    ),
    "no memory": (
        {"resources": {"model": {"cpu": 1}}},
        [missing("resources.model.memoryInGB", MEMORY, "--path resources.model.memoryInGB 1.5")],
    ),
    "no CPU": (
        {"resources": {"sidecar": {"memoryInGB": 1}}},
        [missing("resources.sidecar.cpu", CPU, "--path resources.sidecar.cpu 1")],
    ),
    "a client without a name": (
        {"clients": [{"name": "a"}, {}]},
        [missing("clients[1].name", CLIENT_NAME, "--path 'clients[1].name' billing")],
    ),
    # Keys that do not exist, often because they are misspelt.
    "misspelt key": (
        {"modelName": None, "modelNam": "demo"},
        [
            missing("modelName", MODEL_NAME, "modelName demo"),
            f"modelNam: there is no such key; did you mean modelName? {TOP_LEVEL}"
            "Type: pulumi config rm modelNam",
        ],
    ),
    "unknown key": (
        {"flavour": "x"},
        [f"flavour: there is no such key; {TOP_LEVEL}Type: pulumi config rm flavour"],
    ),
    "key in Python's spelling": (
        {"model_name": "demo"},
        [
            f"model_name: there is no such key; did you mean modelName? {TOP_LEVEL}"
            "Type: pulumi config rm model_name"
        ],
    ),
    "misspelt container": (
        {"resources": {"modle": {"cpu": 1, "memoryInGB": 1}}},
        [
            "resources.modle: there is no such key; did you mean model? allowed are model, "
            "sidecar. Type: pulumi config rm --path resources.modle"
        ],
    ),
    "misspelt unit": (
        {"resources": {"model": {"cpu": 1, "memoryInGb": 1}}},
        [
            missing("resources.model.memoryInGB", MEMORY, "--path resources.model.memoryInGB 1.5"),
            "resources.model.memoryInGb: there is no such key; did you mean memoryInGB? allowed "
            "are cpu, memoryInGB. Type: pulumi config rm --path resources.model.memoryInGb",
        ],
    ),
    "misspelt role": (
        {"certificates": {"validityDays": {"clients": 30}}},
        [
            "certificates.validityDays.clients: there is no such key; did you mean client? "
            "allowed are ca, server, client. "
            "Type: pulumi config rm --path certificates.validityDays.clients"
        ],
    ),
    "unknown key of the image": (
        {"modelImage": {"tag": "1"}},
        [
            "modelImage.tag: there is no such key; allowed are context, buildArgs, ref. "
            "Type: pulumi config rm --path modelImage.tag"
        ],
    ),
    "misspelt key of a client": (
        {"clients": [{"nam": "alice"}]},
        [
            missing("clients[0].name", CLIENT_NAME, "--path 'clients[0].name' billing"),
            "clients[0].nam: there is no such key; did you mean name? allowed are name. "
            "Type: pulumi config rm --path 'clients[0].nam'",
        ],
    ),
    # Clients.
    "the same client twice": (
        names("a", "b", "a"),
        [wrong("clients[2]", "a", "each name once", "pulumi config rm --path 'clients[2]'")],
    ),
    "client without letters": (names(""), [bad_name(0, "")]),
    "client in capitals": (names("Alice"), [bad_name(0, "Alice")]),
    "client that leaves its folder": (names("../a"), [bad_name(0, "../a")]),
    "client that is a path": (names("a/b"), [bad_name(0, "a/b")]),
    "client that is an option": (names("-a"), [bad_name(0, "-a")]),
    "client that ends with a dot": (names("a."), [bad_name(0, "a.")]),
    "client with a blank": (names("a b"), [bad_name(0, "a b")]),
    "client that is nginx": (names('a"; }'), [bad_name(0, 'a"; }')]),
    "client with a line's end": (names("a\n"), [bad_name(0, "a\n")]),
    "client with an umlaut": (names("bär"), [bad_name(0, "bär")]),
    "client too long for a common name": (names("a" * 65), [bad_name(0, "a" * 65)]),
    "client that is a number": (names(42), [bad_name(0, 42)]),
    "two bad clients": (names("A", "b", "C"), [bad_name(0, "A"), bad_name(2, "C")]),
    "clients as plain names": (
        {"clients": ["alice"]},
        [
            wrong(
                "clients[0]",
                "alice",
                "an object with name",
                "pulumi config rm --path 'clients[0]'",
            )
        ],
    ),
    "clients as text": (
        {"clients": "alice"},
        [
            wrong(
                "clients",
                "alice",
                "a list of {name: ...}",
                "pulumi config set --path 'clients[0].name' billing",
            )
        ],
    ),
    # Names of the endpoint.
    "the same name twice": (
        {"serverNames": ["a.example.com", "a.example.com"]},
        [
            wrong(
                "serverNames[1]",
                "a.example.com",
                "each name once",
                "pulumi config rm --path 'serverNames[1]'",
            )
        ],
    ),
    "name with a scheme": (
        {"serverNames": ["https://a.example.com"]},
        [bad_dns_name("https://a.example.com")],
    ),
    "name with a wildcard": ({"serverNames": ["*.example.com"]}, [bad_dns_name("*.example.com")]),
    "name in capitals": ({"serverNames": ["A.example.com"]}, [bad_dns_name("A.example.com")]),
    "name with a port": ({"serverNames": ["a.com:443"]}, [bad_dns_name("a.com:443")]),
    "name with a gap": ({"serverNames": ["a..com"]}, [bad_dns_name("a..com")]),
    "label of a name too long": (
        {"serverNames": ["a" * 64 + ".com"]},
        [bad_dns_name("a" * 64 + ".com")],
    ),
    "names as text": (
        {"serverNames": "a.example.com"},
        [
            wrong(
                "serverNames",
                "a.example.com",
                "a list of DNS names",
                "pulumi config set --path 'serverNames[0]' model.example.com",
            )
        ],
    ),
    # Ports.
    "port 0": ({"modelPort": 0}, [bad_port("modelPort", "0", 8501)]),
    "port too high": ({"endpointPort": 70000}, [bad_port("endpointPort", "70000", 443)]),
    "port below 0": ({"healthPort": -1}, [bad_port("healthPort", "-1", 8502)]),
    "port that is a word": ({"modelPort": "http"}, [bad_port("modelPort", "http", 8501)]),
    "half a port": ({"endpointPort": 443.5}, [bad_port("endpointPort", "443.5", 443)]),
    "port that is yes": ({"endpointPort": True}, [bad_port("endpointPort", "true", 443)]),
    "endpoint on the model's port": (
        {"endpointPort": 8501},
        [taken_port("endpointPort", 8501, "modelPort", 8503)],
    ),
    "probes on the endpoint's port": (
        {"healthPort": 443},
        [taken_port("healthPort", 443, "endpointPort", 8502)],
    ),
    "probes on the model's port": (
        {"modelPort": 8502},
        [taken_port("healthPort", 8502, "modelPort", 8501)],
    ),
    # Certificates.
    "unknown curve": (
        {"certificates": {"keyAlgorithm": "ECDSA-P521"}},
        [
            wrong(
                "certificates.keyAlgorithm",
                "ECDSA-P521",
                ALGORITHM,
                "pulumi config set --path certificates.keyAlgorithm ECDSA-P256",
            )
        ],
    ),
    "RSA too short": (
        {"certificates": {"keyAlgorithm": "RSA-1024"}},
        [
            wrong(
                "certificates.keyAlgorithm",
                "RSA-1024",
                ALGORITHM,
                "pulumi config set --path certificates.keyAlgorithm ECDSA-P256",
            )
        ],
    ),
    "server beyond the CA": (
        validity(ca=100, server=101, client=100),
        [outlives_ca("server", 101, 100)],
    ),
    "client beyond the CA": (
        validity(ca=900, server=900, client=901),
        [outlives_ca("client", 901, 900)],
    ),
    "CA shorter than what is usual": (validity(ca=30), [outlives_ca("server", 365, 30)]),
    "no day": (validity(ca=0), [bad_days("ca", 0)]),
    "more than a century": (validity(ca=36501), [bad_days("ca", 36501)]),
    "half a day": (validity(client=1.5), [bad_days("client", 1.5)]),
    "days that are yes": (validity(server=True), [bad_days("server", True)]),
    "days that are a word": (validity(ca="ten"), [bad_days("ca", "ten")]),
    "days without a role": (
        {"certificates": {"validityDays": 30}},
        [
            wrong(
                "certificates.validityDays",
                30,
                "an object with ca, server, client",
                "pulumi config rm --path certificates.validityDays",
            )
        ],
    ),
    "certificates as text": (
        {"certificates": "RSA-2048"},
        [
            wrong(
                "certificates",
                "RSA-2048",
                "an object with keyAlgorithm, validityDays",
                "pulumi config rm certificates",
            )
        ],
    ),
    # CPU and memory, Azure's limits.
    "no CPU at all": (model(cpu=0), [bad_size("cpu", 0)]),
    "CPU below 0": (model(cpu=-1), [bad_size("cpu", -1)]),
    "too many CPUs": (model(cpu=32), [bad_size("cpu", 32)]),
    "CPU that is yes": (model(cpu=True), [bad_size("cpu", True)]),
    "CPU that is no number": (model(cpu="nan"), [bad_size("cpu", "nan")]),
    "CPU without end": (model(cpu="inf"), [bad_size("cpu", "inf")]),
    "CPU that is a word": (model(cpu="two"), [bad_size("cpu", "two")]),
    "no memory at all": (model(memoryInGB=0), [bad_size("memoryInGB", 0)]),
    "too much memory": (model(memoryInGB=241), [bad_size("memoryInGB", 241)]),
    "memory with a unit": (model(memoryInGB="2Gi"), [bad_size("memoryInGB", "2Gi")]),
    "too little CPU together": (model(cpu=0.25), [bad_sum("cpu", 0.75, "model")]),
    "too little memory together": (
        model(memoryInGB=0.25),
        [bad_sum("memoryInGB", 0.75, "model")],
    ),
    "too many CPUs together": (model(cpu=31), [bad_sum("cpu", 31.5, "model")]),
    "too many CPUs of the sidecar": (
        {"resources": {"sidecar": {"cpu": 31, "memoryInGB": 1}}},
        [bad_sum("cpu", 32.0, "sidecar")],
    ),
    "too much memory together": (
        {"resources": {"sidecar": {"cpu": 1, "memoryInGB": 239}}},
        [bad_sum("memoryInGB", 240.5, "sidecar")],
    ),
    "too little for the model alone": (
        {"tls": "none", **model(cpu=0.5)},
        [bad_sum("cpu", 0.5, "model")],
    ),
    "resources as text": (
        {"resources": "big"},
        [wrong("resources", "big", "an object with model, sidecar", "pulumi config rm resources")],
    ),
    "resources of a container as text": (
        {"resources": {"model": "big"}},
        [
            wrong(
                "resources.model",
                "big",
                "an object with cpu, memoryInGB",
                "pulumi config rm --path resources.model",
            )
        ],
    ),
    # The model's image.
    "image by tag": (
        {"modelImage": {"ref": "registry.example.com/model:1"}},
        [
            wrong(
                "modelImage.ref",
                "registry.example.com/model:1",
                BY_DIGEST,
                "pulumi config set --path modelImage.ref "
                "'registry.example.com/model@sha256:<64 hex digits>'",
            )
        ],
    ),
    "image by half a digest": (
        {"modelImage": {"ref": "model@sha256:abc"}},
        [
            wrong(
                "modelImage.ref",
                "model@sha256:abc",
                BY_DIGEST,
                "pulumi config set --path modelImage.ref "
                "'registry.example.com/model@sha256:<64 hex digits>'",
            )
        ],
    ),
    "prebuilt image with a folder": (
        {"modelImage": {"ref": PREBUILT, "context": "model_image"}},
        [
            wrong(
                "modelImage.context",
                "model_image",
                "nothing when modelImage.ref names a prebuilt image",
                "pulumi config rm --path modelImage.context",
            )
        ],
    ),
    "prebuilt image with build arguments": (
        {"modelImage": {"ref": PREBUILT, "buildArgs": {"A": "b"}}},
        [
            wrong(
                "modelImage.buildArgs",
                {"A": "b"},
                "nothing when modelImage.ref names a prebuilt image",
                "pulumi config rm --path modelImage.buildArgs",
            )
        ],
    ),
    "folder that does not exist": (
        {"modelImage": {"context": "no_such_folder"}},
        [
            wrong(
                "modelImage.context",
                "no_such_folder",
                f"a folder with a Dockerfile and a model, and {ROOT}/no_such_folder is without a "
                "Dockerfile",
                "pulumi config set --path modelImage.context model_image",
            )
        ],
    ),
    "folder without a model": (
        {"modelImage": {"context": "nginx"}},
        [
            wrong(
                "modelImage.context",
                "nginx",
                f"a folder with a Dockerfile and a model, and {ROOT}/nginx is without a model: "
                "neither model/<version>/ nor a train.py that makes one",
                "pulumi config set --path modelImage.context model_image",
            )
        ],
    ),
    "folder that is a number": (
        {"modelImage": {"context": 5}},
        [
            wrong(
                "modelImage.context",
                5,
                "a folder of this project that holds a Dockerfile and a model",
                "pulumi config set --path modelImage.context model_image",
            )
        ],
    ),
    "build argument that is a number": (
        {"modelImage": {"buildArgs": {"VERSION": 1.1}}},
        [
            wrong(
                "modelImage.buildArgs.VERSION",
                1.1,
                BUILD_ARGS,
                "pulumi config rm --path modelImage.buildArgs.VERSION",
            )
        ],
    ),
    "build arguments as a list": (
        {"modelImage": {"buildArgs": ["VERSION=1"]}},
        [
            wrong(
                "modelImage.buildArgs",
                ["VERSION=1"],
                BUILD_ARGS,
                "pulumi config rm --path modelImage.buildArgs",
            )
        ],
    ),
    "image as text": (
        {"modelImage": "model_image"},
        [
            wrong(
                "modelImage",
                "model_image",
                "an object with context, buildArgs, ref",
                "pulumi config rm modelImage",
            )
        ],
    ),
    # Names within Azure's rules, and in the URL.
    **{
        f"label {label!r}": (
            {"dnsLabel": label},
            [wrong("dnsLabel", label, DNS_LABEL, "pulumi config set dnsLabel model-dev")],
        )
        for label in ("", "1demo", "-demo", "Demo", "demo-", "de_mo", "a" * 57)
    },
    **{
        f"model {name!r}": (
            {"modelName": name},
            [wrong("modelName", name, MODEL_NAME, "pulumi config set modelName demo")],
        )
        for name in ("", "a b", "a/b", "x$", "_x", "a.b", "a" * 49)
    },
    **{
        f"region {region!r}": (
            {"azure-native:location": region},
            [
                wrong(
                    "azure-native:location",
                    region,
                    "an Azure region",
                    "pulumi config set azure-native:location westeurope",
                )
            ],
        )
        for region in ("", "west-europe", "2west", "west.europe")
    },
    # Choices and numbers.
    "unknown environment": (
        {"environment": "production"},
        [
            wrong(
                "environment",
                "production",
                "one of dev, test, prod",
                "pulumi config set environment dev",
            )
        ],
    ),
    "unknown kind of TLS": (
        {"tls": "off"},
        [wrong("tls", "off", "one of mtls, none", "pulumi config set tls mtls")],
    ),
    "production without TLS": (
        {"environment": "prod", "tls": "none"},
        [
            wrong(
                "tls",
                "none",
                "mtls when environment is prod (plain HTTP is for throw-away trials)",
                "pulumi config set tls mtls",
            )
        ],
    ),
    "unknown SKU": (
        {"registrySku": "basic"},
        [
            wrong(
                "registrySku",
                "basic",
                "one of Basic, Standard, Premium",
                "pulumi config set registrySku Basic",
            )
        ],
    ),
    **{
        f"logs for {days} days": (
            {"logRetentionDays": days},
            [
                wrong(
                    "logRetentionDays",
                    str(days),
                    "a whole number of days from 30 to 730",
                    "pulumi config set logRetentionDays 30",
                )
            ],
        )
        for days in (29, 731)
    },
    **{
        f"bodies of {size} MB": (
            {"maxRequestBodyInMB": size},
            [
                wrong(
                    "maxRequestBodyInMB",
                    str(size),
                    "a whole number of MB from 1 to 64 (bodies are held in memory)",
                    "pulumi config set maxRequestBodyInMB 8",
                )
            ],
        )
        for size in (0, 65)
    },
    # Tags.
    "tag's name": (
        {"tags": {"a<b": "c"}},
        [wrong('tags["a<b"]', "a<b", TAGS, "pulumi config rm --path 'tags[\"a<b\"]'")],
    ),
    "tag that is a number": (
        {"tags": {"cost.centre": 4711}},
        [
            wrong(
                'tags["cost.centre"]',
                4711,
                TAGS,
                "pulumi config rm --path 'tags[\"cost.centre\"]'",
            )
        ],
    ),
    "tag too long": (
        {"tags": {"a": "x" * 257}},
        [
            f'tags.a: "{"x" * 76}... is not allowed; it takes {TAGS}. '
            "Type: pulumi config rm --path tags.a"
        ],
    ),
    "tags as text": (
        {"tags": "owner=me"},
        [wrong("tags", "owner=me", TAGS, "pulumi config rm tags")],
    ),
    # More than one at once, each with its sentence.
    "many": (
        {"tls": "off", "modelPort": 0, **names("A"), "flavour": "x"},
        [
            wrong("tls", "off", "one of mtls, none", "pulumi config set tls mtls"),
            bad_port("modelPort", "0", 8501),
            bad_name(0, "A"),
            f"flavour: there is no such key; {TOP_LEVEL}Type: pulumi config rm flavour",
        ],
    ),
}
refusals = pytest.mark.parametrize("case", REFUSED)


def load(values: dict[str, Any]) -> Deployment:
    """Only reads the settings, which is what refuses."""
    return run(settings.StackSettings.load, config=as_config(values))


@refusals
def test_a_refusal_names_key_value_what_is_allowed_and_what_to_type(case: str) -> None:
    overrides, sentences = REFUSED[case]

    error = refused("dev", overrides).error

    assert isinstance(error, settings.SettingsError)
    assert str(error).splitlines() == [
        "Pulumi.dev.yaml cannot be deployed:",
        *(f"  {sentence}" for sentence in sentences),
    ]


def test_too_many_tags_are_refused() -> None:
    error = refused("dev", {"tags": {f"tag{i}": "x" for i in range(41)}}).error

    assert f"is not allowed; it takes {TAGS}. Type: pulumi config rm tags" in str(error)
    assert load(stack_file("dev", {"tags": {f"tag{i}": "x" for i in range(40)}})).error is None


@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_file_that_is_wrong_is_named(stack: str) -> None:
    assert str(refused(stack, {"tls": "off"}).error).startswith(f"Pulumi.{stack}.yaml cannot be")


@refusals
def test_typing_what_the_refusals_say_ends_with_a_stack_that_deploys(case: str) -> None:
    values = stack_file("dev", REFUSED[case][0])
    seen: set[str] = set()

    while error := load(values).error:
        sentences = str(error).splitlines()[1:]
        assert seen.isdisjoint(sentences), "the command did not help"
        seen |= set(sentences)
        # Removals last and from the end: they renumber what follows.
        commands = [sentence.rpartition("Type: ")[2] for sentence in sentences]
        for command in sorted(commands, key=lambda c: " rm " in c):
            type_in(command, values)

    assert not_as_declared(values) == []


def test_the_engine_and_this_test_agree_on_what_a_command_does() -> None:
    """Seen with the CLI, 3.259; the help of `pulumi config set` says so, too."""
    values: dict[str, Any] = {"tags": "text", "clients": ["a"]}
    for command in (
        "pulumi config set endpointPort 8443",
        "pulumi config set --path resources.model.cpu 1",
        "pulumi config set --path resources.model.memoryInGB 1.5",
        "pulumi config set --path tags.owner x",
        "pulumi config set --path 'serverNames[0]' a.example.com",
        "pulumi config set serverList '[1]'",
        "pulumi config rm --path 'clients[0]'",
    ):
        type_in(command, values)

    assert values == {
        "endpointPort": "8443",
        "resources": {"model": {"cpu": 1, "memoryInGB": "1.5"}},
        "tags": {"owner": "x"},
        "serverNames": ["a.example.com"],
        "serverList": "[1]",
        "clients": [],
    }
    with pytest.raises(AssertionError, match="expected a map"):
        type_in("pulumi config set --path 'a[0].name' x", {"a": ["text"]})
    assert not_as_declared({"clients": '[{"name": "a"}]'}) == ["clients"]


def type_in(command: str, values: dict[str, Any]) -> None:
    """What `pulumi config` does to a stack file."""
    program, config, verb, *rest = shlex.split(
        command.replace("<64 hex digits>", ZEROS)  # the one thing that nobody else can know
    )
    assert (program, config) == ("pulumi", "config")
    nested = rest[0] == "--path"
    key, *value = rest[nested:]
    steps: list[str | int] = _steps(key) if nested else [key]
    if verb == "rm":
        assert value == []
        _remove(values, steps)
    else:
        assert verb == "set"
        (text,) = value
        _set(values, steps, _typed(text) if nested else text)


def _steps(path: str) -> list[str | int]:
    pattern = re.compile(r"""\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\["([^"]*)"\]""")
    found = list(pattern.finditer(path))
    assert "".join(match.group() for match in found) == path, f"{path} is no path"
    return [int(m[2]) if m[2] else m[1] or m[3] for m in found]


def _typed(text: str) -> str | int | bool:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d*)", text) else text


def _set(values: dict[str, Any], steps: list[str | int], value: object) -> None:
    holder: Any = values
    for depth, (step, following) in enumerate(zip(steps, [*steps[1:], None], strict=True)):
        if following is None:
            _put(holder, step, value)
            return
        empty: Any = [] if isinstance(following, int) else {}
        present = step < len(holder) if isinstance(step, int) else step in holder
        if not present or (depth == 0 and not isinstance(holder[step], type(empty))):
            _put(holder, step, empty)
        holder = holder[step]
        assert isinstance(holder, type(empty)), "expected a map or a list"


def _put(holder: Any, step: str | int, value: object) -> None:
    if isinstance(holder, list) and step == len(holder):
        holder.append(value)
    else:
        holder[step] = value


def _remove(values: dict[str, Any], steps: list[str | int]) -> None:
    holder: Any = values
    for step in steps[:-1]:
        holder = holder[step]
    del holder[steps[-1]]


def not_as_declared(values: dict[str, Any]) -> list[str]:
    """Keys that the engine would refuse by `Pulumi.yaml`, before the program starts."""
    fits = {
        "string": lambda value: not isinstance(value, dict | list),
        "integer": lambda value: re.fullmatch(r"-?\d+", str(value)) is not None,
        "array": lambda value: isinstance(value, list),
        "object": lambda value: isinstance(value, dict),
    }
    declared = schema()
    return [
        key
        for key, value in values.items()
        if ":" not in key
        if not fits[declared[key]["type"]](value)
    ]
