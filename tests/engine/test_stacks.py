"""The stacks `dev` and `prod` under the real engine, recorded only; what others read of them."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi import automation

from common.names import PROJECT
from common.refusal import Refusal
from localcloud import stack as stacks
from localcloud.__main__ import main
from localcloud.home import Home
from localcloud.stack import LocalStack, opened, plain, program
from program.settings import regions
from tests.conftest import free_ports, shared_home
from tests.engine.engine import changing, failing_preview, failing_up, preview, recorded, up
from tests.unit.cas import make_ca

GROUP = "azure-native:containerinstance:ContainerGroup"
ASSIGNMENT = "azure-native:authorization:RoleAssignment"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_committed_stack_deploys_and_then_stays_as_it_is(tmp_path: Path, stack: str) -> None:
    with recorded(tmp_path, stack) as local:
        assert set(up(local).operations.values()) == {"create"}
        assert up(local).operations == {}
        outputs = local.stack.outputs()

    assert [name for name, output in outputs.items() if output.secret] == ["clientCertificates"]
    endpoint = outputs["endpoint"].value
    assert endpoint["url"] == f"https://{endpoint['fqdn']}"
    assert endpoint["fqdn"].startswith(f"demo-{stack}-")
    assert endpoint["fqdn"].endswith(".westeurope.azurecontainer.io")


def test_the_name_of_a_label_that_is_nobody_elses_is_told_and_is_in_no_certificate(
    tmp_path: Path,
) -> None:
    own = {"serverNames": ["model.example.com"], "dnsLabelScope": "TenantReuse"}
    with recorded(tmp_path, config=own) as local:
        up(local)
        assert up(local).operations == {}
        (group,) = local.container_groups()
        endpoint = local.stack.outputs()["endpoint"].value
        exported = json.dumps(local.stack.export_stack().deployment)

    label = group.inputs["ipAddress"]["dnsNameLabel"]
    assert endpoint["url"] == "https://model.example.com"
    assert endpoint["fqdn"] == group.outputs["ipAddress"]["fqdn"]
    assert re.fullmatch(
        rf"{label}\.[a-z0-9]{{16}}\.westeurope\.azurecontainer\.io", endpoint["fqdn"]
    )
    assert f"{label}.westeurope.azurecontainer.io" not in exported


def test_prod_refuses_to_delete_what_must_stay(tmp_path: Path) -> None:
    with recorded(tmp_path, "prod") as local:
        up(local)
        with pytest.raises(automation.CommandError, match="protect"):
            local.stack.destroy()
        exported = local.stack.export_stack().deployment or {}

    protected = {r["urn"].split("::")[-1] for r in exported["resources"] if r.get("protect")}
    assert {"resource-group", "registry-acr", "ca@1-key"} <= protected
    assert "endpoint-group" not in protected


def test_prod_can_be_given_other_tags(tmp_path: Path) -> None:
    """The preview cannot know whether the identity that pulls stays who it is."""
    with recorded(tmp_path, "prod") as local:
        up(local)
    with recorded(tmp_path, "prod", config={"tags": {"owner": "somebody else"}}) as local:
        preview(local)
        deployed = up(local).operations

    assert set(deployed.values()) == {"update"}
    assert "registry-acr-pull" not in deployed
    assert {"resource-group", "registry-acr", "endpoint-group"} <= deployed.keys()


def test_no_private_key_is_readable_in_the_state(tmp_path: Path) -> None:
    with recorded(tmp_path) as local:
        up(local)
        keys = [
            c["privateKeyPem"] for c in plain(local.stack.outputs())["clientCertificates"].values()
        ]

    assert keys
    assert all("PRIVATE KEY" in key for key in keys)
    for file in (tmp_path / "pulumi/state").rglob("*"):
        if file.is_file():
            assert b"PRIVATE KEY" not in file.read_bytes(), file


def test_another_program_reads_the_outputs_through_a_stack_reference(
    deployed_dev: Path, tmp_path: Path
) -> None:
    """As a downstream app does: the endpoint is public to it, the certificates stay secret."""
    seen: dict[str, Any] = {}

    def consumer() -> None:
        producer = pulumi.StackReference("organization/mtls-model-endpoint/dev")
        endpoint = producer.require_output("endpoint")
        certificates = producer.require_output("clientCertificates")
        pulumi.export("predictUrl", endpoint["predictUrl"])
        pulumi.export("key", certificates["alice"]["privateKeyPem"])
        endpoint.apply(seen.update)

    environment = Home(deployed_dev).engine_environment()
    stack = automation.create_or_select_stack(
        "consumer",
        project_name="consumer",
        program=consumer,
        opts=automation.LocalWorkspaceOptions(
            work_dir=str(tmp_path), env_vars=environment, pulumi_home=environment["PULUMI_HOME"]
        ),
    )
    outputs = stack.up().outputs

    assert seen["version"] == 1
    assert seen["auth"] == "mtls"
    assert "BEGIN CERTIFICATE" in seen["caCertificatesPem"]
    assert outputs["predictUrl"].value == f"{seen['url']}/v1/models/demo:predict"
    assert not outputs["predictUrl"].secret
    assert outputs["key"].secret
    assert "PRIVATE KEY" in outputs["key"].value


def test_a_change_in_place_that_azure_refuses_is_refused_here(deployed_dev: Path) -> None:
    """What would happen without `replace_on_changes`."""

    def forget(type_: str, _: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        if type_ == GROUP:
            opts.replace_on_changes = []

    config = {"resources": {"model": {"cpu": 2, "memoryInGB": 2}}}
    with recorded(deployed_dev, config=config, run=changing(forget)) as local:
        errors = failing_up(local)

    assert 'Code="InvalidContainerGroupUpdate"' in errors
    assert "you must delete it first and then create a new one" in errors


def test_an_image_that_was_not_pushed_is_refused(tmp_path: Path) -> None:
    def misname(type_: str, props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        if type_ == GROUP:
            image = pulumi.Output.from_input(props["containers"][0].image)
            props["containers"][0].image = image.apply(lambda ref: ref[:-1] + "x")

    with recorded(tmp_path, run=changing(misname)) as local:
        assert 'Code="InaccessibleImage"' in failing_up(local)


def test_bad_input_is_one_sentence_and_nothing_is_created(tmp_path: Path) -> None:
    with recorded(tmp_path, config={"endpointPort": 70000}) as local:
        errors = failing_up(local)
        exported = json.dumps(local.stack.export_stack().deployment)

    assert (
        'endpointPort: "70000" is not allowed; it takes a TCP port from 1 to 65535 that no other '
        "key uses. Type: pulumi config set --stack dev endpointPort 443" in errors
    )
    assert "Traceback" not in errors
    assert "azure-native" not in exported.replace("azure-native:location", "")
    assert "PrivateKey" not in exported


WRONG_KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "a key that is missing": (
        {"modelName": None},
        "modelName: the value is missing; it takes 1 to 48 letters, digits, '_' or '-' (it is part "
        "of the URL). Type: pulumi config set --stack dev modelName demo",
    ),
    "no clients": (
        {"clients": None},
        "clients: the value is missing; it takes a list of {name: ...}. "
        "Type: pulumi config set --stack dev --path 'clients[0].name' billing",
    ),
    "a number that is a word": (
        {"modelPort": "many"},
        'modelPort: "many" is not allowed; it takes a TCP port from 1 to 65535 that no other key '
        "uses. Type: pulumi config set --stack dev modelPort 8501",
    ),
    "a number that is a map": (
        {"logRetentionDays": {"days": 30}},
        'logRetentionDays: {"days": 30} is not allowed; it takes a whole number of days from 30 to '
        "730. Type: pulumi config set --stack dev logRetentionDays 30",
    ),
    "a text that is a list": (
        {"environment": ["Prod"]},
        'environment: ["Prod"] is not allowed; it takes one of dev, test, prod. '
        "Type: pulumi config set --stack dev environment prod",
    ),
    "a list that is a text": (
        {"clients": "alice"},
        'clients: "alice" is not allowed; it takes a list of {name: ...}. '
        "Type: pulumi config set --stack dev --path 'clients[0].name' alice",
    ),
    "a list of texts": (
        {"clients": ["alice"]},
        'Write in Pulumi.dev.yaml: clients[0]: {"name": "alice"}',
    ),
    "a map that is a text": (
        {"resources": "big"},
        'resources: "big" is not allowed; it takes an object with model, sidecar. '
        "Write in Pulumi.dev.yaml: resources: {}",
    ),
    "nothing below the top": (
        {"resources": {"model": None}},
        "resources.model: the value is missing; it takes an object with cpu, memoryInGB. "
        'Write in Pulumi.dev.yaml: resources.model: {"cpu": 1, "memoryInGB": 1.5}',
    ),
    "a region that is a list": (
        {"azure-native:location": ["westeurope"]},
        f'azure-native:location: ["westeurope"] is not allowed; it takes {regions.ALLOWED}. '
        "Type: pulumi config set --stack dev azure-native:location westeurope",
    ),
}


@pytest.mark.parametrize("case", WRONG_KINDS)
def test_a_value_of_another_kind_is_refused_in_our_words(tmp_path: Path, case: str) -> None:
    """The engine's own, "must be of type 'integer'", do not say what to type."""
    given, sentence = WRONG_KINDS[case]

    with recorded(tmp_path, config=given) as local:
        errors = failing_preview(local)

    assert sentence in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("key", ["environment", "tls", "modelName", "clients", "endpointPort"])
