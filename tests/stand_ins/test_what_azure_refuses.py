"""The local cloud refuses what Azure refuses, before anything is started or written."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcloud.azure.cloud import Cloud
from localcloud.azure.container_groups import ContainerGroups
from localcloud.azure.registry import RegistryServers
from localcloud.plugins.azure_native import AzureNative
from localcloud.plugins.base import Refused

GROUP = "azure-native:containerinstance:ContainerGroup"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"


def urn(token: str, name: str = "x") -> str:
    return f"urn:pulumi:test::mtls-model-endpoint::{token}::{name}"


class Azure:
    """The stand-in with a registry, an identity that may pull and one pushed image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cloud = Cloud(folder / "resources.json")
        groups = ContainerGroups(self.cloud, folder / "groups", records_only=True)
        self.registries = RegistryServers(self.cloud, folder)
        self.plugin = AzureNative(self.cloud, "westeurope", groups, self.registries)
        self.create("azure-native:resources:ResourceGroup", resourceGroupName="rg")
        self.registry = self.create(
            "azure-native:containerregistry:Registry",
            resourceGroupName="rg",
            registryName="model12345",
            sku={"name": "Basic"},
        )
        self.identity = self.create(
            "azure-native:managedidentity:UserAssignedIdentity",
            resourceGroupName="rg",
            resourceName="pull",
        )
        self.server = self.cloud.get(self.registry).outputs["loginServer"]  # type: ignore[union-attr]
        self.principal = self.cloud.get(self.identity).outputs["principalId"]  # type: ignore[union-attr]
        self.image = f"{self.server}/model@sha256:{'0' * 64}"
        with self.cloud.changing() as records:
            records[self.registry.lower()].images[self.image.split("/")[1]] = str(folder)

    def create(self, token: str, name: str = "x", **inputs: Any) -> str:
        checked = self.plugin.check(urn(token, name), {}, inputs)
        return self.plugin.create(urn(token, name), checked)[0]

    def allow_pull(self, *, scope: str | None = None, role: str = ACR_PULL) -> None:
        self.create(
            "azure-native:authorization:RoleAssignment",
            scope=scope or self.registry,
            principalId=self.principal,
            principalType="ServicePrincipal",
            roleDefinitionId=f"/subscriptions/s/providers/x/roleDefinitions/{role}",
        )

    def group(self) -> dict[str, Any]:
        """The inputs of a group that Azure takes."""
        return {
            "resourceGroupName": "rg",
            "containerGroupName": "endpoint",
            "osType": "Linux",
            "sku": "Standard",
            "restartPolicy": "Always",
            "containers": [
                {
                    "name": "model",
                    "image": self.image,
                    "ports": [{"port": 443, "protocol": "TCP"}],
                    "volumeMounts": [{"name": "volume", "mountPath": "/v"}],
                    "resources": {"requests": {"cpu": 1, "memoryInGB": 1.5}},
                }
            ],
            "volumes": [{"name": "volume", "secret": {"a": base64.b64encode(b"a").decode()}}],
            "identity": {"type": "UserAssigned", "userAssignedIdentities": [self.identity]},
            "imageRegistryCredentials": [{"server": self.server, "identity": self.identity}],
            "ipAddress": {
                "type": "Public",
                "ports": [{"port": 443, "protocol": "TCP"}],
                "dnsNameLabel": "endpoint",
            },
        }


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("localcloud.plugins.azure_native.ROLE_ASSIGNMENT_SECONDS", 0)
    made = Azure(tmp_path)
    yield made
    made.registries.stop_all()


