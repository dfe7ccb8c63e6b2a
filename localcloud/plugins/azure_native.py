"""Stand-in for pulumi-azure-native: the resource types that the program uses.

Names, ids, defaults and the detail of a diff are the real plugin's: it fills in names and the
location, compares inputs property by property, and knows nothing of what a container group
cannot change (https://github.com/pulumi/pulumi-azure-native/issues/918).
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from pulumi.runtime.proto import provider_pb2

from common import names
from common.refusal import Refusal
from localcloud.azure import rules, vaults
from localcloud.azure.cloud import SUBSCRIPTION, TENANT, Cloud, Record
from localcloud.azure.container_groups import ContainerGroups
from localcloud.azure.registry import RegistryServers
from localcloud.plugins.base import UNKNOWN, Diff, Plugin, Properties, logical_name, type_token

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{{resourceGroupName}}"


ROLE_ASSIGNMENT_SECONDS = 0.5
"""Minutes in Azure. Long enough that a group which does not wait for its permission is refused."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a type of resource is named, found and replaced."""

    path: str
    """ARM id, with names of inputs in braces."""
    name: str
    """The input that holds the resource's own name."""
    arm_type: str
    auto_name: Callable[[str], str] = lambda name: name + secrets.token_hex(4)
    has_location: bool = True
    replaces: tuple[str, ...] = ()
    """Inputs besides the names in `path` whose change replaces."""


KINDS = {
    names.RESOURCE_GROUP: Kind(
        path=_GROUP,
        name="resourceGroupName",
        arm_type="Microsoft.Resources/resourceGroups",
        replaces=("location",),
    ),
    names.WORKSPACE: Kind(
        path=f"{_GROUP}/providers/Microsoft.OperationalInsights/workspaces/{{workspaceName}}",
        name="workspaceName",
        arm_type="Microsoft.OperationalInsights/workspaces",
        replaces=("location",),
    ),
    names.DIAGNOSTICS: Kind(
        path="{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
        name="name",
        arm_type="Microsoft.Insights/diagnosticSettings",
        has_location=False,
    ),
    names.REGISTRY: Kind(
        path=f"{_GROUP}/providers/Microsoft.ContainerRegistry/registries/{{registryName}}",
        name="registryName",
        arm_type="Microsoft.ContainerRegistry/registries",
        replaces=("location",),
    ),
    names.VAULT: Kind(
        path=f"{_GROUP}/providers/Microsoft.KeyVault/vaults/{{vaultName}}",
        name="vaultName",
        arm_type="Microsoft.KeyVault/vaults",
        replaces=("location",),
    ),
    names.VAULT_SECRET: Kind(
        path=f"{_GROUP}/providers/Microsoft.KeyVault/vaults/{{vaultName}}/secrets/{{secretName}}",
        name="secretName",
        arm_type="Microsoft.KeyVault/vaults/secrets",
        has_location=False,
    ),
    names.IDENTITY: Kind(
        path=f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{{resourceName}}",
        name="resourceName",
        arm_type="Microsoft.ManagedIdentity/userAssignedIdentities",
        replaces=("location",),
    ),
    names.ROLE_ASSIGNMENT: Kind(
        path="{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
        name="roleAssignmentName",
        arm_type="Microsoft.Authorization/roleAssignments",
        auto_name=lambda _: str(uuid.uuid4()),
        has_location=False,
        replaces=("principalId", "scope"),
    ),
    names.CONTAINER_GROUP: Kind(
        path=f"{_GROUP}/providers/Microsoft.ContainerInstance/containerGroups/{{containerGroupName}}",
        name="containerGroupName",
        arm_type="Microsoft.ContainerInstance/containerGroups",
        replaces=("location",),
    ),
}

_CHECKS: dict[str, Callable[[Properties], None]] = {
    names.REGISTRY: rules.check_registry,
    names.WORKSPACE: rules.check_workspace,
    names.CONTAINER_GROUP: rules.check_container_group,
    names.VAULT: vaults.check_vault,
    names.VAULT_SECRET: vaults.check_secret,
}


