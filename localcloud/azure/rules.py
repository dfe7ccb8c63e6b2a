"""What Azure refuses, in Azure's words.

Where a message has a code it is Azure's own, as it was seen in a public thread or in Microsoft's
documentation. Where no such text could be found the documented limit is cited instead.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from common.names import CONTAINER_GROUP, RESOURCE_GROUP, ROLE_ASSIGNMENT
from common.refusal import Refusal
from localcloud.azure.cloud import Cloud, Record, registry_for
from localcloud.plugins.base import UNKNOWN, Properties

ACR_PULL_ROLE = "7f951dda-4ed3-4680-a7ca-43fe172d538d"

_QUOTAS = (
    "https://learn.microsoft.com/azure/container-instances/"
    "container-instances-resource-and-quota-limits"
)
_GROUPS = (
    "https://learn.microsoft.com/azure/container-instances/container-instances-container-groups"
)
_SPOT = (
    "https://learn.microsoft.com/azure/container-instances/"
    "container-instances-spot-containers-overview"
)
_NAMES = "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"


def refused(status: int, code: str, message: str) -> Refusal:
    """As pulumi-azure-native prints what Azure Resource Manager answers."""
    return Refusal(f'Status={status} Code="{code}" Message="{message}"')


def documented(limit: str, source: str) -> Refusal:
    """A limit whose message is not known: what is documented, and where."""
    return Refusal(f"Azure refuses this: {limit} ({source})")


def not_found(arm_id: str) -> Refusal:
    """What Azure says of an id that leads nowhere."""
    _, _, within = arm_id.partition("/resourceGroups/")
    group, _, path = within.partition("/providers/")
    return refused(
        404,
        "ResourceNotFound",
        f"The Resource '{path or arm_id}' under resource group '{group or '<null>'}' was not "
        "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def check_name(kind: str, name: str, pattern: str, rule: str) -> None:
    if name != UNKNOWN and not re.fullmatch(pattern, name):
        raise documented(f"the {kind} name '{name}' is invalid: {rule}", _NAMES)


def check_registry(inputs: Properties) -> None:
    check_name(
        "registry",
        inputs["registryName"],
        "[A-Za-z0-9]{5,50}",
        "Resource names may contain alpha numeric characters only and must be between 5 and 50 "
        "characters.",
    )


def check_workspace(inputs: Properties) -> None:
    days = inputs.get("retentionInDays", 30)
    if days != UNKNOWN and not 30 <= days <= 730:
        raise refused(
            400,
            "BadRequest",
            "The value provided for retention is invalid. the expected value should be between "
            "30 to 730. see https://docs.microsoft.com/azure/azure-monitor/platform/"
            "manage-cost-storage#change-the-data-retention-period for more information",
        )


def check_container_group(inputs: Properties) -> None:
    """Everything that can be said about a group without looking at other resources."""
    group = inputs["containerGroupName"]
    check_name(
        "container group",
        group,
        r"(?!.*--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        "1-63 lower-case letters, digits and single hyphens, not at its ends",
    )
    containers = inputs["containers"]
    if len(containers) > 60:
        raise documented("a container group has at most 60 containers", _QUOTAS)
    for container in containers:
        _check_container(group, container, inputs.get("volumes") or [])
    _check_resources(inputs, containers)
    _check_volumes(inputs.get("volumes") or [])
    if address := inputs.get("ipAddress"):
        _check_address(group, inputs, address)
    identities = _user_identities(inputs)
    for credential in inputs.get("imageRegistryCredentials") or []:
        identity = credential.get("identity")
        if identity and UNKNOWN not in (identity, *identities) and identity not in identities:
            raise refused(
                400,
                "InvalidImageRegistryIdentity",
                f"The identity in the 'imageRegistryCredentials' of container group '{group}' not "
                "found in container group identity list.",
            )


def _check_container(group: str, container: Properties, volumes: list[Properties]) -> None:
    name = container["name"]
    if not re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) or len(name) > 63:
        raise refused(
            400,
            "InvalidContainerName",
            f"The container name '{name}' in container group '{group}' is invalid. The container "
            "name must contain no more than 63 characters and must match the regex "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?' (e.g. 'my-name').",
        )
    known = {volume["name"] for volume in volumes}
    for mount in container.get("volumeMounts") or []:
        if mount["name"] not in known:
            raise refused(
                400,
                "VolumesNotFound",
                f"Volumes '{mount['name']}' in container '{name}' are not found.",
            )
        if ":" in mount["mountPath"]:
            raise refused(
                400,
                "InvalidVolumeMountPath",
                f"The volume mount path '{mount['mountPath']}' in container '{name}' is invalid. "
                "It can't contain ':'.",
            )
    requests = (container.get("resources") or {}).get("requests") or {}
    if "cpu" not in requests or "memoryInGB" not in requests:
        raise refused(
            400,
            "ResourceRequestsNotSpecified",
            f"The resource requests are not specified in container '{name}' of contain group "
            f"'{group}'. Both memory and CPU requests are required since API version "
            "'2017-07-01-preview'.",
        )
    limits = container["resources"].get("limits") or {}
    for key, shown in (("cpu", "Cpu"), ("memoryInGB", "MemoryInGB")):
        if UNKNOWN in (requests[key], limits.get(key)):
            continue
        if limits.get(key, requests[key]) < requests[key]:
            asked = json.dumps(
                {"requests": _amounts(requests), "limits": _amounts(limits)},
                separators=(",", ":"),
            )
            raise refused(
                400,
                "ResourceLimitsLessThanRequests",
                f"The resource requirement '{asked}' in container '{name}' of contain group "
                f"'{group}' is invalid. The '{shown}' limit value must be greater than or equal to "
                "the request value.",
            )
    if requests.get("gpu"):
        raise documented("GPUs in container groups are retired as of July 14, 2025", _QUOTAS)


def _amounts(requests: Properties) -> dict[str, float]:
    """As Azure quotes them."""
    return {k: float(requests[k]) for k in ("memoryInGB", "cpu") if k in requests}


def _check_resources(inputs: Properties, containers: list[Properties]) -> None:
    asked = [c["resources"]["requests"] for c in containers]
    if any(UNKNOWN in (requests["cpu"], requests["memoryInGB"]) for requests in asked):
        return
    cpu = sum(requests["cpu"] for requests in asked)
    memory = sum(requests["memoryInGB"] for requests in asked)
    if cpu < 1 or memory < 1:
        raise documented(
            f"{cpu} CPU and {memory} GB are asked for; a container group is allocated a minimum "
            "of 1 CPU and 1 GB of memory",
            _GROUPS,
        )
    most_cpu, most_memory = (4, 16) if inputs.get("priority") == "Spot" else (31, 240)
    if cpu > most_cpu or memory > most_memory:
        raise refused(
            409,
            "ServiceUnavailable",
            f"The requested resource is not available in the location '{inputs.get('location')}' "
            "at this moment. Please retry with a different resource request or in another "
            f"location. Resource requested: '{cpu}' CPU '{memory}' GB memory 'Linux' OS",
        )


def _check_volumes(volumes: list[Properties]) -> None:
    names = [volume["name"] for volume in volumes]
    for name in names:
        if names.count(name) > 1:
            raise refused(400, "DuplicateVolumes", f"Duplicate volumes '{name}' are found.")
        check_name("volume", name, r"(?!.*--)[a-z0-9-]{5,63}", "5-63 lower-case letters, digits, -")
    for volume in volumes:
        for key, value in (volume.get("secret") or {}).items():
            if value == UNKNOWN:
                continue
            try:
                base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                raise documented(
                    f"the secret volume's value '{key}' is not Base64",
                    "https://learn.microsoft.com/azure/container-instances/"
                    "container-instances-volume-secret",
                ) from None


def _check_address(group: str, inputs: Properties, address: Properties) -> None:
    ports = address.get("ports") or []
    if not ports:
        raise refused(
            400,
            "MissingIpAddressPorts",
            f"The ports in the 'ipAddress' of container group '{group}' cannot be empty.",
        )
    if len(ports) > 5:
        raise documented(f"{len(ports)} ports on an IP address; there are at most 5", _QUOTAS)
    exposed = {p["port"] for c in inputs["containers"] for p in c.get("ports") or []}
    for port in ports:
        if UNKNOWN not in (port["port"], *exposed) and port["port"] not in exposed:
            raise documented(
                f"port {port['port']} of the IP address is exposed by no container, so nothing "
                "would answer",
                "https://learn.microsoft.com/azure/container-instances/"
                "container-instances-troubleshooting",
            )
    if address.get("type") == "Public":
        if inputs.get("subnetIds"):
            raise refused(
                400,
                "InvalidIpAddressTypeForNetworkProfile",
                "IP Address type can't be public when network profile is set.",
            )
        if inputs.get("priority") == "Spot":
            raise documented("Spot containers are not assigned a public IP address", _SPOT)
    label = address.get("dnsNameLabel")
    if label and label != UNKNOWN and not re.fullmatch("[a-z][a-z0-9-]{3,61}[a-z0-9]", label):
        raise refused(
            400,
            "BadRequest",
            f"The DNS name label '{label}' in container group '{group}' is invalid. It can contain "
            "only lowercase letters, numbers and hyphens. The first character must be a letter. "
            "The last character must be a letter or number. The value must be between 5 and 63 "
            "characters long.",
        )


def check_label_is_free(cloud: Cloud, arm_id: str, inputs: Properties) -> None:
    label = (inputs.get("ipAddress") or {}).get("dnsNameLabel")
    for other in cloud.all(CONTAINER_GROUP):
        taken = (other.inputs.get("ipAddress") or {}).get("dnsNameLabel")
        same_region = other.inputs.get("location") == inputs.get("location")
        if label and other.id != arm_id and taken == label and same_region:
            raise refused(
                400,
                "DnsNameLabelAlreadyTaken",
                f"The DNS name label '{label}' in container group "
                f"'{inputs['containerGroupName']}' is not available. Try using a different label.",
            )


def check_images_can_be_pulled(cloud: Cloud, inputs: Properties) -> None:
    """Each image was pushed, and the group's identity may pull it at this very moment."""
    for container in inputs["containers"]:
        image = container["image"]
        registry = registry_for(cloud, image)
        repository = image.split("/", 1)[-1]
        if registry is None and not image.startswith("localhost:"):
            continue  # somebody else's public registry: whether it has the image is not known here
        if registry and repository in registry.images and _may_pull(cloud, registry, inputs):
            continue
        raise refused(
            400,
            "InaccessibleImage",
            f"The image '{image}' in container group '{inputs['containerGroupName']}' is not "
            "accessible. Please check the image and registry credential.",
        )


