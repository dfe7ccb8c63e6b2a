"""What a change does to a running endpoint: nothing, a restart in place, or a replacement.

The stack `dev` in recording mode, under the real engine. Each change is previewed and deployed,
and the preview has to have told the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi_azure_native import containerinstance as aci

from localcloud.stack import program
from tests.engine.engine import Operations, changing, preview, recorded, up

GROUP = "azure-native:containerinstance:ContainerGroup"
REPLACED: Operations = {"endpoint-group": "replace", "endpoint-diagnostics": "replace"}
WITHOUT_TLS = [
    "ca@1",
    "ca@1-key",
    "ca@1-certificate",
    "server",
    "server-key",
    "server-request",
    "server-certificate",
    "client-alice@1",
    "client-alice@1-key",
    "client-alice@1-request",
    "client-alice@1-certificate",
    "client-ci-smoke-test@1",
    "client-ci-smoke-test@1-key",
    "client-ci-smoke-test@1-request",
    "client-ci-smoke-test@1-certificate",
    "sidecar",
    "sidecar-image",
    "sidecar-image-build",
]
RESTARTED: Operations = {"endpoint-group": "update"}
DEV = {"clockSkewMinutes": 0}


def with_group(**properties: Any) -> Callable[[], None]:
    """The program, with properties of the container group that no config key sets."""

    def change(type_: str, props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        if type_ == GROUP:
            props.update(properties)

    return changing(change)


def with_probe_period(seconds: int) -> Callable[[], None]:
    def change(type_: str, props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        if type_ == GROUP:
            props["containers"][0].liveness_probe.period_seconds = seconds

    return changing(change)


@pytest.mark.parametrize(
    ("config", "run", "expected"),
    [
        pytest.param(
            {"resources": {"model": {"cpu": 2, "memoryInGB": 1.5}}},
            program,
            REPLACED,
            id="more CPU replaces the group",
        ),
        pytest.param(
            {"resources": {"sidecar": {"cpu": 0.5, "memoryInGB": 1}}},
            program,
            REPLACED,
            id="more memory replaces the group",
        ),
        pytest.param(
            {},
            with_group(restart_policy=aci.ContainerGroupRestartPolicy.NEVER),
            REPLACED,
            id="another restart policy replaces the group",
        ),
        pytest.param(
            {}, with_group(os_type="Windows"), REPLACED, id="another OS type replaces the group"
        ),
        pytest.param(
            {}, with_group(sku="Dedicated"), REPLACED, id="another SKU replaces the group"
        ),
        pytest.param({}, with_group(zones=["1"]), REPLACED, id="another zone replaces the group"),
        pytest.param(
            {"tls": "none"},
            program,
            {
                **dict.fromkeys(WITHOUT_TLS, "delete"),
                "endpoint-group": "replace",
                "endpoint-diagnostics": "replace",
            },
            id="without TLS there is one container, in a new group",
        ),
        pytest.param(
            {"modelImage": {"buildArgs": {"PYTHON_IMAGE": "python:3.11.15-bookworm"}}},
            program,
            {"model-image-build": "update", **RESTARTED},
            id="a new model image restarts the group in place",
        ),
        pytest.param(
            {},
            with_probe_period(20),
            RESTARTED,
            id="another probe restarts the group in place",
        ),
        pytest.param(
            {"clients": [{"name": "alice"}]},
            program,
            {
                "client-ci-smoke-test@1": "delete",
                "client-ci-smoke-test@1-key": "delete",
                "client-ci-smoke-test@1-request": "delete",
                "client-ci-smoke-test@1-certificate": "delete",
                **RESTARTED,
            },
            id="a client less restarts the group in place",
        ),
        pytest.param(
            {"clients": [{"name": "alice"}, {"name": "ci-smoke-test"}, {"name": "carol"}]},
            program,
            {
                "client-carol@1": "create",
                "client-carol@1-key": "create",
                "client-carol@1-request": "create",
                "client-carol@1-certificate": "create",
                **RESTARTED,
            },
            id="a client more restarts the group in place",
        ),
        pytest.param(
            {"certificates": {**DEV, "validityDays": {"ca": 365, "server": 80, "client": 90}}},
            program,
            {"server-certificate": "replace", **RESTARTED},
            id="a new server certificate restarts the group in place",
        ),
        pytest.param(
            {"serverNames": ["model.example.com"]},
            program,
            {"server-request": "replace", "server-certificate": "replace", **RESTARTED},
            id="another server name restarts the group in place",
        ),
        pytest.param(
            {"serverNames": ["model.example.com"], "dnsLabelScope": "TenantReuse"},
            program,
            {"server-request": "replace", "server-certificate": "replace", **REPLACED},
            id="a label that is nobody else's is another name, of a new group",
        ),
        pytest.param(
            {"maxRequestBodyInMB": 16}, program, RESTARTED, id="a larger body limit restarts it"
        ),
        pytest.param(
            {"logRetentionDays": 60},
            program,
            {"logs": "update"},
            id="log retention touches logs only",
        ),
    ],
)
def test_a_change_does_what_its_preview_says(
    deployed_dev: Path, config: dict[str, Any], run: Callable[[], None], expected: Operations
) -> None:
    with recorded(deployed_dev, config=config, run=run) as local:
        previewed = preview(local)
        deployed = up(local)
        again = up(local)

    assert deployed.operations == expected
    # A build's digest is unknown before it, so more may be previewed than happens; never less.
    assert previewed.operations == expected
    assert again.operations == {}


def test_what_a_preview_cannot_know_is_not_touched(deployed_dev: Path) -> None:
    """Of an updated registry it does not know the login server before, and so no image."""
    with recorded(deployed_dev, config={"registrySku": "Standard"}) as local:
        previewed = preview(local).operations
        deployed = up(local).operations

    assert deployed == {"registry-acr": "update"}
    assert previewed == dict.fromkeys(
        ["registry-acr", "model-image-build", "sidecar-image-build", "endpoint-group"], "update"
    )


def test_the_old_group_goes_before_the_new_one_comes(deployed_dev: Path) -> None:
    """Name and DNS label are taken as long as the old one is there."""
    with recorded(deployed_dev, run=with_group(zones=["1"])) as local:
        before = local.container_groups()[0].inputs["ipAddress"]["dnsNameLabel"]
        order = up(local).order
        after = local.container_groups()[0].inputs["ipAddress"]["dnsNameLabel"]

    steps = [operation for operation, name in order if name == "endpoint-group"]
    assert steps == ["delete-replaced", "replace", "create-replacement"]
    assert before == after


def test_a_tag_is_an_update_everywhere_and_a_replacement_nowhere(deployed_dev: Path) -> None:
    with recorded(deployed_dev, config={"tags": {"owner": "somebody-else"}}) as local:
        operations = up(local).operations

    assert operations == dict.fromkeys(
        ("resource-group", "logs", "registry-acr", "registry-pull-identity", "endpoint-group"),
        "update",
    )
