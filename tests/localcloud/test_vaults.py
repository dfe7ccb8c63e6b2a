"""Key vaults as they stand in: names, what is never answered, and who may read which secret."""

from __future__ import annotations

from typing import Any

import pytest

from common.refusal import Refusal
from localcloud.azure import vaults
from localcloud.azure.cloud import Record
from localcloud.plugins.base import UNKNOWN
from tests.localcloud.arm import RESOURCE_GROUP, ROLE_ASSIGNMENT, SECRET, VAULT, Arm, urn

USER = "/providers/x/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"
ACR_PULL = "/providers/x/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d"
ALICES_APP, BOBS_APP = "reader-of-alice", "reader-of-bob"


def refusal(action: Any, *args: Any, **inputs: Any) -> str:
    with pytest.raises(Refusal) as refused:
        action(*args, **inputs)
    return str(refused.value)


def vault(arm: Arm) -> Record:
    arm.create(RESOURCE_GROUP, resourceGroupName="rg")
    return arm.create(VAULT, resourceGroupName="rg", vaultName="clients-1", properties={})


def secret(arm: Arm, client: str) -> Record:
    return arm.create(
        SECRET,
        resourceGroupName="rg",
        vaultName="clients-1",
        secretName=f"client-{client}",
        properties={"value": f"bundle of {client}", "contentType": "application/json"},
    )


def give(arm: Arm, principal: str, scope: str, role: str = USER) -> Record:
    return arm.create(ROLE_ASSIGNMENT, scope=scope, principalId=principal, roleDefinitionId=role)


@pytest.mark.parametrize("name", ["abc", "a" * 24, "clients-0123456789ab", "A-1"])
def test_a_vault_name_within_the_rule(arm: Arm, name: str) -> None:
    assert arm.check(VAULT, vaultName=name, properties={})["vaultName"] == name


@pytest.mark.parametrize("name", ["ab", "a" * 25, "1abc", "abc-", "a--b", "a_b", "a.b", ""])
def test_a_vault_name_outside_the_rule(arm: Arm, name: str) -> None:
    assert refusal(arm.check, VAULT, vaultName=name, properties={}) == (
        f'Status=400 Code="VaultNameNotValid" Message="The vault name \'{name}\' is invalid. A '
        "vault's name must be between 3-24 alphanumeric characters. The name must begin with a "
        "letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link "
        'for more information: https://go.microsoft.com/fwlink/?linkid=2147742"'
    )


def test_purge_protection_that_is_turned_off(arm: Arm) -> None:
    properties = {"enablePurgeProtection": False}

    assert refusal(arm.check, VAULT, vaultName="abc", properties=properties) == (
        'Status=400 Code="BadRequest" Message="The property "enablePurgeProtection" cannot be set '
        'to false. Enabling the purge protection for a vault is an irreversible action."'
    )


@pytest.mark.parametrize("name", ["a", "client-alice", "a" * 127])
def test_a_secret_name_within_the_rule(arm: Arm, name: str) -> None:
    assert arm.check(SECRET, secretName=name, properties={})["secretName"] == name


@pytest.mark.parametrize("name", ["", "a" * 128, "a.b", "a_b", "a/b"])
def test_a_secret_name_outside_the_rule(arm: Arm, name: str) -> None:
    assert refusal(arm.check, SECRET, secretName=name, properties={}).startswith(
        f"Azure refuses this: the secret name '{name}' is invalid: a 1-127 character string, "
        "containing only 0-9, a-z, A-Z, and - (https://"
    )


def test_a_secret_that_is_too_large(arm: Arm) -> None:
    fits = {"value": "é" * 12800}

    assert arm.check(SECRET, secretName="s", properties=fits)["properties"] == fits
    text = refusal(
        arm.check,
        SECRET,
        secretName="s",
        properties={"value": f"{fits['value']}x"},
    )
    assert "has 25601 bytes; there are at most 25k bytes" in text


def test_what_a_preview_does_not_know_is_not_refused(arm: Arm) -> None:
    arm.check(VAULT, vaultName=UNKNOWN, properties={"tenantId": UNKNOWN})
    arm.check(SECRET, secretName=UNKNOWN, properties={"value": UNKNOWN})

    known = arm.plugin.preview_create(urn(VAULT), {"vaultName": "v", "properties": {}})
    assert known["properties"] == {"vaultUri": UNKNOWN}