def test_null_is_refused_in_our_words_and_is_no_default(tmp_path: Path, key: str) -> None:
    """`environment:` with nothing behind it is not dev."""

    def emptied(local: LocalStack) -> None:
        file = local.home.work_folder("dev") / "Pulumi.dev.yaml"
        values = yaml.safe_load(file.read_text())
        values["config"][f"mtls-model-endpoint:{key}"] = None
        file.write_text(yaml.safe_dump(values))

    with recorded(tmp_path) as local:
        emptied(local)
        errors = failing_preview(local)

    assert f"{key}: the value is missing; it takes " in errors
    assert "Type: pulumi config set --stack dev" in errors


def test_what_keeps_the_engine_from_starting_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())
    del project["config"]["modelName"]["default"]
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    text = (PROJECT / "Pulumi.local.yaml").read_text()
    (tmp_path / "Pulumi.local.yaml").write_text(
        text.replace("mtls-model-endpoint:modelName: demo", "")
    )
    monkeypatch.setattr(stacks, "PROJECT", tmp_path)
    monkeypatch.setattr(stacks, "Home", lambda: shared_home(tmp_path / "home"))
    monkeypatch.setattr(sys, "argv", ["localcloud", "preview"])

    assert main() == 1

    assert "missing configuration value 'modelName'" in capsys.readouterr().err


