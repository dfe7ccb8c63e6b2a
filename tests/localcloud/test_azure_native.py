"""The azure-native stand-in: names, ids, the detail of a diff, what a preview knows."""

from __future__ import annotations

import importlib
import inspect
import re
import uuid
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2
from pulumi_azure_native import containerinstance as aci
from pulumi_azure_native import keyvault

from common.refusal import Refusal
from localcloud.azure.cloud import SUBSCRIPTION, TENANT
from localcloud.plugins import azure_native
from localcloud.plugins.base import UNKNOWN, Diff
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
    urn,
)

KINDS = provider_pb2.PropertyDiff
RG = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"


def diff(arm: Arm, token: str, old: Properties, new: Properties) -> Diff:
    return arm.plugin.diff(urn(token), old, new, {})


@pytest.mark.parametrize(
    ("token", "key"),
    [
        (RESOURCE_GROUP, "resourceGroupName"),
        (WORKSPACE, "workspaceName"),
        (IDENTITY, "resourceName"),
        (DIAGNOSTICS, "name"),
    ],
)
def test_a_name_that_is_not_given_is_made_of_the_logical_one(
    arm: Arm, token: str, key: str
) -> None:
    first, second = (arm.check(token, "logs")[key] for _ in range(2))

    assert re.fullmatch("logs[0-9a-f]{8}", first)
    assert first != second


def test_a_role_assignment_is_named_by_a_uuid(arm: Arm) -> None:
    assert uuid.UUID(arm.check(ROLE_ASSIGNMENT)["roleAssignmentName"])


def test_a_name_is_kept_once_it_is_made(arm: Arm) -> None:
    old = arm.check(WORKSPACE, "logs")

    assert arm.plugin.check(urn(WORKSPACE, "logs"), old, {}) == old


def test_the_location_is_the_providers_unless_another_is_given(arm: Arm) -> None:
    assert arm.check(RESOURCE_GROUP)["location"] == "westeurope"
    assert arm.check(RESOURCE_GROUP, location="northeurope")["location"] == "northeurope"
    assert "location" not in arm.check(ROLE_ASSIGNMENT)


def test_ids_are_those_of_azure_resource_manager(arm: Arm) -> None:
    group = arm.create(RESOURCE_GROUP, resourceGroupName="rg")
    registry = arm.create(REGISTRY, resourceGroupName="rg", registryName="model12345")
    identity = arm.create(IDENTITY, resourceGroupName="rg", resourceName="pull")
    workspace = arm.create(WORKSPACE, resourceGroupName="rg", workspaceName="logs")
    role = arm.create(
        ROLE_ASSIGNMENT,
        roleAssignmentName="a-name",
        scope=registry.id,
        principalId=identity.outputs["principalId"],
    )
    setting = arm.create(DIAGNOSTICS, name="s", resourceUri=registry.id, workspaceId=workspace.id)

    providers = f"{RG}/providers"
    assert group.id == RG
    assert registry.id == f"{providers}/Microsoft.ContainerRegistry/registries/model12345"
    assert identity.id == f"{providers}/Microsoft.ManagedIdentity/userAssignedIdentities/pull"
    assert workspace.id == f"{providers}/Microsoft.OperationalInsights/workspaces/logs"
    assert role.id == f"{registry.id}/providers/Microsoft.Authorization/roleAssignments/a-name"
    assert setting.id == f"{registry.id}/providers/Microsoft.Insights/diagnosticSettings/s"
    assert registry.outputs["type"] == "Microsoft.ContainerRegistry/registries"
    assert registry.outputs["name"] == "model12345"
    assert arm.cloud.get(registry.id.upper()) is registry


