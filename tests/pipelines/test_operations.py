"""deploy, drift and destroy: with the real `pulumi`, on a stack of the local cloud where it can be.

A deployment needs Pulumi's language plugin, which the CLI that is built here comes without; so what
`deploy` types is looked at with a `pulumi` that only says what it was called with.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcloud.azure.cloud import Record
from localcloud.stack import LocalStack
from operations.__main__ import drifted
from tests.clone import Clone
from tests.engine.engine import recorded, up

REFUSED = 2


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[LocalStack]:
    """The stack dev in the local cloud, with its providers attached."""
    with recorded(tmp_path / "home") as local:
        up(local)
        yield local


def environment(local: LocalStack) -> dict[str, str]:
    return dict(local.stack.workspace.env_vars)


def remove(local: LocalStack, kind: str) -> None:
    with local.cloud.changing() as records:
        (gone,) = [key for key, record in records.items() if record.type.endswith(kind)]
        del records[gone]


def test_nothing_has_drifted(clone: Clone, deployed: LocalStack) -> None:
    said = clone.run("operations", "drift", "--stack", "dev", **environment(deployed))

    assert said.returncode == 0, said.stdout + said.stderr
    assert "No drift: everything is as stack dev was deployed." in said.stdout


def test_what_somebody_deleted_is_drift(clone: Clone, deployed: LocalStack) -> None:
    remove(deployed, "DiagnosticSetting")

    said = clone.run("operations", "drift", "--stack", "dev", **environment(deployed))

    assert said.returncode == 1, said.stdout + said.stderr
    assert "Drift: endpoint-diagnostics is gone." in said.stdout
    exported = json.dumps(deployed.stack.export_stack().deployment)
    assert "endpoint-diagnostics" in exported, "looking must not change the state"


@contextmanager
def changed_in_azure(local: LocalStack) -> Iterator[Record]:
    """The group, for somebody to change it behind Pulumi's back."""
    (group,) = local.container_groups()
    with local.cloud.changing():
        # What was deployed and what is there are the same objects until somebody changes them.
        group.outputs = copy.deepcopy(group.outputs)
        yield group


def drift(clone: Clone, local: LocalStack) -> tuple[int, str]:
    said = clone.run("operations", "drift", "--stack", "dev", **environment(local))
    return said.returncode, said.stdout + said.stderr


def test_azure_moves_the_group_to_another_address(clone: Clone, deployed: LocalStack) -> None:
    """Neither does the next deployment restart it, where somebody accepted that first."""
    with changed_in_azure(deployed) as group:
        group.outputs["ipAddress"]["ip"] = "20.0.0.9"

    code, said = drift(clone, deployed)
    deployed.stack.refresh()
    after = up(deployed)

    assert code == 0, said
    assert "Azure gave endpoint-group another IP address" in said
    assert after.operations == {}


def test_what_somebody_changed_in_the_portal_is_drift_and_is_put_back(
    clone: Clone, deployed: LocalStack
) -> None:
    with changed_in_azure(deployed) as group:
        group.outputs["ipAddress"]["ip"] = "20.0.0.9"
        group.outputs["tags"]["owner"] = "somebody else"
        group.outputs["containers"][0]["resources"]["requests"]["cpu"] = 4

    code, said = drift(clone, deployed)
    deployed.stack.refresh()
    after = up(deployed)

    assert code == 1, said
    assert "Drift: endpoint-group was changed." in said
    assert after.operations["endpoint-group"] == "replace"
    assert after.paths["endpoint-group"] == [
        "containers[0].resources.requests.cpu",
        "tags.owner",
    ]


def test_another_address_from_azure_is_no_drift() -> None:
    """As azure-native reports it: the address is an input, too, in its schema."""

    def event(*paths: str) -> str:
        urn = "urn:pulumi:dev::mtls-model-endpoint::azure-native:c:ContainerGroup::endpoint-group"
        metadata = {"op": "update", "urn": urn, "type": "azure-native:c:ContainerGroup"}
        detail = {path: {"kind": "update"} for path in paths}
        return json.dumps({"resOutputsEvent": {"metadata": {**metadata, "detailedDiff": detail}}})

    assert [op for *_, op in drifted([event("ipAddress.ip")])] == ["move"]
    assert [op for *_, op in drifted([event("ipAddress.ip", "tags.owner")])] == ["update"]


def test_who_only_looks_needs_no_right_to_write_the_state(
    clone: Clone, deployed: LocalStack
) -> None:
    """A lock, too, would leave its mark: on the folder that it is made and removed in."""
    state = Path(environment(deployed)["PULUMI_BACKEND_URL"].removeprefix("file://"))

    def written() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in [state, *state.rglob("*")]}

    before = written()
    assert any(path.name == "locks" for path in before)

    for looks in (["operations", "drift"], ["clients", "certificates"]):
        said = clone.run(*looks, "--stack", "dev", **environment(deployed))
        assert said.returncode == 0, said.stdout + said.stderr
    deployed.stack.preview()

    assert written() == before