class AzureNative(Plugin):
    """Azure Resource Manager, as far as this project goes."""

    name = "azure-native"
    version = version("pulumi-azure-native")

    def __init__(
        self, cloud: Cloud, location: str, groups: ContainerGroups, registries: RegistryServers
    ) -> None:
        self.cloud = cloud
        self.location = location
        self.groups = groups
        self.registries = registries

    def check(self, urn: str, old: Properties, new: Properties) -> Properties:
        kind = _kind(urn)
        inputs = dict(new)
        if kind.name not in inputs:
            inputs[kind.name] = old.get(kind.name) or kind.auto_name(logical_name(urn))
        if kind.has_location:
            inputs.setdefault("location", self.location)
        if check := _CHECKS.get(type_token(urn)):
            check(inputs)
        return inputs

    def diff(self, urn: str, old: Properties, new: Properties, state: Properties) -> Diff:
        kind = _kind(urn)
        own = {name.split("}")[0] for name in kind.path.split("{")[1:]} | set(kind.replaces)
        changes = dict(_changes("", old, new))
        changed = tuple(sorted({_top_level(path) for path in changes}))
        replaces = tuple(name for name in changed if name in own)
        return Diff(
            changed=changed,
            replaces=replaces,
            paths={
                path: change + 1 if _top_level(path) in replaces else change
                for path, change in changes.items()
            },
        )

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        token, arm_id = type_token(urn), _arm_id(urn, inputs)
        if self.cloud.get(arm_id):
            raise Refusal(
                f"cannot create already existing resource {arm_id}. Type `make down` to remove "
                "what an interrupted run left behind."
            )
        self._require_parents(urn, inputs)
        record = Record(id=arm_id, type=token, urn=urn, inputs=inputs)
        outputs = self._apply(record)
        self._put(record, outputs)
        return arm_id, outputs

    def preview_create(self, urn: str, inputs: Properties) -> Properties:
        known = {**inputs, **dict.fromkeys(_COMPUTED.get(type_token(urn), ()), UNKNOWN)}
        if address := inputs.get("ipAddress"):
            known["ipAddress"] = {**address, "ip": UNKNOWN, "fqdn": UNKNOWN}
        if type_token(urn) == names.VAULT:
            known["properties"] = {**inputs["properties"], "vaultUri": UNKNOWN}
        return known

    def preview_update(self, urn: str, new: Properties, state: Properties) -> Properties:
        """What was asked for, and of what Azure answered these two alone, as the real plugin does:
        https://github.com/pulumi/pulumi-azure-native/blob/006a62afe453b416e5d5c98d2d91c4c7281f52f9/provider/pkg/provider/provider.go
        """
        stable = {key: state[key] for key in ("name", "location") if key in state}
        return self.preview_create(urn, new) | stable

    def read(self, urn: str, id_: str, inputs: Properties, state: Properties) -> Properties | None:
        record = self.cloud.get(id_)
        if record is None:
            return None
        if record.type == names.CONTAINER_GROUP:
            return {**record.outputs, **self.groups.instance_view(record)}
        return record.outputs

    def read_inputs(
        self, urn: str, inputs: Properties, old: Properties, new: Properties
    ) -> Properties:
        """What Azure changed since is taken for an input, but for what only Azure can say.

        As the real plugin's Read has it, with `SdkOutputsToSdkInputs` and `applyDiff`:
        https://github.com/pulumi/pulumi-azure-native/blob/006a62afe453b416e5d5c98d2d91c4c7281f52f9/provider/pkg/provider/provider.go
        """
        return dict(_followed(inputs, _writable(old), _writable(new)))

    def update(self, urn: str, id_: str, new: Properties, state: Properties) -> Properties:
        old = self.cloud.get(id_)
        if old is None:
            raise rules.not_found(id_)
        record = Record(**{**vars(old), "inputs": new})
        outputs = self._apply(record, old)
        self._put(record, outputs)
        return outputs

    def delete(self, urn: str, id_: str, state: Properties) -> None:
        record = self.cloud.get(id_)
        if record is None:
            return
        if record.type == names.CONTAINER_GROUP:
            self.groups.remove(record)
        if record.type == names.REGISTRY:
            self.registries.stop(record.outputs["loginServer"])
        with self.cloud.changing() as records:
            records.pop(id_.lower(), None)
            if record.type == names.VAULT:
                vaults.delete_vault(records, record)

    def invoke(self, token: str, arguments: Properties) -> Properties:
        match token:
            case "azure-native:authorization:getClientToken":
                return {"token": self.cloud.arm_token}
            case "azure-native:authorization:getClientConfig":
                return {"subscriptionId": SUBSCRIPTION, "tenantId": TENANT}
            case _:
                return super().invoke(token, arguments)

    def _put(self, record: Record, outputs: Properties) -> None:
        record.outputs = outputs
        with self.cloud.changing() as records:
            records[record.id.lower()] = record

    def _require_parents(self, urn: str, inputs: Properties) -> None:
        if "{resourceGroupName}/" in _kind(urn).path:
            rules.check_resource_group_exists(self.cloud, inputs["resourceGroupName"])
        if type_token(urn) == names.VAULT_SECRET:
            vault = _arm_id(urn, inputs).rpartition("/secrets/")[0]
            if self.cloud.get(vault) is None:
                raise rules.not_found(vault)
        for key in ("scope", "resourceUri", "workspaceId"):
            if key in inputs and self.cloud.get(inputs[key]) is None:
                raise rules.not_found(inputs[key])

    def _apply(self, record: Record, old: Record | None = None) -> Properties:
        """Do what a resource is asked to do; returns its outputs."""
        kind = KINDS[record.type]
        answer: Properties = {}
        match record.type:
            case names.REGISTRY:
                server = old.outputs["loginServer"] if old else self.registries.start()
                answer = {"loginServer": server, "provisioningState": "Succeeded"}
            case names.IDENTITY:
                principal = old.outputs if old else {}
                answer = {
                    "principalId": principal.get("principalId") or str(uuid.uuid4()),
                    "clientId": principal.get("clientId") or str(uuid.uuid4()),
                    "tenantId": TENANT,
                }
            case names.ROLE_ASSIGNMENT:
                # Readers of a vault are of a directory that this cloud does not have.
                if "/Microsoft.KeyVault/" not in record.inputs["scope"]:
                    self._check_principal(record.inputs["principalId"])
                time.sleep(ROLE_ASSIGNMENT_SECONDS)
                # As Azure writes a time, to a ten-millionth of a second.
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
                answer = {"createdOn": old.outputs.get("createdOn", now) if old else now}
            case names.WORKSPACE:
                answer = {"customerId": str(uuid.uuid4())}
            case names.CONTAINER_GROUP:
                answer = self.groups.apply(record, old)
            case names.VAULT:
                vaults.check_name_is_free(self.cloud, record)
                answer = vaults.vault_answer(record.inputs)
            case names.VAULT_SECRET:
                answer = vaults.secret_answer(record.inputs)
        return {
            **record.inputs,
            "name": record.inputs[kind.name],
            "type": kind.arm_type,
            **answer,
        }

    def _check_principal(self, principal_id: str) -> None:
        identities = self.cloud.all(names.IDENTITY)
        if all(i.outputs["principalId"] != principal_id for i in identities):
            raise rules.refused(
                400,
                "PrincipalNotFound",
                f"Principal {principal_id.replace('-', '')} does not exist in the directory "
                f"{TENANT}. Check that you have the correct principal ID. If you are creating this "
                "principal and then immediately assigning a role, this error might be related to a "
                "replication delay. In this case, set the role assignment principalType property "
                "to a value, such as ServicePrincipal, User, or Group.  See "
                "https://aka.ms/docs-principaltype",
            )