@pytest.mark.parametrize(
    ("old", "new", "path", "kind"),
    [
        (
            {"containers": [{"resources": {"requests": {"cpu": 1, "memoryInGB": 1}}}]},
            {"containers": [{"resources": {"requests": {"cpu": 2, "memoryInGB": 1}}}]},
            "containers[0].resources.requests.cpu",
            KINDS.UPDATE,
        ),
        (
            {"volumes": [{"name": "v", "secret": {"nginx.conf": "a"}}]},
            {"volumes": [{"name": "v", "secret": {"nginx.conf": "b"}}]},
            "volumes[0].secret.nginx.conf",
            KINDS.UPDATE,
        ),
        ({"containers": [{}]}, {"containers": [{}, {}]}, "containers[1]", KINDS.ADD),
        ({"containers": [{}, {}]}, {"containers": [{}]}, "containers[1]", KINDS.DELETE),
        ({}, {"tags": {"a": "b"}}, "tags", KINDS.ADD),
        ({"tags": {}}, {"tags": {"a": "b"}}, "tags.a", KINDS.ADD),
        ({"tags": {"a.b": "c"}}, {"tags": {}}, "tags.a.b", KINDS.DELETE),
        ({"zones": ["1"]}, {"zones": "1"}, "zones", KINDS.UPDATE),
        ({"osType": "Linux"}, {"osType": "Windows"}, "osType", KINDS.UPDATE),
    ],
)
def test_a_change_is_named_by_its_full_path_and_is_an_update(
    arm: Arm, old: Properties, new: Properties, path: str, kind: int
) -> None:
    found = diff(arm, GROUP, old, new)

    assert found.paths == {path: kind}
    assert found.changed == (re.split(r"[.\[]", path)[0],)
    assert found.replaces == ()


def test_no_change_has_no_path(arm: Arm) -> None:
    same = {"containers": [{"name": "a", "ports": [{"port": 1}]}]}

    assert diff(arm, GROUP, same, same) == Diff()


@pytest.mark.parametrize(
    ("token", "key"),
    [
        (RESOURCE_GROUP, "location"),
        (RESOURCE_GROUP, "resourceGroupName"),
        (REGISTRY, "location"),
        (REGISTRY, "registryName"),
        (GROUP, "location"),
        (GROUP, "resourceGroupName"),
        (GROUP, "containerGroupName"),
        (DIAGNOSTICS, "resourceUri"),
        (DIAGNOSTICS, "name"),
        (ROLE_ASSIGNMENT, "principalId"),
        (ROLE_ASSIGNMENT, "scope"),
        (ROLE_ASSIGNMENT, "roleAssignmentName"),
    ],
)
def test_what_a_resource_is_found_by_replaces_it(arm: Arm, token: str, key: str) -> None:
    found = diff(arm, token, {key: "a"}, {key: "b"})

    assert found.replaces == (key,)
    assert found.paths == {key: KINDS.UPDATE_REPLACE}


@pytest.mark.parametrize(
    ("token", "key"),
    [
        (ROLE_ASSIGNMENT, "roleDefinitionId"),
        (REGISTRY, "adminUserEnabled"),
        (DIAGNOSTICS, "workspaceId"),
        (GROUP, "restartPolicy"),
        (GROUP, "sku"),
    ],
)
def test_the_provider_itself_replaces_for_nothing_else(arm: Arm, token: str, key: str) -> None:
    assert diff(arm, token, {key: "a"}, {key: "b"}).replaces == ()


def test_a_preview_knows_what_was_asked_for_and_not_what_azure_answers(arm: Arm) -> None:
    group = arm.plugin.preview_create(
        urn(GROUP), {"osType": "Linux", "ipAddress": {"dnsNameLabel": "label"}}
    )
    registry = arm.plugin.preview_create(urn(REGISTRY), {"registryName": "model12345"})
    identity = arm.plugin.preview_create(urn(IDENTITY), {})

    assert group["ipAddress"] == {"dnsNameLabel": "label", "ip": UNKNOWN, "fqdn": UNKNOWN}
    assert (group["osType"], group["identity"]) == ("Linux", UNKNOWN)
    assert registry == {"registryName": "model12345", "loginServer": UNKNOWN}
    assert identity["principalId"] == identity["clientId"] == UNKNOWN
    assert arm.cloud.all() == []


def test_of_what_azure_answered_a_preview_of_an_update_knows_name_and_location(arm: Arm) -> None:
    asked = {"registryName": "model12345"}
    stays = {"name": "model12345", "location": "westeurope"}
    state = {**asked, **stays, "loginServer": "localhost:1", "tags": {"a": "b"}}

    known = arm.plugin.preview_update(urn(REGISTRY), asked, state)

    assert known == {**asked, **stays, "loginServer": UNKNOWN}


