"""Refusals whose exact text is known, word for word, and the limits on both of their sides."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from common.refusal import Refusal
from localcloud.azure.cloud import SUBSCRIPTION, TENANT
from tests.localcloud.arm import (
    DIAGNOSTICS,
    GROUP,
    IDENTITY,
    REGISTRY,
    RESOURCE_GROUP,
    ROLE_ASSIGNMENT,
    WORKSPACE,
    Arm,
    Properties,
)

IMMUTABLE = (
    'Status=400 Code="InvalidContainerGroupUpdate" Message="The updates on container group '
    "'endpoint' are invalid. If you are going to update the os type, restart policy, network "
    "profile, CPU, memory or GPU resources for a container group, you must delete it first and "
    'then create a new one."'
)
NOT_THERE = (
    'Status=404 Code="ResourceNotFound" Message="The Resource '
    "'Microsoft.ContainerRegistry/registries/gone' under resource group 'rg' was not found. For "
    'more details please go to https://aka.ms/ARMResourceNotFoundFix"'
)
GONE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/"
    "Microsoft.ContainerRegistry/registries/gone"
)


def refusal(action: Any, *args: Any, **inputs: Any) -> str:
    with pytest.raises(Refusal) as refused:
        action(*args, **inputs)
    return str(refused.value)


def group_with(**container: Any) -> Properties:
    amounts = {"requests": {"cpu": 1, "memoryInGB": 1}}
    return {
        "containerGroupName": "endpoint",
        "containers": [{"name": "model", "image": "i", "resources": amounts, **container}],
    }


def test_limits_below_the_requests(arm: Arm) -> None:
    resources = {
        "requests": {"memoryInGB": 3, "cpu": 2},
        "limits": {"memoryInGB": 2, "cpu": 2},
    }

    assert refusal(arm.check, GROUP, **group_with(resources=resources)) == (
        'Status=400 Code="ResourceLimitsLessThanRequests" Message="The resource requirement '
        '\'{"requests":{"memoryInGB":3.0,"cpu":2.0},"limits":{"memoryInGB":2.0,"cpu":2.0}}\' in '
        "container 'model' of contain group 'endpoint' is invalid. The 'MemoryInGB' limit value "
        'must be greater than or equal to the request value."'
    )


def test_a_container_name(arm: Arm) -> None:
    assert refusal(arm.check, GROUP, **group_with(name="my_model")) == (
        'Status=400 Code="InvalidContainerName" Message="The container name \'my_model\' in '
        "container group 'endpoint' is invalid. The container name must contain no more than 63 "
        "characters and must match the regex '[a-z0-9]([-a-z0-9]*[a-z0-9])?' (e.g. 'my-name').\""
    )


def test_a_volume_that_is_not_there(arm: Arm) -> None:
    mounts = [{"name": "sidecar", "mountPath": "/etc/x"}]

    assert refusal(arm.check, GROUP, **group_with(volumeMounts=mounts)) == (
        "Status=400 Code=\"VolumesNotFound\" Message=\"Volumes 'sidecar' in container 'model' "
        'are not found."'
    )


def test_a_public_address_in_a_subnet(arm: Arm) -> None:
    inputs = {
        **group_with(ports=[{"port": 1}]),
        "subnetIds": [{"id": "/subnet"}],
        "ipAddress": {"type": "Public", "ports": [{"port": 1}]},
    }

    assert refusal(arm.check, GROUP, **inputs) == (
        'Status=400 Code="InvalidIpAddressTypeForNetworkProfile" Message="IP Address type can\'t '
        'be public when network profile is set."'
    )


def test_a_resource_group_that_is_not_there(arm: Arm) -> None:
    assert refusal(arm.create, IDENTITY, resourceGroupName="gone") == (
        'Status=404 Code="ResourceGroupNotFound" Message="Resource group \'gone\' could not be '
        'found."'
    )


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        (ROLE_ASSIGNMENT, {"scope": GONE, "principalId": "p"}),
        (DIAGNOSTICS, {"resourceUri": GONE}),
    ],
)
def test_a_resource_that_is_not_there(arm: Arm, token: str, inputs: dict[str, Any]) -> None:
    assert refusal(arm.create, token, **inputs) == NOT_THERE


def test_an_update_of_a_resource_that_is_not_there(arm: Arm) -> None:
    arm.create(RESOURCE_GROUP, resourceGroupName="rg")
    registry = arm.create(REGISTRY, resourceGroupName="rg", registryName="model12345")
    arm.delete(registry)

    assert refusal(arm.update, registry) == NOT_THERE.replace("gone", "model12345")


def test_a_principal_that_nobody_is(arm: Arm) -> None:
    group = arm.create(RESOURCE_GROUP, resourceGroupName="rg")
    principal = "00000000-0000-0000-0000-000000000001"

    assert refusal(arm.create, ROLE_ASSIGNMENT, scope=group.id, principalId=principal) == (
        f'Status=400 Code="PrincipalNotFound" Message="Principal {principal.replace("-", "")} '
        f"does not exist in the directory {TENANT}. Check that you have the correct principal ID. "
        "If you are creating this principal and then immediately assigning a role, this error "
        "might be related to a replication delay. In this case, set the role assignment "
        "principalType property to a value, such as ServicePrincipal, User, or Group.  See "
        'https://aka.ms/docs-principaltype"'
    )


@pytest.mark.parametrize("days", [29, 731, 0, -1])
def test_a_retention_out_of_range(arm: Arm, days: int) -> None:
    assert refusal(arm.check, WORKSPACE, retentionInDays=days) == (
        'Status=400 Code="BadRequest" Message="The value provided for retention is invalid. the '
        "expected value should be between 30 to 730. see https://docs.microsoft.com/azure/"
        "azure-monitor/platform/manage-cost-storage#change-the-data-retention-period for more "
        'information"'
    )


@pytest.mark.parametrize("days", [30, 730])
def test_a_retention_in_range(arm: Arm, days: int) -> None:
    assert arm.check(WORKSPACE, retentionInDays=days)["retentionInDays"] == days


@pytest.mark.parametrize("name", ["abcde", "A" * 50])
def test_a_registry_name_within_the_rule(arm: Arm, name: str) -> None:
    assert arm.check(REGISTRY, registryName=name)["registryName"] == name


@pytest.mark.parametrize("name", ["abcd", "A" * 51, "my-registry", "my.registry", ""])
def test_a_registry_name_outside_the_rule(arm: Arm, name: str) -> None:
    assert refusal(arm.check, REGISTRY, registryName=name).startswith(
        f"Azure refuses this: the registry name '{name}' is invalid: Resource names may contain "
        "alpha numeric characters only and must be between 5 and 50 characters. (https://"
    )


def test_a_registry_whose_logical_name_makes_no_valid_name(arm: Arm) -> None:
    """What a program meets in Azure that names no registry and calls its resource `my-acr`."""
    text = refusal(arm.check, REGISTRY, "my-acr")

    assert text.startswith("Azure refuses this: the registry name 'my-acr")


class TestUpdates:
    """Of a group that exists, in recording mode."""

    @pytest.fixture
    def record(self, arm: Arm) -> Any:
        arm.groups.records_only = True
        inputs = arm.group(["x"], ports=[{"port": 443}])
        inputs["restartPolicy"], inputs["sku"] = "Always", "Standard"
        return arm.create(GROUP, **inputs)

    @pytest.mark.parametrize(
        "change",
        [
            {"cpu": 2},
            {"memoryInGB": 2},
            {"osType": "Windows"},
            {"restartPolicy": "Never"},
            {"sku": "Confidential"},
            {"priority": "Spot"},
            {"zones": ["1"]},
            {"subnetIds": [{"id": "/subnet"}]},
            {"another": "container"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_is_fixed_is_refused_and_nothing_is_written(
        self, arm: Arm, record: Any, change: dict[str, Any]
    ) -> None:
        stored = (arm.folder / "resources.json").read_text()
        new = {"containers": copy.deepcopy(record.inputs["containers"])}
        for key, value in change.items():
            if key in ("cpu", "memoryInGB"):
                new["containers"][0]["resources"]["requests"][key] = value
            elif key == "another":
                new["containers"].append({**new["containers"][0], "name": value})
            else:
                new[key] = value

        assert refusal(arm.update, record, **new) == IMMUTABLE
        assert (arm.folder / "resources.json").read_text() == stored

    @pytest.mark.parametrize(
        "change",
        [
            {"image": "docker.io/library/nginx@sha256:0"},
            {"command": ["y"]},
            {"ports": [{"port": 444}]},
            {"readinessProbe": {"exec": {"command": ["true"]}}},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_is_a_containers_own_is_changed(
        self, arm: Arm, record: Any, change: dict[str, Any]
    ) -> None:
        containers = [{**record.inputs["containers"][0], **change}]

        assert arm.update(record, containers=containers)["containers"] == containers

    def test_an_image_that_cannot_be_pulled_is_refused_in_an_update_too(
        self, arm: Arm, record: Any
    ) -> None:
        image = record.inputs["containers"][0]["image"].replace("sha256:0", "sha256:1")
        containers = [{**record.inputs["containers"][0], "image": image}]

        assert refusal(arm.update, record, containers=containers) == (
            f'Status=400 Code="InaccessibleImage" Message="The image \'{image}\' in container '
            "group 'endpoint' is not accessible. Please check the image and registry credential.\""
        )

    def test_a_permission_that_was_taken_away_is_missed_by_the_next_update(
        self, arm: Arm, record: Any
    ) -> None:
        (permission,) = arm.cloud.all(ROLE_ASSIGNMENT)
        arm.delete(permission)

        assert 'Code="InaccessibleImage"' in refusal(arm.update, record, tags={"a": "b"})

    @pytest.mark.parametrize(
        "change",
        [
            {"scope": "of another registry"},
            {"principalId": "of another identity"},
            {"roleDefinitionId": "/acdd72a7-3385-48ef-bd42-f606fba81ae7"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_a_permission_for_something_else_does_not_count(
        self, arm: Arm, record: Any, change: dict[str, str]
    ) -> None:
        (permission,) = arm.cloud.all(ROLE_ASSIGNMENT)
        permission.inputs.update(change)

        assert 'Code="InaccessibleImage"' in refusal(arm.update, record, tags={"a": "b"})