def container(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda group: group["containers"][0].update(changes)


def requests(cpu: float, memory: float, **more: Any) -> Callable[[dict[str, Any]], None]:
    return container(resources={"requests": {"cpu": cpu, "memoryInGB": memory, **more}})


def changed(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda group: group.update(changes)


def address(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda group: group["ipAddress"].update(changes)


def many_containers(group: dict[str, Any]) -> None:
    first = group["containers"][0]
    group["containers"] = [{**first, "name": f"c{i}"} for i in range(61)]


def six_ports(group: dict[str, Any]) -> None:
    ports = [{"port": port, "protocol": "TCP"} for port in range(1, 7)]
    group["containers"][0]["ports"] = group["ipAddress"]["ports"] = ports


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            changed(containerGroupName="End_point"),
            "container group name 'End_point' is invalid",
        ),
        (changed(containerGroupName="a--b"), "the container group name 'a--b' is invalid"),
        (container(name="Model"), 'Code="InvalidContainerName"'),
        (six_ports, "6 ports on an IP address; there are at most 5"),
        (many_containers, "a container group has at most 60 containers"),
        (requests(0.5, 1.5), "a minimum of 1 CPU and 1 GB of memory"),
        (requests(1, 0.5), "a minimum of 1 CPU and 1 GB of memory"),
        (requests(32, 1.5), 'Code="ServiceUnavailable"'),
        (requests(1, 241), "Please retry with a different resource request"),
        (requests(1, 1.5, gpu={"count": 1, "sku": "V100"}), "retired as of July 14, 2025"),
        (container(resources={"requests": {"cpu": 1}}), 'Code="ResourceRequestsNotSpecified"'),
        (
            container(
                resources={
                    "requests": {"cpu": 2, "memoryInGB": 2},
                    "limits": {"cpu": 1, "memoryInGB": 2},
                }
            ),
            "The 'Cpu' limit value must be greater than or equal to the request value.",
        ),
        (changed(priority="Spot"), "Spot containers are not assigned a public IP address"),
        (
            changed(subnetIds=[{"id": "/subnet"}]),
            "IP Address type can't be public when network profile is set.",
        ),
        (address(ports=[]), "The ports in the 'ipAddress' of container group 'endpoint' cannot"),
        (address(ports=[{"port": 80}]), "port 80 of the IP address is exposed by no container"),
        (address(dnsNameLabel="abc"), "The DNS name label 'abc' in container group 'endpoint' is"),
        (address(dnsNameLabel="Abcdef"), "It can contain only lowercase letters, numbers and"),
        (changed(volumes=[]), "Volumes 'volume' in container 'model' are not found."),
        (
            changed(volumes=[{"name": "volume"}, {"name": "volume"}]),
            "Duplicate volumes 'volume' are found.",
        ),
        (
            changed(volumes=[{"name": "volume", "secret": {"a": "not Base64!"}}]),
            "the secret volume's value 'a' is not Base64",
        ),
        (
            container(volumeMounts=[{"name": "volume", "mountPath": "/a:b"}]),
            "The volume mount path '/a:b' in container 'model' is invalid. It can't contain ':'.",
        ),
        (
            changed(identity={"type": "UserAssigned", "userAssignedIdentities": []}),
            'Code="InvalidImageRegistryIdentity"',
        ),
        (changed(resourceGroupName="other"), "Resource group 'other' could not be found."),
        (
            lambda group: container(image=group["containers"][0]["image"][:-1] + "1")(group),
            "is not accessible. Please check the image and registry credential.",
        ),
    ],
)
def test_a_group_that_azure_refuses_is_refused(
    azure: Azure, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    azure.allow_pull()
    azure.plugin.groups.records_only = False  # whatever is not refused would be started
    group = azure.group()
    change(group)

    with pytest.raises(Refused) as refused:
        azure.create(GROUP, **group)

    assert message in str(refused.value)
    assert azure.cloud.all(GROUP) == []
    assert not (azure.folder / "groups").exists()


def test_a_group_that_azure_takes_is_taken(azure: Azure) -> None:
    azure.allow_pull()

    azure.create(GROUP, **azure.group())

    (record,) = azure.cloud.all(GROUP)
    assert record.outputs["ipAddress"]["fqdn"] == "endpoint.westeurope.azurecontainer.io"
    assert record.outputs["volumes"][0]["secret"] == {}


def test_an_image_cannot_be_pulled_without_the_permission(azure: Azure) -> None:
    with pytest.raises(Refused, match='Code="InaccessibleImage"'):
        azure.create(GROUP, **azure.group())


def test_an_image_cannot_be_pulled_with_another_role(azure: Azure) -> None:
    azure.allow_pull(role="acdd72a7-3385-48ef-bd42-f606fba81ae7")

    with pytest.raises(Refused, match='Code="InaccessibleImage"'):
        azure.create(GROUP, **azure.group())


def test_an_image_cannot_be_pulled_with_a_permission_for_another_registry(azure: Azure) -> None:
    other = azure.create(
        "azure-native:containerregistry:Registry",
        resourceGroupName="rg",
        registryName="other12345",
        sku={"name": "Basic"},
    )
    azure.allow_pull(scope=other)

    with pytest.raises(Refused, match='Code="InaccessibleImage"'):
        azure.create(GROUP, **azure.group())


def test_a_label_in_use_is_refused_in_the_same_region_only(azure: Azure) -> None:
    azure.allow_pull()
    azure.create(GROUP, **azure.group())
    second = {**azure.group(), "containerGroupName": "second"}

    with pytest.raises(Refused, match="The DNS name label 'endpoint' in container group 'second'"):
        azure.create(GROUP, **second)
    azure.create(GROUP, **{**second, "location": "northeurope"})


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        (requests(2, 1.5), False),
        (requests(1, 2), False),
        (changed(osType="Windows"), False),
        (changed(restartPolicy="Never"), False),
        (changed(sku="Dedicated"), False),
        (changed(zones=["1"]), False),
        (container(environmentVariables=[{"name": "A", "value": "b"}]), True),
        (container(livenessProbe={"httpGet": {"port": 1, "path": "/"}}), True),
        (changed(tags={"a": "b"}), True),
        (changed(volumes=[{"name": "volume", "secret": {}}]), True),
        (address(dnsNameLabel="another"), True),
    ],
)
def test_only_what_azure_can_change_is_changed_in_place(
    azure: Azure, change: Callable[[dict[str, Any]], None], allowed: bool
) -> None:
    azure.allow_pull()
    arm_id = azure.create(GROUP, **azure.group())
    old = azure.cloud.get(arm_id)
    assert old
    new = copy.deepcopy(old.inputs)
    change(new)

    if allowed:
        azure.plugin.update(urn(GROUP), arm_id, new, old.outputs)
        assert azure.cloud.get(arm_id).inputs == new  # type: ignore[union-attr]
    else:
        with pytest.raises(Refused, match="you must delete it first and then create a new one"):
            azure.plugin.update(urn(GROUP), arm_id, new, old.outputs)
        assert azure.cloud.get(arm_id) == old