@pytest.mark.parametrize(
    "unknown",
    [
        {"containerGroupName": UNKNOWN},
        {"ipAddress": {"ports": [{"port": 1}], "dnsNameLabel": UNKNOWN}},
        {"ipAddress": {"ports": [{"port": UNKNOWN}]}},
        {"volumes": [{"name": "volume", "secret": {"a": UNKNOWN}}]},
        {"identity": {"userAssignedIdentities": [UNKNOWN]}},
        {"imageRegistryCredentials": [{"server": UNKNOWN, "identity": UNKNOWN}]},
        {"cpu": UNKNOWN},
    ],
)
def test_what_a_preview_does_not_know_is_not_refused(arm: Arm, unknown: dict[str, Any]) -> None:
    amounts = {"cpu": unknown.pop("cpu", 1), "memoryInGB": 1}
    inputs = {
        "containerGroupName": "endpoint",
        "containers": [
            {
                "name": "model",
                "image": UNKNOWN,
                "ports": [{"port": 1}],
                "resources": {"requests": amounts, "limits": {"cpu": 1}},
            }
        ],
        **unknown,
    }

    assert arm.check(GROUP, **inputs)["containers"] == inputs["containers"]


def test_an_identity_keeps_its_principal_through_an_update(arm: Arm) -> None:
    arm.create(RESOURCE_GROUP, resourceGroupName="rg")
    identity = arm.create(IDENTITY, resourceGroupName="rg", resourceName="pull")
    before = identity.outputs["principalId"]

    assert arm.update(identity, tags={"a": "b"})["principalId"] == before


def test_a_registry_keeps_its_login_server_through_an_update(arm: Arm) -> None:
    arm.create(RESOURCE_GROUP, resourceGroupName="rg")
    registry = arm.create(REGISTRY, resourceGroupName="rg", registryName="model12345")

    answer = arm.update(registry, sku={"name": "Premium"})

    assert answer["loginServer"] == registry.outputs["loginServer"]
    assert answer["sku"] == {"name": "Premium"}


def test_a_deleted_resource_is_read_as_gone_and_may_be_deleted_again(arm: Arm) -> None:
    group = arm.create(RESOURCE_GROUP, resourceGroupName="rg")
    assert arm.plugin.read(group.urn, group.id, group.inputs, {}) == group.outputs

    arm.delete(group)
    arm.delete(group)

    assert arm.plugin.read(group.urn, group.id, group.inputs, {}) is None


def test_what_was_created_is_there_in_the_next_run(arm: Arm) -> None:
    group = arm.create(RESOURCE_GROUP, resourceGroupName="rg")

    assert Arm(arm.folder).cloud.get(group.id) == group
    assert (arm.folder / "resources.json").stat().st_mode & 0o777 == 0o600


def test_the_deployers_token_is_another_in_every_run(arm: Arm) -> None:
    token = arm.plugin.invoke("azure-native:authorization:getClientToken", {})

    assert token == {"token": arm.cloud.arm_token}
    assert Arm(arm.folder).cloud.arm_token != arm.cloud.arm_token


def test_the_deployers_subscription_can_be_asked_for(arm: Arm) -> None:
    answer = arm.plugin.invoke("azure-native:authorization:getClientConfig", {})

    assert answer == {"subscriptionId": SUBSCRIPTION, "tenantId": TENANT}


def test_a_function_that_is_not_stood_in_for_is_named(arm: Arm) -> None:
    with pytest.raises(Refusal, match="there is no function azure-native:x:getY in this stand-in"):
        arm.plugin.invoke("azure-native:x:getY", {})


def test_a_type_that_is_not_stood_in_for_is_named_with_those_that_are(arm: Arm) -> None:
    with pytest.raises(Refusal) as refused:
        arm.check("azure-native:compute:VirtualMachine")

    text = str(refused.value)
    assert text.startswith("azure-native: azure-native:compute:VirtualMachine is not among the")
    assert GROUP in text


def test_what_only_azure_says_is_no_input_of_the_sdk() -> None:
    """The address is one, so a refresh takes another one for an input."""
    inputs = {
        parameter
        for kind in azure_native.KINDS
        for parameter in inspect.signature(resource_class(kind)._internal_init).parameters
    }
    for nested in (aci.IpAddressArgs, aci.ContainerArgs, keyvault.SecretPropertiesArgs):
        inputs |= set(dir(nested))

    assert {"ip", "dns_name_label", "principal_id"} <= inputs
    assert not {re.sub("([A-Z])", r"_\1", name).lower() for name in azure_native.READ_ONLY} & inputs


def resource_class(token: str) -> Any:
    _, module, name = token.split(":")
    return getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name)
