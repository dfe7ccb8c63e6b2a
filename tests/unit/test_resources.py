"""Which resources a stack has, where in the tree, and what all of them have in common."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.unit.program import ROOT, STACK_TYPE, STACKS, Deployment, deploy, run

URNS = Path(__file__).resolve().parent / "urns"
REGENERATE = "UPDATE_URNS=1 make test-unit ARGS='-k urns'"

INDEX = "mtls-model-endpoint:index:"
PRIVATE_KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"
SELF_SIGNED = "tls:index/selfSignedCert:SelfSignedCert"
LOCALLY_SIGNED = "tls:index/locallySignedCert:LocallySignedCert"
RANDOM_STRING = "random:index/randomString:RandomString"
RANDOM_UUID = "random:index/randomUuid:RandomUuid"
IMAGE = "docker:index/image:Image"

Resource = tuple[str, str, str]
"""Type, logical name, type of the parent."""

WITHOUT_TLS: set[Resource] = {
    ("azure-native:resources:ResourceGroup", "resource-group", STACK_TYPE),
    ("azure-native:operationalinsights:Workspace", "logs", STACK_TYPE),
    (RANDOM_STRING, "dns-label-suffix", STACK_TYPE),
    (f"{INDEX}ContainerRegistry", "registry", STACK_TYPE),
    (RANDOM_STRING, "registry-suffix", f"{INDEX}ContainerRegistry"),
    ("azure-native:containerregistry:Registry", "registry-acr", f"{INDEX}ContainerRegistry"),
    (
        "azure-native:managedidentity:UserAssignedIdentity",
        "registry-pull-identity",
        f"{INDEX}ContainerRegistry",
    ),
    (RANDOM_UUID, "registry-acr-pull-name", f"{INDEX}ContainerRegistry"),
    (
        "azure-native:authorization:RoleAssignment",
        "registry-acr-pull",
        f"{INDEX}ContainerRegistry",
    ),
    (f"{INDEX}ContainerImage", "model-image", STACK_TYPE),
    (f"{INDEX}ContainerGroup", "endpoint", STACK_TYPE),
    (
        "azure-native:containerinstance:ContainerGroup",
        "endpoint-group",
        f"{INDEX}ContainerGroup",
    ),
    (
        "azure-native:monitor:DiagnosticSetting",
        "endpoint-diagnostics",
        f"{INDEX}ContainerGroup",
    ),
}
MODEL_BUILD: set[Resource] = {(IMAGE, "model-image-build", f"{INDEX}ContainerImage")}


def leaf(component: str, name: str) -> set[Resource]:
    return {
        (f"{INDEX}{component}", name, STACK_TYPE),
        (PRIVATE_KEY, f"{name}-key", f"{INDEX}{component}"),
        (REQUEST, f"{name}-request", f"{INDEX}{component}"),
        (LOCALLY_SIGNED, f"{name}-certificate", f"{INDEX}{component}"),
    }


def authority(name: str) -> set[Resource]:
    return {
        (f"{INDEX}CertificateAuthority", name, STACK_TYPE),
        (PRIVATE_KEY, f"{name}-key", f"{INDEX}CertificateAuthority"),
        (SELF_SIGNED, f"{name}-certificate", f"{INDEX}CertificateAuthority"),
    }


def mutual_tls(*clients: str) -> set[Resource]:
    return {
        *authority("ca@1"),
        (f"{INDEX}NginxSidecar", "sidecar", STACK_TYPE),
        (f"{INDEX}ContainerImage", "sidecar-image", STACK_TYPE),
        (IMAGE, "sidecar-image-build", f"{INDEX}ContainerImage"),
        *leaf("ServerCertificate", "server"),
        *(resource for name in clients for resource in leaf("ClientCertificate", name)),
    }


EXPECTED = {
    "local": WITHOUT_TLS | MODEL_BUILD | mutual_tls("client-alice@1"),
    "dev": WITHOUT_TLS | MODEL_BUILD | mutual_tls("client-alice@1", "client-ci-smoke-test@1"),
    "prod": WITHOUT_TLS | MODEL_BUILD | mutual_tls("client-billing@1", "client-web-shop@1"),
}


def found(deployment: Deployment) -> set[Resource]:
    return {(r.type, r.name, r.parent_type) for r in deployment.resources if r.parent}


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_exactly_these_resources_below_these_parents(stack: str) -> None:
    assert found(deploy(stack)) == EXPECTED[stack]


@pytest.mark.parametrize("stack", STACKS)
def test_a_preview_shows_the_resources_that_an_update_makes(stack: str) -> None:
    assert found(deploy(stack, preview=True)) == EXPECTED[stack]


@pytest.mark.parametrize("stack", STACKS)
def test_urns_stay_as_they_are(stack: str) -> None:
    snapshot = URNS / f"{stack}.txt"
    urns = "".join(sorted(f"{r.urn}\n" for r in deploy(stack).resources))
    if os.environ.get("UPDATE_URNS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(urns)

    assert snapshot.read_text() == urns, (
        "A URN changed: Pulumi would delete that resource and make another one. If this is a "
        "renaming or a move, the resource needs an alias (ResourceOptions(aliases=...)) for what "
        f"it was called. Then write the snapshot again: {REGENERATE}"
    )


@pytest.mark.parametrize("stack", STACKS)
def test_names_carry_neither_stack_nor_region(stack: str) -> None:
    name_changed = deploy(stack, {"modelName": "other", "dnsLabel": "elsewhere"})
    moved = deploy(stack, {"azure-native:location": "northeurope"})

    assert name_changed.names == moved.names == deploy(stack).names


def test_one_more_client_is_one_more_certificate_and_nothing_else() -> None:
    more = deploy("dev", {"clients": [{"name": n} for n in ("alice", "ci-smoke-test", "zoe")]})

    assert found(more) - found(deploy("dev")) == leaf("ClientCertificate", "client-zoe@1")
    assert found(deploy("dev")) - found(more) == set()


def test_client_names_that_look_like_names_of_children_do_not_clash() -> None:
    names = ["a", "a-key", "a-certificate", "ca", "server"]

    deployment = deploy("dev", {"clients": [{"name": name} for name in names]})

    assert len(deployment.of("ClientCertificate")) == len(names)


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_that_takes_tags_has_all_of_them(stack: str) -> None:
    tagged = {r.name: r.inputs["tags"] for r in deploy(stack).resources if "tags" in r.inputs}

    assert set(tagged) == {
        "resource-group",
        "logs",
        "registry-acr",
        "registry-pull-identity",
        "endpoint-group",
    }
    own = {
        "local": {},
        "dev": {"owner": "ml-platform"},
        "prod": {"owner": "ml-platform", "costCentre": "4711"},
    }[stack]
    origin = {
        "project": "mtls-model-endpoint",
        "stack": stack,
        "environment": "prod" if stack == "prod" else "dev",
    }
    assert all(tags == {**own, **origin} for tags in tagged.values())


def test_production_protects_what_must_not_be_deleted() -> None:
    assert {r.name for r in deploy("prod").resources if r.protect} == {
        "resource-group",
        "ca@1-key",
        # The registry with the name that images are called by. Not the permission to pull, which
        # a preview may want to replace: see components/registry.py.
        "registry",
        "registry-suffix",
        "registry-acr",
    }


@pytest.mark.parametrize("stack", ["local", "dev"])
def test_nothing_is_protected_outside_production(stack: str) -> None:
    assert not [r.name for r in deploy(stack).resources if r.protect]


@pytest.mark.parametrize("stack", STACKS)
def test_no_other_resources_than_these_have_options_of_their_own(stack: str) -> None:
    deployment = deploy(stack)
    special = {
        r.name: sorted(options) for r in deployment.resources if (options := options_of(r.request))
    }
    clients = deployment.of("ClientCertificate")

    assert special == {
        "endpoint-group": [
            "customTimeouts",
            "deleteBeforeReplace",
            "ignoreChanges",
            "replaceOnChanges",
            "replacement_trigger",
        ],
        "endpoint-diagnostics": ["deleteBeforeReplace"],
        "ca@1-key": ["ignoreChanges"],
        "ca@1-certificate": ["ignoreChanges"],
        "server-key": ["replacement_trigger"],
        **{f"{client}-key": ["ignoreChanges"] for client in clients},
    }


def options_of(request: Any) -> dict[str, str]:
    """Resource options, but for parent, dependencies, protection and what the SDK fills in."""
    names = {
        "customTimeouts",
        "deleteBeforeReplace",
        "deletedWith",
        "hideDiffs",
        "ignoreChanges",
        "importId",
        "providers",
        "replaceOnChanges",
        "replace_with",
        "replacement_trigger",
        "retainOnDelete",
        "transforms",
        # A generated SDK fills these in for its resources.
        *(() if request.custom else ("aliases", "additionalSecretOutputs")),
    }
    return {field.name: str(value) for field, value in request.ListFields() if field.name in names}


def test_components_hand_nothing_of_their_callers_options_on_to_their_children() -> None:
    def children(options: dict[str, Any]) -> dict[str, tuple[dict[str, str], frozenset[str]]]:
        deployment = run(lambda: all_components(options))
        assert deployment.error is None
        return {
            r.name: (options_of(r.request), r.waits_for)
            for r in deployment.resources
            if r.parent_type.startswith(INDEX)
        }

    without = children({})

    assert len(without) == 22
    assert children(CALLERS_OPTIONS) == without


ECDSA_FOR_TWO_DAYS: dict[str, Any] = {
    "key_algorithm": "ECDSA-P256",
    "validity_days": 2,
    "renew_before_days": 1,
}
CALLERS_OPTIONS: dict[str, Any] = {
    "ignore_changes": ["tags"],
    "replace_on_changes": ["tags"],
    "delete_before_replace": True,
    "retain_on_delete": True,
    "custom_timeouts": pulumi.CustomTimeouts(create="1m"),
}


def all_components(options: dict[str, Any]) -> None:
    """One of each kind; what they are made from does not matter here."""
    import pulumi_random as random  # noqa: PLC0415

    from components import certificates as pki  # noqa: PLC0415
    from components.client_vault import (  # noqa: PLC0415
        ClientSecret,
        ClientVault,
        ClientVaultArgs,
    )
    from components.container_group import ContainerGroup, ContainerGroupArgs  # noqa: PLC0415
    from components.container_image import ContainerImage, ContainerImageArgs  # noqa: PLC0415
    from components.registry import ContainerRegistry, ContainerRegistryArgs  # noqa: PLC0415

    before = random.RandomUuid("before")

    def opts() -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(**options, depends_on=[before] if options else None)

    registry = ContainerRegistry(
        "registry",
        ContainerRegistryArgs(
            resource_group_name="g", sku="Basic", tags={}, role_propagation=timedelta(0)
        ),
        opts(),
    )
    ContainerImage(
        "image", ContainerImageArgs(push_to=registry.push_target("a"), context="c"), opts()
    )
    ca = pki.CertificateAuthority(
        "ca",
        pki.CertificateAuthorityArgs(common_name="CA", **ECDSA_FOR_TWO_DAYS),
        opts(),
    )
    issuer = pki.Issuer(certificate_pem=ca.certificate_pem, private_key_pem=ca.private_key_pem)
    leaf = pki.LeafCertificateArgs(issuer=issuer, common_name="leaf", **ECDSA_FOR_TWO_DAYS)
    pki.ServerCertificate("server", leaf, opts())
    pki.ClientCertificate("client", leaf, opts())
    ContainerGroup(
        "group",
        ContainerGroupArgs(
            resource_group_name="g",
            containers=[],
            volumes=[],
            public_port=443,
            dns_label="label",
            dns_label_scope="Unsecure",
            image_pull=registry.image_pull(),
            workspace_id="w",
            tags={},
        ),
        opts(),
    )
    ClientVault(
        "vault",
        ClientVaultArgs(
            resource_group_name="g",
            secrets={
                "a": ClientSecret(value="{}", not_after="2999-01-01T00:00:00Z", readers=["reader"])
            },
            valid_with=ca,
            workspace_id="w",
            tags={},
        ),
        opts(),
    )


@pytest.mark.parametrize("stack", STACKS)
def test_every_component_registers_its_outputs(stack: str) -> None:
    deployment = deploy(stack)
    registered = {
        resource.type.removeprefix(INDEX): set(deployment.registered_outputs[resource.urn])
        for resource in deployment.resources
        if resource.type.startswith(INDEX)
    }

    leaf_outputs = {"certificatePem", "privateKeyPem", "serialNumber"}
    assert registered == {
        "ContainerRegistry": {"loginServer", "pullIdentityId"},
        "ContainerImage": {"reference"},
        "CertificateAuthority": {"certificatePem"},
        "ServerCertificate": leaf_outputs,
        "ClientCertificate": leaf_outputs,
        "NginxSidecar": {"enforces"},
        "ContainerGroup": {"fqdn"},
    }


def test_a_preview_asks_nobody_for_a_token() -> None:
    preview = deploy("dev", preview=True)

    assert preview.calls == []
    assert preview.token_exchanges == []


def test_the_snapshots_are_those_of_the_committed_stacks() -> None:
    committed = {path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml")}

    assert {path.stem for path in URNS.iterdir()} == committed == set(STACKS)
