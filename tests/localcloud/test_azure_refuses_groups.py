"""A container group that Azure would not take is refused before anything is started or written."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest

from common.refusal import Refusal
from tests.localcloud.arm import GROUP, REGISTRY, Arm, Properties
from tests.localcloud.containers import FOREVER

Change = Callable[[Properties], None]
"""Makes of a group that Azure takes one that it may not."""

QUOTAS = (
    " (https://learn.microsoft.com/azure/container-instances/"
    "container-instances-resource-and-quota-limits)"
)
NAMES = " (https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules)"
GROUPS = (
    " (https://learn.microsoft.com/azure/container-instances/container-instances-container-groups)"
)
SPOT = (
    " (https://learn.microsoft.com/azure/container-instances/"
    "container-instances-spot-containers-overview)"
)


def container(**changes: Any) -> Change:
    return lambda group: group["containers"][0].update(changes)


def asks_for(cpu: float, memory: float, **more: Any) -> Change:
    return container(resources={"requests": {"cpu": cpu, "memoryInGB": memory, **more}})


def group(**changes: Any) -> Change:
    return lambda inputs: inputs.update(changes)


def address(**changes: Any) -> Change:
    return lambda inputs: inputs["ipAddress"].update(changes)


def secret(value: str) -> Change:
    return group(volumes=[{"name": "files", "secret": {"a.key": value}}])


def containers(number: int) -> Change:
    def change(inputs: Properties) -> None:
        # Each with a small share, so that it is the number that is too large.
        one = {**inputs["containers"][0], "resources": {"requests": {"cpu": 0.1, "memoryInGB": 1}}}
        inputs["containers"] = [{**one, "name": f"c{i}"} for i in range(number)]

    return change


def ports(number: int) -> Change:
    def change(inputs: Properties) -> None:
        given = [{"port": 40000 + i, "protocol": "TCP"} for i in range(number)]
        inputs["containers"][0]["ports"] = inputs["ipAddress"]["ports"] = given

    return change


def no_volumes(inputs: Properties) -> None:
    inputs.pop("volumes")
    inputs["containers"][0].pop("volumeMounts")


def azure(status: int, code: str, message: str) -> str:
    return f'Status={status} Code="{code}" Message="{message}"'


def label(name: str) -> str:
    return azure(
        400,
        "BadRequest",
        f"The DNS name label '{name}' in container group 'endpoint' is invalid. It can contain "
        "only lowercase letters, numbers and hyphens. The first character must be a letter. The "
        "last character must be a letter or number. The value must be between 5 and 63 characters "
        "long.",
    )


def name(kind: str, given: str, rule: str) -> str:
    return f"Azure refuses this: the {kind} name '{given}' is invalid: {rule}{NAMES}"


def too_large(cpu: float, memory: float) -> str:
    return azure(
        409,
        "ServiceUnavailable",
        "The requested resource is not available in the location 'westeurope' at this moment. "
        "Please retry with a different resource request or in another location. Resource "
        f"requested: '{cpu}' CPU '{memory}' GB memory 'Linux' OS",
    )


def too_small(cpu: float, memory: float) -> str:
    return (
        f"Azure refuses this: {cpu} CPU and {memory} GB are asked for; a container group is "
        f"allocated a minimum of 1 CPU and 1 GB of memory{GROUPS}"
    )


GROUP_NAME = "1-63 lower-case letters, digits and single hyphens, not at its ends"
VOLUME_NAME = "5-63 lower-case letters, digits, -"
NO_REQUESTS = azure(
    400,
    "ResourceRequestsNotSpecified",
    "The resource requests are not specified in container 'model' of contain group 'endpoint'. "
    "Both memory and CPU requests are required since API version '2017-07-01-preview'.",
)
NOT_BASE64 = (
    "Azure refuses this: the secret volume's value 'a.key' is not Base64 (https://"
    "learn.microsoft.com/azure/container-instances/container-instances-volume-secret)"
)
NO_SUCH_IDENTITY = azure(
    400,
    "InvalidImageRegistryIdentity",
    "The identity in the 'imageRegistryCredentials' of container group 'endpoint' not found in "
    "container group identity list.",
)
NO_PORTS = azure(
    400,
    "MissingIpAddressPorts",
    "The ports in the 'ipAddress' of container group 'endpoint' cannot be empty.",
)

REFUSED: dict[str, tuple[Change, str]] = {
    "name with capitals": (
        group(containerGroupName="Ends"),
        name("container group", "Ends", GROUP_NAME),
    ),
    "name with two hyphens": (
        group(containerGroupName="a--b"),
        name("container group", "a--b", GROUP_NAME),
    ),
    "name that ends so": (
        group(containerGroupName="a-"),
        name("container group", "a-", GROUP_NAME),
    ),
    "name too long": (
        group(containerGroupName="a" * 64),
        name("container group", "a" * 64, GROUP_NAME),
    ),
    "six ports": (
        ports(6),
        f"Azure refuses this: 6 ports on an IP address; there are at most 5{QUOTAS}",
    ),
    "no port": (address(ports=[]), NO_PORTS),
    "a port of no container": (
        address(ports=[{"port": 40001}]),
        "Azure refuses this: port 40001 of the IP address is exposed by no container, so nothing "
        "would answer (https://learn.microsoft.com/azure/container-instances/"
        "container-instances-troubleshooting)",
    ),
    "61 containers": (
        containers(61),
        f"Azure refuses this: a container group has at most 60 containers{QUOTAS}",
    ),
    "half a CPU": (asks_for(0.5, 1), too_small(0.5, 1)),
    "half a GB": (asks_for(1, 0.5), too_small(1, 0.5)),
    "32 CPU": (asks_for(32, 1), too_large(32, 1)),
    "241 GB": (asks_for(1, 241), too_large(1, 241)),
    "no memory": (container(resources={"requests": {"cpu": 1}}), NO_REQUESTS),
    "no resources": (container(resources={}), NO_REQUESTS),
    "a GPU": (
        asks_for(1, 1, gpu={"count": 1, "sku": "V100"}),
        f"Azure refuses this: GPUs in container groups are retired as of July 14, 2025{QUOTAS}",
    ),
    "Spot with an address": (
        group(priority="Spot"),
        f"Azure refuses this: Spot containers are not assigned a public IP address{SPOT}",
    ),
    "an address in a subnet": (
        group(subnetIds=[{"id": "/subnet"}]),
        azure(
            400,
            "InvalidIpAddressTypeForNetworkProfile",
            "IP Address type can't be public when network profile is set.",
        ),
    ),
    "a label too short": (address(dnsNameLabel="abcd"), label("abcd")),
    "a label too long": (address(dnsNameLabel="a" * 64), label("a" * 64)),
    "a label with capitals": (address(dnsNameLabel="Endpoint"), label("Endpoint")),
    "a label that begins with a digit": (address(dnsNameLabel="1abcd"), label("1abcd")),
    "a label that ends in a hyphen": (address(dnsNameLabel="abcd-"), label("abcd-")),
    "a volume twice": (
        group(volumes=[{"name": "files"}, {"name": "files"}]),
        azure(400, "DuplicateVolumes", "Duplicate volumes 'files' are found."),
    ),
    "no volume": (
        group(volumes=[]),
        azure(400, "VolumesNotFound", "Volumes 'files' in container 'model' are not found."),
    ),
    "a volume's name": (
        lambda inputs: inputs["volumes"].append({"name": "a"}),
        name("volume", "a", VOLUME_NAME),
    ),
    "a colon in a path": (
        container(volumeMounts=[{"name": "files", "mountPath": "/a:b"}]),
        azure(
            400,
            "InvalidVolumeMountPath",
            "The volume mount path '/a:b' in container 'model' is invalid. It can't contain ':'.",
        ),
    ),
    "a secret in plain text": (secret("YWJj, YWJj"), NOT_BASE64),
    "a secret cut short": (secret("YWI"), NOT_BASE64),
    "an identity not in the list": (
        group(identity={"type": "UserAssigned", "userAssignedIdentities": []}),
        NO_SUCH_IDENTITY,
    ),
    "no identity": (lambda inputs: inputs.pop("identity"), NO_SUCH_IDENTITY),
    "no resource group": (
        group(resourceGroupName="gone"),
        azure(404, "ResourceGroupNotFound", "Resource group 'gone' could not be found."),
    ),
}

TAKEN: dict[str, Change] = {
    "as it is": group(),
    "five ports": ports(5),
    "60 containers": containers(60),
    "31 CPU and 240 GB": asks_for(31, 240),
    "a name of 63 characters": group(containerGroupName="a" * 63),
    "a label of 5 characters": address(dnsNameLabel="a-b-c"),
    "a label of 63 characters": address(dnsNameLabel="a" * 63),
    "Spot without an address": group(priority="Spot", ipAddress=None),
    "a subnet without an address": group(subnetIds=[{"id": "/subnet"}], ipAddress=None),
    "no volume that none mounts": no_volumes,
}


@pytest.fixture
def inputs(arm: Arm) -> Properties:
    """Of a group that Azure takes."""
    return {
        **arm.group(
            ["sh", "-c", FOREVER],
            ports=[{"port": 40000, "protocol": "TCP"}],
            volumeMounts=[{"name": "files", "mountPath": "/etc/files"}],
        ),
        "volumes": [{"name": "files", "secret": {"a.key": base64.b64encode(b"a").decode()}}],
        "ipAddress": {
            "type": "Public",
            "ports": [{"port": 40000, "protocol": "TCP"}],
            "dnsNameLabel": "endpoint",
        },
    }


def refusal(arm: Arm, inputs: Properties) -> str:
    """Of a group that would be started otherwise; makes sure that nothing was."""
    stored = (arm.folder / "resources.json").read_text()
    with pytest.raises(Refusal) as refused:
        arm.create(GROUP, **inputs)
    assert (arm.folder / "resources.json").read_text() == stored
    assert not (arm.folder / "g").exists()
    assert arm.said == []
    return str(refused.value)


@pytest.mark.parametrize("case", list(REFUSED))
def test_azure_refuses(arm: Arm, inputs: Properties, case: str) -> None:
    change, text = REFUSED[case]
    change(inputs)

    assert refusal(arm, inputs) == text


@pytest.mark.parametrize("case", list(TAKEN))
def test_azure_takes(arm: Arm, inputs: Properties, case: str) -> None:
    """The limits are where Azure has them, not below."""
    arm.groups.records_only = True
    TAKEN[case](inputs)

    assert arm.create(GROUP, **inputs).inputs["containers"] == inputs["containers"]


def test_a_label_is_taken_once_in_a_region(arm: Arm, inputs: Properties) -> None:
    arm.groups.records_only = True
    first = arm.create(GROUP, **inputs)
    second = {**copy.deepcopy(inputs), "containerGroupName": "second"}

    assert refusal_of_a_second(arm, second) == azure(
        400,
        "DnsNameLabelAlreadyTaken",
        "The DNS name label 'endpoint' in container group 'second' is not available. Try using a "
        "different label.",
    )
    arm.create(GROUP, **second, location="northeurope")
    arm.delete(first)
    arm.create(GROUP, **{**second, "containerGroupName": "third"})


def refusal_of_a_second(arm: Arm, inputs: Properties) -> str:
    with pytest.raises(Refusal) as refused:
        arm.create(GROUP, **inputs)
    return str(refused.value)


def test_a_group_that_is_there_is_not_created_again(arm: Arm, inputs: Properties) -> None:
    arm.groups.records_only = True
    record = arm.create(GROUP, **inputs)

    assert refusal_of_a_second(arm, inputs) == (
        f"cannot create already existing resource {record.id}. Type `make down` to remove what an "
        "interrupted run left behind."
    )


@pytest.mark.parametrize("what", ["pushed", "permitted", "its own registry's", "asked for"])
def test_an_image_has_to_be_pushed_and_the_identity_permitted(
    arm: Arm, inputs: Properties, what: str
) -> None:
    """The very same answer, whichever is missing: Azure says no more."""
    image = inputs["containers"][0]["image"]
    match what:
        case "pushed":
            (registry,) = arm.cloud.all(REGISTRY)
            registry.images.clear()
        case "permitted":
            (permission,) = arm.cloud.all("azure-native:authorization:RoleAssignment")
            arm.delete(permission)
        case "its own registry's":
            other = arm.create(REGISTRY, resourceGroupName="rg", registryName="other12345")
            other.images["model@sha256:0"] = str(arm.folder)
            image = f"{other.outputs['loginServer']}/model@sha256:0"
            inputs["containers"][0]["image"] = image
        case "asked for":
            inputs.pop("imageRegistryCredentials")

    with pytest.raises(Refusal) as refused:
        arm.create(GROUP, **inputs)

    assert str(refused.value) == azure(
        400,
        "InaccessibleImage",
        f"The image '{image}' in container group 'endpoint' is not accessible. Please check the "
        "image and registry credential.",
    )
    assert not (arm.folder / "g").exists()
