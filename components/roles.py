"""Azure's built-in roles that somebody is given here; each is the same in every tenant."""

from __future__ import annotations

import pulumi

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers#acrpull
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security#key-vault-secrets-user
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


def definition_id(role: str, scope: pulumi.Output[str]) -> pulumi.Output[str]:
    """ARM id of a role, in the subscription of the scope it is given at.

    As Azure will answer it: a shorter form would be a change at every refresh.
    """
    return scope.apply(
        lambda arm_id: (
            f"/subscriptions/{arm_id.split('/')[2]}/providers/"
            f"Microsoft.Authorization/roleDefinitions/{role}"
        )
    )