def test_a_refresh_that_changes_nothing_is_none_and_a_due_certificate_is_named() -> None:
    def event(op: str, type_: str, name: str) -> str:
        urn = f"urn:pulumi:dev::mtls-model-endpoint::{type_}::{name}"
        return json.dumps({"resOutputsEvent": {"metadata": {"op": op, "urn": urn, "type": type_}}})

    due = event("update", "tls:index/locallySignedCert:LocallySignedCert", "server-certificate")

    assert drifted([event("same", "docker:index/image:Image", "i"), '{"sequence": 1}']) == []
    assert [name for name, _, _ in drifted([due])] == ["server-certificate"]


def test_destroy_leaves_the_resource_group(clone: Clone, deployed: LocalStack) -> None:
    said = clone.run("operations", "destroy", "--stack", "dev", **environment(deployed))

    assert said.returncode == 0, said.stdout + said.stderr
    assert [r.type for r in deployed.cloud.all()] == ["azure-native:resources:ResourceGroup"]


@pytest.mark.parametrize(
    ("operation", "stack", "sentence"),
    [
        ("deploy", "local", "stack local is of this machine: type `make up` for it"),
        ("drift", "local", "type `make refresh` for it"),
        ("deploy", "staging", "there is no Pulumi.staging.yaml; the stacks are dev, local, prod"),
        ("deploy", "../dev", "there is no Pulumi.../dev.yaml"),
        ("destroy", "prod", "of the environment prod, and no pipeline takes that down"),
    ],
)
def test_a_stack_that_it_is_not_for(
    clone: Clone, operation: str, stack: str, sentence: str
) -> None:
    said = clone.run("operations", operation, "--stack", stack)

    assert said.returncode == REFUSED
    assert sentence in said.stderr


@pytest.mark.parametrize("written", ["mtls-model-endpoint:environment: prod", "environment: prod"])
def test_whatever_it_is_called_a_stack_of_the_environment_prod_is_not_destroyed(
    clone: Clone, written: str
) -> None:
    file = clone.folder / "Pulumi.dev.yaml"
    committed = "mtls-model-endpoint:environment: dev"
    file.write_text(file.read_text().replace(committed, written))

    said = clone.run("operations", "destroy", "--stack", "dev")

    assert said.returncode == REFUSED
    assert "of the environment prod" in said.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "Pulumi is not logged in; type `pulumi login <your backend>`"),
        ({"PULUMI_BACKEND_URL": "file://{folder}"}, 'there is no stack "dev" where Pulumi'),
    ],
    ids=["not logged in", "no such stack"],
)
def test_what_is_missing_is_said_in_one_sentence(
    clone: Clone, tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    given = {name: value.format(folder=tmp_path) for name, value in variables.items()}

    said = clone.run(
        "operations", "drift", "--stack", "dev", PULUMI_HOME=str(tmp_path / "h"), **given
    )

    assert said.returncode == REFUSED
    assert f"error: {sentence}" in said.stderr
    assert "Traceback" not in said.stderr


def test_another_passphrase_is_said_to_be_wrong(clone: Clone, deployed: LocalStack) -> None:
    given = {**environment(deployed), "PULUMI_CONFIG_PASSPHRASE": "another"}

    said = clone.run("operations", "drift", "--stack", "dev", **given)

    assert said.returncode == REFUSED
    assert "set PULUMI_CONFIG_PASSPHRASE" in said.stderr


def with_programs(folder: Path, *names: str) -> str:
    """A PATH on which these say what they were called with."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text('#!/bin/sh\necho "called with: $*"\n')
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_deploy_brings_the_policies_of_the_environment(clone: Clone, tmp_path: Path) -> None:
    path = with_programs(tmp_path / "bin", "pulumi", "pulumi-language-python")
    (clone.folder / ".venv" / "bin").mkdir(parents=True)
    (clone.folder / ".venv" / "bin" / "python").touch()

    said = clone.run("operations", "deploy", "--stack", "prod", PATH=path)

    assert said.returncode == 0, said.stderr
    assert said.stdout == (
        "called with: up --yes --policy-pack policy --policy-pack-config policy/config/prod.json "
        "--stack prod --non-interactive\n"
    )
    assert (clone.folder / "policy/config/prod.json").exists()


@pytest.mark.skipif(
    shutil.which("pulumi-language-python") is not None, reason="it is on this machine's PATH"
)
def test_deploy_says_what_the_built_cli_comes_without(clone: Clone) -> None:
    (clone.folder / ".venv" / "bin").mkdir(parents=True)
    (clone.folder / ".venv" / "bin" / "python").touch()

    said = clone.run("operations", "deploy", "--stack", "dev")

    assert said.returncode == REFUSED
    assert "a deployment needs the whole distribution" in said.stderr
