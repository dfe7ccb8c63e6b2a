"""Key vaults: what Azure refuses of them, what it answers, and who may read which secret.

A deleted vault keeps its name until its retention ends. A deleted secret would keep its own, too,
but the provider recovers it when the name comes back, so there is nothing to refuse:
https://github.com/pulumi/pulumi-azure-native/issues/4282
"""

from __future__ import annotations

import re
from collections.abc import Collection

from common.names import ROLE_ASSIGNMENT
from common.refusal import Refusal
from localcloud.azure.cloud import SUBSCRIPTION, Cloud, Record
from localcloud.azure.rules import documented, refused
from localcloud.plugins.base import UNKNOWN, Properties

_DELETED = "Microsoft.KeyVault/deletedVaults"
_OBJECTS = "https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates"
_ABOUT = "https://learn.microsoft.com/azure/key-vault/secrets/about-secrets"
MOST_BYTES = 25 * 1024

# Those that contain Microsoft.KeyVault/vaults/secrets/getSecret/action:
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security
READING_ROLES = (
    "4633458b-17de-408a-b874-0445c86b69e6",  # Key Vault Secrets User
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",  # Key Vault Secrets Officer
    "00482a5a-887f-4fb3-b363-3b7fe8e74483",  # Key Vault Administrator
)


def check_vault(inputs: Properties) -> None:
    """Everything that can be said about a vault without looking at other resources."""
    name = inputs["vaultName"]
    pattern = r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]"
    if name != UNKNOWN and not re.fullmatch(pattern, name):
        raise refused(
            400,
            "VaultNameNotValid",
            f"The vault name '{name}' is invalid. A vault's name must be between 3-24 "
            "alphanumeric characters. The name must begin with a letter, end with a letter or "
            "digit, and not contain consecutive hyphens. Follow this link for more information: "
            "https://go.microsoft.com/fwlink/?linkid=2147742",
        )
    if inputs["properties"].get("enablePurgeProtection") is False:
        raise refused(
            400,
            "BadRequest",
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge '
            "protection for a vault is an irreversible action.",
        )


def check_secret(inputs: Properties) -> None:
    """The same about a secret."""
    name = inputs["secretName"]
    if name != UNKNOWN and not re.fullmatch("[A-Za-z0-9-]{1,127}", name):
        raise documented(
            f"the secret name '{name}' is invalid: a 1-127 character string, containing only 0-9, "
            "a-z, A-Z, and -",
            _OBJECTS,
        )
    size = len((inputs["properties"].get("value") or "").encode())
    if size > MOST_BYTES:
        raise documented(
            f"the secret '{name}' has {size} bytes; there are at most 25k bytes", _ABOUT
        )


def check_name_is_free(cloud: Cloud, record: Record) -> None:
    """Among all vaults there are, and those that were deleted."""
    if cloud.get(_deleted_id(record)):
        raise refused(
            409,
            "ConflictError",
            "A vault with the same name already exists in deleted state. You need to either "
            "recover or purge existing key vault. Follow this link "
            "https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
        )


def vault_answer(inputs: Properties) -> Properties:
    """Where Azure answers other than it was asked."""
    uri = f"https://{inputs['vaultName']}.vault.azure.net/"
    return {"properties": {**inputs["properties"], "vaultUri": uri}}


def secret_answer(inputs: Properties) -> Properties:
    """Never the value."""
    shown = {key: value for key, value in inputs["properties"].items() if key != "value"}
    uri = f"https://{inputs['vaultName']}.vault.azure.net/secrets/{inputs['secretName']}"
    return {"properties": {**shown, "secretUri": uri}}


def delete_vault(records: dict[str, Record], vault: Record) -> None:
    """With all that is in it; the name stays taken."""
    for key in [key for key in records if key.startswith(f"{vault.id.lower()}/")]:
        del records[key]
    deleted = Record(id=_deleted_id(vault), type=_DELETED, urn=vault.urn, inputs={})
    records[deleted.id.lower()] = deleted


def read_secret(cloud: Cloud, principals: Collection[str], secret_id: str) -> str:
    """A secret's value, for somebody with these object ids (the own, those of groups).

    Raises:
        Refusal: in the vault's words, if none of them may read it or it is not there.
    """
    secret = cloud.get(secret_id)
    if not any(
        assignment.inputs["principalId"] in principals
        and assignment.inputs["roleDefinitionId"].endswith(READING_ROLES)
        and f"{secret_id.lower()}/".startswith(f"{assignment.inputs['scope'].lower()}/")
        for assignment in cloud.all(ROLE_ASSIGNMENT)
    ):
        raise Refusal(
            'Status=403 Code="Forbidden" Message="Caller is not authorized to perform action on '
            "resource.\r\nIf role assignments, deny assignments or role definitions were changed "
            "recently, please observe propagation time.\r\n"
            "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n"
            f"Resource: '{secret_id.lower()}'\r\nAssignment: (not found)\r\n"
            'DecisionReason: \'DeniedWithNoValidRBAC\'" InnerError={"code":"ForbiddenByRbac"}'
        )
    if secret is None:
        name = secret_id.rpartition("/")[2]
        raise refused(
            404,
            "SecretNotFound",
            f"A secret with (name/id) {name} was not found in this key vault.",
        )
    return str(secret.inputs["properties"]["value"])


def _deleted_id(vault: Record) -> str:
    location = vault.inputs["location"].replace(" ", "").lower()
    return (
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/{location}/"
        f"deletedVaults/{vault.inputs['vaultName']}"
    )