@pytest.mark.parametrize("is_secret", [False, True])
def test_a_key_as_a_tag_is_refused_before_anything_is_made_and_not_shown(
    tmp_path: Path, is_secret: bool
) -> None:
    key = make_ca().key_pem
    given: dict[str, Any] = {"config": {"tags": {"key": key}}}
    if is_secret:
        given = {"secrets": {"tags.key": key}}

    with recorded(tmp_path, **given) as local:
        errors = failing_up(local)
        exported = json.dumps(local.stack.export_stack().deployment)

    told = "tags: a secret" if is_secret else "tags.key: a key or password in plain text"
    assert f"{told} is not allowed; it takes what everybody may read" in errors
    assert key.splitlines()[1] not in errors + exported
    assert "ResourceGroup" not in exported


def test_docker_that_does_not_run_is_one_sentence_and_nothing_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own Docker, once the local cloud's stand-in is out of the way."""
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    docker.chmod(0o755)

    def with_broken_docker() -> None:
        monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
        program()

    with recorded(tmp_path / "home", run=with_broken_docker) as local:
        errors = failing_up(local)
        exported = json.dumps(local.stack.export_stack().deployment)

    assert (
        "docker: the engine does not answer (Cannot connect to the Docker daemon), and the images "
        "are built with it. Start Docker Desktop, or type `sudo systemctl start docker`" in errors
    )
    assert "ResourceGroup" not in exported


def test_all_ports_that_are_taken_are_told_at_once_and_nothing_is_created(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        taken: dict[str, int | str] = {}
        for key, written in (("modelPort", str), ("endpointPort", int)):
            other = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            taken[key] = written(other.getsockname()[1])
        config = {**free_ports(), **taken}
        local = stack.enter_context(opened("local", home=shared_home(tmp_path), config=config))
        with pytest.raises(Refusal) as refused:
            local.up()
        exported = json.dumps(local.stack.export_stack().deployment)

    for (key, port), line in zip(taken.items(), str(refused.value).splitlines(), strict=True):
        assert re.fullmatch(
            rf"{key}: {port} is taken on this machine \(`ss -ltnp` shows by whom\); it takes a "
            rf"port that is free. Put `mtls-model-endpoint:{key}: \d+` into the stack file, or "
            "stop the other program",
            line,
        )
    assert "azure-native:" not in exported


def test_there_is_a_sentence_for_a_stack_that_does_not_exist(tmp_path: Path) -> None:
    stack = opened("qa", home=shared_home(tmp_path))
    with pytest.raises(Refusal, match=r"no Pulumi\.qa\.yaml; the stacks are dev, local, prod"):
        stack.__enter__()
