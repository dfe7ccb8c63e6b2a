"""What would be sent to Azure fits the models of Microsoft's own SDKs, field by field."""

from __future__ import annotations

import copy
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.containerinstance.models import ContainerGroup
from azure.mgmt.containerregistry.v2023_01_01_preview.models import Registry
from azure.mgmt.keyvault.models import (
    SecretCreateOrUpdateParameters,
    VaultCreateOrUpdateParameters,
)
from azure.mgmt.msi.v2023_01_31.models import Identity
from pulumi_azure_native import authorization, containerregistry, keyvault, managedidentity
from pulumi_azure_native import containerinstance as aci

from tests.unit.arm import api_version, body, fields_of, problems
from tests.unit.program import deploy

MODELS: dict[str, Any] = {
    "endpoint-group": ContainerGroup,
    "registry-acr": Registry,
    "registry-pull-identity": Identity,
    "registry-acr-pull": RoleAssignmentCreateParameters,
}
READER = "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c11"
OF_A_VAULT: dict[str, Any] = {
    "client-vault-vault": VaultCreateOrUpdateParameters,
    "client-vault-secret-alice": SecretCreateOrUpdateParameters,
    f"client-vault-reader-alice-{READER}": RoleAssignmentCreateParameters,
}
VARIANTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "local": ("local", {}),
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "without TLS": ("dev", {"tls": "none"}),
    "premium registry": ("prod", {"registrySku": "Premium"}),
    "readers": ("dev", {"clients": [{"name": "alice", "readers": [READER]}]}),
    "prebuilt model": ("dev", {"modelImage": {"ref": f"r.example.com/m@sha256:{'0' * 64}"}}),
}


BODIES = [
    *((name, variant) for name in MODELS for variant in VARIANTS),
    *((name, "readers") for name in OF_A_VAULT),
]


def sent(name: str, variant: str = "dev") -> dict[str, Any]:
    deployment = deploy(*VARIANTS[variant])
    return body(deployment[name], deployment.config["azure-native:location"])


@pytest.mark.parametrize(("name", "variant"), BODIES)
def test_a_body_has_no_field_too_many_none_missing_and_none_of_a_wrong_type(
    name: str, variant: str
) -> None:
    assert problems(sent(name, variant), {**MODELS, **OF_A_VAULT}[name]) == []


@pytest.mark.parametrize(("name", "variant"), BODIES)
def test_a_body_survives_the_models_own_reading_and_writing(name: str, variant: str) -> None:
    given, model = sent(name, variant), {**MODELS, **OF_A_VAULT}[name]

    written = model.deserialize(copy.deepcopy(given)).serialize()

    assert written == given


def test_the_bodies_are_not_empty() -> None:
    group = sent("endpoint-group")

    assert set(group) == {"location", "tags", "identity", "properties"}
    assert [set(c) for c in group["properties"]["containers"]] == [{"name", "properties"}] * 2
    assert set(sent("registry-acr")) == {"location", "tags", "sku", "properties"}
    assert set(sent("registry-pull-identity")) == {"location", "tags"}
    assert set(sent("registry-acr-pull")) == {"properties"}
    assert set(sent("client-vault-vault", "readers")) == {"location", "tags", "properties"}
    assert set(sent("client-vault-secret-alice", "readers")["properties"]) == {
        "value",
        "contentType",
        "attributes",
    }


SDK = {
    ContainerGroup: aci.ContainerGroup,
    Registry: containerregistry.Registry,
    Identity: managedidentity.UserAssignedIdentity,
    RoleAssignmentCreateParameters: authorization.RoleAssignment,
    VaultCreateOrUpdateParameters: keyvault.Vault,
    SecretCreateOrUpdateParameters: keyvault.Secret,
}


@pytest.mark.parametrize("model", dict.fromkeys([*MODELS.values(), *OF_A_VAULT.values()]))
def test_a_model_is_of_the_version_that_is_sent(model: Any) -> None:
    """Another would let properties pass that Azure does not take, or refuse those it does."""
    said = inspect.getsource(sys.modules[SDK[model].__module__])
    (version,) = set(re.findall(r"Uses Azure REST API version ([0-9a-z-]+)\.", said))

    assert api_version(model) == version


def test_the_checker_sees_what_is_required_and_what_only_azure_may_say() -> None:
    group, registry = fields_of(ContainerGroup), fields_of(Registry)
    assert group is not None
    assert registry is not None

    assert group["properties", "containers"].required
    assert not group["properties", "volumes"].required
    assert ("properties", "provisioningState") not in group
    assert registry["sku",].required
    assert not registry["tags",].required
    assert ("id",) not in registry