_COMPUTED = {
    names.CONTAINER_GROUP: ("identity",),
    names.RESOURCE_GROUP: ("type",),
    names.REGISTRY: ("loginServer",),
    names.IDENTITY: ("principalId", "clientId"),
    names.ROLE_ASSIGNMENT: ("createdOn",),
}


def _kind(urn: str) -> Kind:
    token = type_token(urn)
    if token not in KINDS:
        raise Refusal(
            f"azure-native: {token} is not among the types that the local cloud stands in for: "
            + ", ".join(KINDS)
        )
    return KINDS[token]


def _arm_id(urn: str, inputs: Properties) -> str:
    return _kind(urn).path.format(**inputs)


def _top_level(path: str) -> str:
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


READ_ONLY = frozenset(
    {
        *("clientId", "createdOn", "customerId", "fqdn", "instanceView", "loginServer"),
        *("provisioningState", "secretUri"),
    }
)
"""Properties of outputs that no resource here takes as an input; `ipAddress.ip` is one it takes."""


def _writable(outputs: Any) -> Any:
    if isinstance(outputs, dict):
        return {k: _writable(v) for k, v in outputs.items() if k not in READ_ONLY}
    return [_writable(item) for item in outputs] if isinstance(outputs, list) else outputs


def _followed(inputs: Any, old: Any, new: Any) -> Any:
    """Inputs with the difference between old and new outputs applied to them."""
    if isinstance(inputs, dict) and isinstance(old, dict) and isinstance(new, dict):
        followed = {k: v for k, v in inputs.items() if k not in old or k in new}
        for key in (key for key in new if key not in old or old[key] != new[key]):
            known = key in inputs and key in old
            followed[key] = _followed(inputs[key], old[key], new[key]) if known else new[key]
        return followed
    if isinstance(inputs, list) and isinstance(old, list) and isinstance(new, list):
        both = min(len(inputs), len(old))
        return [
            _followed(inputs[i], old[i], item) if i < both else item for i, item in enumerate(new)
        ]
    return new


def _changes(path: str, old: Any, new: Any) -> Iterator[tuple[str, int]]:
    """Path of every change to its kind, as deep as the two sides have the same shape."""
    kinds = provider_pb2.PropertyDiff
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            # With a dot whatever is in the key, as the real plugin has it.
            step = f"{path}.{key}" if path else key
            if key not in old:
                yield step, kinds.ADD
            elif key not in new:
                yield step, kinds.DELETE
            else:
                yield from _changes(step, old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            step = f"{path}[{index}]"
            if index >= len(old):
                yield step, kinds.ADD
            elif index >= len(new):
                yield step, kinds.DELETE
            else:
                yield from _changes(step, old[index], new[index])
    elif old != new:
        yield path, kinds.UPDATE
