"""Azure as it stands in, without an engine: one resource after the other, and a minimal group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from localcloud.azure.cloud import Cloud, Record
from localcloud.azure.container_groups import ContainerGroups
from localcloud.azure.registry import RegistryServers
from localcloud.plugins.azure_native import AzureNative

RESOURCE_GROUP = "azure-native:resources:ResourceGroup"
REGISTRY = "azure-native:containerregistry:Registry"
IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"
ROLE_ASSIGNMENT = "azure-native:authorization:RoleAssignment"
WORKSPACE = "azure-native:operationalinsights:Workspace"
DIAGNOSTICS = "azure-native:monitor:DiagnosticSetting"
VAULT = "azure-native:keyvault:Vault"
SECRET = "azure-native:keyvault:Secret"  # noqa: S105  a type of resource
GROUP = "azure-native:containerinstance:ContainerGroup"

ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"

Properties = dict[str, Any]


def urn(token: str, name: str = "x") -> str:
    return f"urn:pulumi:test::mtls-model-endpoint::a:b:C${token}::{name}"


class Arm:
    """The azure-native stand-in in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.cloud = Cloud(folder / "resources.json")
        self.groups = ContainerGroups(
            self.cloud, folder / "g", self.said.append, records_only=False
        )
        self.registries = RegistryServers(self.cloud, folder)
        self.plugin = AzureNative(self.cloud, "westeurope", self.groups, self.registries)

    def check(self, token: str, name: str = "x", /, **inputs: Any) -> Properties:
        return self.plugin.check(urn(token, name), {}, inputs)

    def create(self, token: str, name: str = "x", /, **inputs: Any) -> Record:
        arm_id, _ = self.plugin.create(urn(token, name), self.check(token, name, **inputs))
        record = self.cloud.get(arm_id)
        assert record
        return record

    def update(self, record: Record, **changes: Any) -> Properties:
        new = {**record.inputs, **changes}
        return self.plugin.update(record.urn, record.id, new, record.outputs)

    def delete(self, record: Record) -> None:
        self.plugin.delete(record.urn, record.id, record.outputs)

    def group(self, command: list[str], **container: Any) -> Properties:
        """Inputs of a group of one container, with all that it needs in place."""
        self.create(RESOURCE_GROUP, resourceGroupName="rg")
        registry = self.create(REGISTRY, resourceGroupName="rg", registryName="model12345")
        identity = self.create(IDENTITY, resourceGroupName="rg", resourceName="pull")
        self.create(
            ROLE_ASSIGNMENT,
            scope=registry.id,
            principalId=identity.outputs["principalId"],
            roleDefinitionId=f"/providers/x/roleDefinitions/{ACR_PULL}",
        )
        image = self.folder / "image"
        (image / "rootfs").mkdir(parents=True)
        (image / "command.json").write_text(json.dumps(command))
        with self.cloud.changing():
            registry.images["model@sha256:0"] = str(image)
        server = registry.outputs["loginServer"]
        return {
            "resourceGroupName": "rg",
            "containerGroupName": "endpoint",
            "osType": "Linux",
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "model",
                    "image": f"{server}/model@sha256:0",
                    "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
                    **container,
                }
            ],
            "identity": {"type": "UserAssigned", "userAssignedIdentities": [identity.id]},
            "imageRegistryCredentials": [{"server": server, "identity": identity.id}],
        }

    def close(self) -> None:
        for record in self.cloud.all(GROUP):
            self.groups.remove(record)
        self.registries.stop_all()