@pytest.mark.parametrize(
    ("token", "inputs", "message"),
    [
        (
            "azure-native:containerregistry:Registry",
            {"resourceGroupName": "rg", "registryName": "my-registry"},
            "Resource names may contain alpha numeric characters only and must be between 5 and 50",
        ),
        (
            "azure-native:operationalinsights:Workspace",
            {"resourceGroupName": "rg", "retentionInDays": 7},
            "the expected value should be between 30 to 730",
        ),
        (
            "azure-native:authorization:RoleAssignment",
            {"scope": "/nowhere", "principalId": "x", "roleDefinitionId": "y"},
            'Code="ResourceNotFound"',
        ),
        (
            "azure-native:compute:VirtualMachine",
            {},
            "is not among the types that the local cloud stands in for",
        ),
    ],
)
def test_other_resources_have_rules_too(
    azure: Azure, token: str, inputs: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused) as refused:
        azure.create(token, **inputs)

    assert message in str(refused.value)


def test_a_role_cannot_be_given_to_nobody(azure: Azure) -> None:
    azure.principal = "00000000-0000-0000-0000-000000000001"

    with pytest.raises(Refused, match="does not exist in the directory"):
        azure.allow_pull()


def test_nothing_is_created_twice_under_one_name(azure: Azure) -> None:
    with pytest.raises(Refused, match="cannot create already existing resource"):
        azure.create("azure-native:resources:ResourceGroup", resourceGroupName="rg")
