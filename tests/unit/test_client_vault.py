"""The key vault: a secret for each client with readers, for these and nobody else."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

from clients import contract
from common import contract as schema
from tests.unit.plugins import SUBSCRIPTION, TENANT_ID, certificate_pem, private_key_pem
from tests.unit.program import STACK_TYPE, STACKS, Deployment, deploy
from tests.unit.properties import UNKNOWN, Secret, plain
from tests.unit.test_resources import INDEX, RANDOM_STRING, RANDOM_UUID, Resource, found

SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
APP = "0a8f5a52-6d8e-4a1c-9a53-0d8a3b6f4c11"
GROUP = "0a8f5a52-6d8e-4a1c-9a53-0d8a3b6f4c12"
OTHER = "0a8f5a52-6d8e-4a1c-9a53-0d8a3b6f4c13"
CLIENTS: list[dict[str, Any]] = [
    {"name": "alice", "generations": [1, 2], "readers": [APP], "readerGroups": [GROUP]},
    {"name": "bob", "readers": [OTHER]},
    {"name": "carol"},
]
VAULT = f"{INDEX}ClientVault"


def deployed(clients: object = CLIENTS, **options: Any) -> Deployment:
    return deploy("dev", {"clients": clients}, **options)


def reader(client: str, object_id: str) -> set[Resource]:
    name = f"client-vault-reader-{client}-{object_id}"
    return {
        ("azure-native:authorization:RoleAssignment", name, VAULT),
        (RANDOM_UUID, f"{name}-name", VAULT),
    }


EXPECTED: set[Resource] = {
    (VAULT, "client-vault", STACK_TYPE),
    (RANDOM_STRING, "client-vault-suffix", VAULT),
    ("azure-native:keyvault:Vault", "client-vault-vault", VAULT),
    ("azure-native:monitor:DiagnosticSetting", "client-vault-diagnostics", VAULT),
    ("azure-native:keyvault:Secret", "client-vault-secret-alice", VAULT),
    ("azure-native:keyvault:Secret", "client-vault-secret-bob", VAULT),
    *reader("alice", APP),
    *reader("alice", GROUP),
    *reader("bob", OTHER),
}


@pytest.mark.parametrize("preview", [False, True])
def test_readers_add_exactly_these_resources(preview: bool) -> None:
    without = deployed(
        [{k: v for k, v in c.items() if not k.startswith("reader")} for c in CLIENTS]
    )

    assert found(deployed(preview=preview)) - found(without) == EXPECTED
    assert found(without) - found(deployed(preview=preview)) == set()


@pytest.mark.parametrize("stack", STACKS)
def test_without_readers_there_is_no_vault_and_nobody_is_asked_for_the_tenant(stack: str) -> None:
    deployment = deploy(stack)

    assert not deployment.of("Vault")
    assert not deployment.of("Secret")
    assert [call for call, _ in deployment.calls] == ["azure-native:authorization:getClientToken"]
    assert deployment.exports["clientSecrets"] == {}


def test_a_group_alone_makes_a_vault() -> None:
    assert deployed([{"name": "alice", "readerGroups": [GROUP]}]).of("Secret")


def test_the_last_reader_takes_the_vault_along() -> None:
    clients = [{"name": "alice", "readers": [], "readerGroups": []}]

    assert not deployed(clients).of("ClientVault")


def test_the_vault_goes_by_roles_and_cannot_be_purged() -> None:
    deployment = deployed()

    assert deployment["client-vault-vault"].inputs == {
        "vaultName": f"clients-{deployment['client-vault-suffix'].outputs['result']}",
        "resourceGroupName": deployment["resource-group"].outputs["name"],
        "properties": {
            "tenantId": TENANT_ID,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
            "enablePurgeProtection": True,
            "softDeleteRetentionInDays": 7,
            # The SDK's own defaults: no service of Azure gets at a secret, and the network is open.
            "enabledForDeployment": False,
            "enabledForDiskEncryption": False,
            "enabledForTemplateDeployment": False,
            "publicNetworkAccess": "enabled",
        },
        "tags": deployment["resource-group"].inputs["tags"],
    }


def test_the_vaults_name_is_within_azures_rule_and_ends_at_random() -> None:
    deployment = deployed()
    name = deployment["client-vault-vault"].inputs["vaultName"]

    assert deployment["client-vault-suffix"].inputs == {
        "length": 12,
        "special": False,
        "upper": False,
        # In another group it is another vault, and the old one's name is taken for a while.
        "keepers": {"resource_group": deployment["resource-group"].outputs["name"]},
    }
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,22}[a-z0-9]", name)
    assert "--" not in name


def test_who_asked_for_a_secret_goes_to_the_workspace() -> None:
    deployment = deployed()

    assert deployment["client-vault-diagnostics"].inputs == {
        "name": "to-workspace",
        "resourceUri": deployment["client-vault-vault"].outputs["id"],
        "workspaceId": deployment["logs"].outputs["id"],
        "logs": [{"category": "AuditEvent", "enabled": True}],
    }


def test_a_secret_has_a_name_of_its_own_and_ends_with_its_certificate() -> None:
    deployment = deployed()
    secret = deployment["client-vault-secret-bob"].inputs
    ends = deployment["client-bob@1-certificate"].outputs["validityEndTime"]

    assert {k: v for k, v in secret.items() if k != "properties"} == {
        "resourceGroupName": deployment["resource-group"].outputs["name"],
        "vaultName": deployment["client-vault-vault"].inputs["vaultName"],
        "secretName": "client-bob",
    }
    assert set(secret["properties"]) == {"value", "contentType", "attributes"}
    assert secret["properties"]["contentType"] == "application/json"
    assert secret["properties"]["attributes"] == {
        "expires": datetime.fromisoformat(ends).timestamp()
    }


@pytest.mark.parametrize("preview", [False, True])
def test_of_a_secret_the_value_is_secret_and_nothing_else(preview: bool) -> None:
    for secret in deployed(preview=preview).of("Secret").values():
        assert isinstance(secret.inputs["properties"].pop("value"), Secret)
        assert "Secret(" not in str(secret.inputs)


def value(deployment: Deployment, client: str) -> dict[str, Any]:
    properties = deployment[f"client-vault-secret-{client}"].inputs["properties"]
    parsed: dict[str, Any] = json.loads(plain(properties["value"]))
    return parsed


def test_a_secrets_value_is_the_stacks_outputs_as_far_as_they_are_the_clients() -> None:
    deployment = deployed()
    exports = {name: plain(output) for name, output in deployment.exports.items()}
    mine = exports["clientCertificates"]["alice"]

    assert value(deployment, "alice") == {
        "endpoint": exports["endpoint"],
        "clientCertificates": {"alice": {**mine, "earlierGenerations": []}},
    }
    assert mine["generation"] == 2
    assert mine["certificatePem"] == certificate_pem("client-alice@2-certificate")
    assert mine["privateKeyPem"] == private_key_pem("client-alice@2-key")


def test_what_reads_the_outputs_reads_a_secret() -> None:
    held = value(deployed(), "bob")

    for output, part in held.items():
        assert schema.check(output, part) == part
    endpoint = contract.endpoint(held)
    issued = contract.client_certificate(held, "bob")
    assert endpoint.predict_url.endswith("/v1/models/demo:predict")
    assert issued.private_key_pem == private_key_pem("client-bob@1-key")


def test_a_secret_has_the_clients_own_key_and_nobody_elses() -> None:
    deployment = deployed()
    keys = [key.outputs["privateKeyPem"] for key in deployment.of("PrivateKey").values()]

    for client, key in (("alice", "client-alice@2-key"), ("bob", "client-bob@1-key")):
        text = json.loads(json.dumps(value(deployment, client)))
        assert [k for k in keys if json.dumps(k)[1:-1] in json.dumps(text)] == [
            private_key_pem(key)
        ]


@pytest.mark.parametrize(
    ("client", "object_id", "kind"),
    [
        ("alice", APP, "ServicePrincipal"),
        ("alice", GROUP, "Group"),
        ("bob", OTHER, "ServicePrincipal"),
    ],
)
def test_a_reader_may_read_one_secret_and_do_nothing_else(
    client: str, object_id: str, kind: str
) -> None:
    deployment = deployed()
    name = f"client-vault-reader-{client}-{object_id}"
    vault = deployment["client-vault-vault"].outputs["id"]

    assert deployment[name].inputs == {
        "roleAssignmentName": deployment[f"{name}-name"].outputs["result"],
        "scope": f"{vault}/secrets/client-{client}",
        "roleDefinitionId": (
            f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{SECRETS_USER}"
        ),
        "principalId": object_id,
        "principalType": kind,
    }


def test_an_object_id_is_written_as_azure_answers_it() -> None:
    deployment = deployed([{"name": "alice", "readers": [APP.upper()]}])

    assert deployment[f"client-vault-reader-alice-{APP}"].inputs["principalId"] == APP


def test_nobody_gets_a_certificate_before_the_endpoint_knows_it() -> None:
    deployment = deployed()

    for secret in deployment.of("Secret").values():
        assert "endpoint-group" in secret.waits_for


def test_a_vault_that_goes_takes_its_secrets_along() -> None:
    """Deleting one by one needs rights that the deployer may not have."""
    deployment = deployed()
    vault = deployment["client-vault-vault"].urn

    assert {s.request.deletedWith for s in deployment.of("Secret").values()} == {vault}


def test_the_stack_says_where_each_secret_is() -> None:
    deployment = deployed()
    vault = deployment["client-vault-vault"].inputs["vaultName"]

    assert deployment.exports["clientSecrets"] == {
        "alice": f"https://{vault}.vault.azure.net/secrets/client-alice",
        "bob": f"https://{vault}.vault.azure.net/secrets/client-bob",
    }
    assert deployed(preview=True).exports["clientSecrets"] == {"alice": UNKNOWN, "bob": UNKNOWN}


def test_the_longest_name_of_a_client_still_makes_a_name_of_a_secret() -> None:
    secret = deployed([{"name": "a" * 64, "readers": [APP]}]).of("Secret").popitem()[1]

    assert len(secret.inputs["secretName"]) <= 127