Change = Callable[[dict[str, Any]], object]


def container(group: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = group["properties"]["containers"][0]["properties"]
    return properties


WRONG: list[tuple[str, Change, str]] = [
    # Fields that do not exist, at every depth.
    ("endpoint-group", lambda g: g.update(sku="Standard"), "sku: there is no such field to send"),
    (
        "endpoint-group",
        lambda g: g["properties"].update(osTypes="Linux"),
        "properties.osTypes: there is no such field to send",
    ),
    (
        "endpoint-group",
        lambda g: container(g)["livenessProbe"].update(periodInSeconds=5),
        "properties.containers[0].properties.livenessProbe.periodInSeconds: there is no such "
        "field to send",
    ),
    (
        "endpoint-group",
        lambda g: container(g).update(environment_variables=[]),
        "properties.containers[0].properties.environment_variables: there is no such field to send",
    ),
    (
        "registry-acr",
        lambda r: r["properties"].update(adminEnabled=False),
        "properties.adminEnabled: there is no such field to send",
    ),
    (
        "registry-acr-pull",
        lambda a: a["properties"].update(scope="/"),
        "properties.scope: there is no such field to send",
    ),
    # What only Azure may say.
    (
        "registry-acr",
        lambda r: r["properties"].update(loginServer="x"),
        "properties.loginServer: there is no such field to send",
    ),
    (
        "registry-pull-identity",
        lambda i: i.update(properties={"clientId": "x"}),
        "properties: there is no such field to send",
    ),
    # Fields that are missing.
    (
        "endpoint-group",
        lambda g: g["properties"].pop("containers"),
        "properties.containers: is missing",
    ),
    (
        "endpoint-group",
        lambda g: container(g)["resources"]["requests"].pop("memoryInGB"),
        "properties.containers[0].properties.resources.requests.memoryInGB: is missing",
    ),
    ("registry-acr", lambda r: r.pop("sku"), "sku: is missing"),
    ("registry-acr", lambda r: r.pop("location"), "location: is missing"),
    ("registry-pull-identity", lambda i: i.pop("location"), "location: is missing"),
    (
        "registry-acr-pull",
        lambda a: a["properties"].pop("principalId"),
        "properties.principalId: is missing",
    ),
    # Values that are not known.
    (
        "endpoint-group",
        lambda g: g["properties"].update(restartPolicy="Sometimes"),
        "properties.restartPolicy: 'Sometimes' is not one of ['Always', 'OnFailure', 'Never']",
    ),
    (
        "endpoint-group",
        lambda g: container(g)["readinessProbe"]["httpGet"].update(scheme="HTTP"),
        "properties.containers[0].properties.readinessProbe.httpGet.scheme: 'HTTP' is not one of "
        "['http', 'https']",
    ),
    (
        "registry-acr",
        lambda r: r["sku"].update(name="Cheap"),
        "sku.name: 'Cheap' is not one of ['Classic', 'Basic', 'Standard', 'Premium']",
    ),
    # Types that are wrong.
    (
        "endpoint-group",
        lambda g: g["properties"]["ipAddress"]["ports"][0].update(port="443"),
        "properties.ipAddress.ports[0].port: '443' is no int",
    ),
    (
        "endpoint-group",
        lambda g: container(g)["resources"]["requests"].update(cpu=True),
        "properties.containers[0].properties.resources.requests.cpu: True is no float",
    ),
    (
        "endpoint-group",
        lambda g: g["properties"].update(containers={}),
        "properties.containers: {} is no list",
    ),
    (
        "endpoint-group",
        lambda g: g["identity"].update(userAssignedIdentities=["/a"]),
        "identity.userAssignedIdentities: ['/a'] is no object",
    ),
    ("endpoint-group", lambda g: g["tags"].update(cost=4711), "tags.cost: 4711 is no str"),
    (
        "registry-acr",
        lambda r: r["properties"].update(adminUserEnabled="false"),
        "properties.adminUserEnabled: 'false' is no bool",
    ),
    ("registry-acr", lambda r: r.update(sku="Basic"), "sku: 'Basic' is no object"),
    ("registry-acr", lambda r: r["properties"].update(policies=None), "is no object"),
]


@pytest.mark.parametrize(("name", "change", "problem"), WRONG, ids=[w[2] for w in WRONG])
def test_what_does_not_fit_is_found(name: str, change: Change, problem: str) -> None:
    wrong = sent(name)
    change(wrong)

    (found,) = problems(wrong, MODELS[name])

    assert found.endswith(problem)