def test_a_secret_needs_its_vault(arm: Arm) -> None:
    arm.create(RESOURCE_GROUP, resourceGroupName="rg")

    assert 'Code="ResourceNotFound"' in refusal(secret, arm, "alice")


def test_the_value_is_kept_and_never_answered(arm: Arm) -> None:
    made = vault(arm), secret(arm, "alice")

    assert made[1].id == f"{made[0].id}/secrets/client-alice"
    assert made[0].outputs["properties"] == {"vaultUri": "https://clients-1.vault.azure.net/"}
    assert made[1].outputs["properties"] == {
        "contentType": "application/json",
        "secretUri": "https://clients-1.vault.azure.net/secrets/client-alice",
    }
    assert "bundle of alice" not in str(arm.plugin.read(made[1].urn, made[1].id, {}, {}))


def test_a_reader_reads_its_own_secret_and_no_other(arm: Arm) -> None:
    vault(arm)
    alice, bob = secret(arm, "alice"), secret(arm, "bob")
    give(arm, ALICES_APP, alice.id)
    give(arm, BOBS_APP, bob.id)

    assert vaults.read_secret(arm.cloud, [ALICES_APP], alice.id) == "bundle of alice"
    assert vaults.read_secret(arm.cloud, [BOBS_APP], bob.id) == "bundle of bob"
    for reader, other in ((ALICES_APP, bob), (BOBS_APP, alice), ("nobody", alice)):
        text = refusal(vaults.read_secret, arm.cloud, [reader], other.id)
        assert "Caller is not authorized to perform action on resource." in text
        assert text.endswith('InnerError={"code":"ForbiddenByRbac"}')


def test_a_name_that_begins_with_anothers_is_another(arm: Arm) -> None:
    vault(arm)
    alice, longer = secret(arm, "alice"), secret(arm, "alice2")
    give(arm, ALICES_APP, alice.id)

    assert "ForbiddenByRbac" in refusal(vaults.read_secret, arm.cloud, [ALICES_APP], longer.id)


def test_a_group_reads_for_its_members(arm: Arm) -> None:
    vault(arm)
    alice = secret(arm, "alice")
    give(arm, "group", alice.id)

    assert vaults.read_secret(arm.cloud, ["member", "group"], alice.id) == "bundle of alice"


def test_a_role_at_the_vault_reads_everything_and_another_role_nothing(arm: Arm) -> None:
    """Why no program may give the first: what it would be like is played here."""
    whole = vault(arm)
    alice = secret(arm, "alice")
    give(arm, "auditor", whole.id)
    give(arm, "puller", alice.id, ACR_PULL)

    assert vaults.read_secret(arm.cloud, ["auditor"], alice.id) == "bundle of alice"
    assert "ForbiddenByRbac" in refusal(vaults.read_secret, arm.cloud, ["puller"], alice.id)


def test_who_lost_the_role_reads_nothing(arm: Arm) -> None:
    vault(arm)
    alice = secret(arm, "alice")
    role = give(arm, ALICES_APP, alice.id)
    arm.delete(role)

    assert "ForbiddenByRbac" in refusal(vaults.read_secret, arm.cloud, [ALICES_APP], alice.id)


def test_a_secret_that_is_not_there_is_said_to_whoever_may_read_it(arm: Arm) -> None:
    made = vault(arm)
    give(arm, "auditor", made.id)

    assert 'Code="SecretNotFound"' in refusal(
        vaults.read_secret, arm.cloud, ["auditor"], f"{made.id}/secrets/gone"
    )


def test_a_deleted_vault_takes_its_secrets_along_and_keeps_its_name(arm: Arm) -> None:
    made = vault(arm)
    alice = secret(arm, "alice")
    arm.delete(made)

    assert arm.cloud.get(alice.id) is None
    text = refusal(arm.create, VAULT, resourceGroupName="rg", vaultName="clients-1", properties={})
    assert text == (
        'Status=409 Code="ConflictError" Message="A vault with the same name already exists in '
        "deleted state. You need to either recover or purge existing key vault. Follow this link "
        "https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft "
        'delete."'
    )


def test_a_deleted_secret_comes_back_with_its_name(arm: Arm) -> None:
    """The provider recovers it, and writes the new value on top."""
    vault(arm)
    arm.delete(secret(arm, "alice"))

    assert secret(arm, "alice").outputs["name"] == "client-alice"