def _may_pull(cloud: Cloud, registry: Record, inputs: Properties) -> bool:
    server = registry.outputs["loginServer"]
    credentials = inputs.get("imageRegistryCredentials") or []
    identity_ids = [c.get("identity") for c in credentials if c["server"] == server]
    identities = [record for i in identity_ids if i and (record := cloud.get(i))]
    principals = {record.outputs["principalId"] for record in identities}
    return any(
        assignment.inputs["scope"].lower() == registry.id.lower()
        and assignment.inputs["principalId"] in principals
        and assignment.inputs["roleDefinitionId"].endswith(ACR_PULL_ROLE)
        for assignment in cloud.all(ROLE_ASSIGNMENT)
    )


def check_update_is_allowed(old: Properties, new: Properties) -> None:
    """What a group cannot change while it exists."""

    def fixed(inputs: Properties) -> Any:
        return [
            [c.get("resources") for c in inputs["containers"]],
            *(inputs.get(k) for k in ("osType", "restartPolicy", "sku", "priority", "subnetIds")),
            inputs.get("zones"),
        ]

    if fixed(old) != fixed(new):
        raise refused(
            400,
            "InvalidContainerGroupUpdate",
            f"The updates on container group '{new['containerGroupName']}' are invalid. If you are "
            "going to update the os type, restart policy, network profile, CPU, memory or GPU "
            "resources for a container group, you must delete it first and then create a new one.",
        )


def check_resource_group_exists(cloud: Cloud, name: str) -> None:
    groups = cloud.all(RESOURCE_GROUP)
    if all(group.outputs["name"] != name for group in groups):
        raise refused(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def _user_identities(inputs: Properties) -> list[str]:
    return (inputs.get("identity") or {}).get("userAssignedIdentities") or []
