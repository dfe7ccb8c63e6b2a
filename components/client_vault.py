"""A key vault in which each client's bundle is a secret of its own, for its own readers.

Owns the vault, the secrets, who may read which of them, and the diagnostic setting that sends its
audit events to a workspace. Does not own certificates, and does not say what is in a secret: it is
handed texts. Nobody is given a role at the vault itself, so no reader sees another client's secret.

Azure Resource Manager writes secrets, and can neither show nor delete them. The provider deletes
one through the vault's own API, for which the deployer needs Key Vault Secrets Officer; a vault
that goes takes its secrets along, and needs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pulumi
import pulumi_random as random
from pulumi_azure_native import authorization, keyvault, monitor

from components import roles

# Who asked for which secret, and whether they got it:
# https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-keyvault-vaults-logs
LOG_CATEGORY = "AuditEvent"

# The least that Azure takes. What was deleted is a certificate that is let in nowhere any more,
# and the state can write everything else again.
SOFT_DELETE_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class ClientSecret:
    """What is kept for one client."""

    value: pulumi.Input[str]
    """JSON; at most 25 KB."""
    not_after: pulumi.Input[str]
    """When it is of no more use, RFC 3339."""
    readers: Sequence[str]
    """Object ids of the service principals and managed identities that may read it."""
    reader_groups: Sequence[str] = ()
    """Object ids of the groups whose members may."""


@dataclass(frozen=True, kw_only=True)
class ClientVaultArgs:
    """What a ClientVault takes."""

    resource_group_name: pulumi.Input[str]
    secrets: Mapping[str, ClientSecret]
    """By client; a name has letters, digits and '-' alone."""
    valid_with: pulumi.Resource
    """What has to know the certificates before they are handed out."""
    workspace_id: pulumi.Input[str]
    """ARM id of the Log Analytics workspace."""
    tags: Mapping[str, str]


class ClientVault(pulumi.ComponentResource):
    """A secret for each client, readable one by one."""

    secret_uris: dict[str, pulumi.Output[str]]
    """By client, without version: what is there always leads to the newest."""

    def __init__(
        self, name: str, args: ClientVaultArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtls-model-endpoint:index:ClientVault", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        # Azure: 3 to 24 characters, unique among all vaults there are, deleted ones included. So
        # one in another resource group needs another name.
        suffix = random.RandomString(
            f"{name}-suffix",
            length=12,
            special=False,
            upper=False,
            keepers={"resource_group": args.resource_group_name},
            opts=child,
        )
        vault = keyvault.Vault(
            f"{name}-vault",
            vault_name=pulumi.Output.concat("clients-", suffix.result),
            resource_group_name=args.resource_group_name,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=authorization.get_client_config_output().tenant_id,
                sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.STANDARD),
                # Access policies hold for all secrets of a vault; roles can be given for one.
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                enable_purge_protection=True,
                soft_delete_retention_in_days=SOFT_DELETE_DAYS,
            ),
            tags=args.tags,
            opts=child,
        )
        monitor.DiagnosticSetting(
            f"{name}-diagnostics",
            name="to-workspace",
            resource_uri=vault.id,
            workspace_id=args.workspace_id,
            logs=[monitor.DiagnosticsLogSettingsArgs(category=LOG_CATEGORY, enabled=True)],
            # When the vault is replaced, its setting goes with it, and first.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.secret_uris = {
            client: self._secret(name, client, secret, vault, args)
            for client, secret in args.secrets.items()
        }
        self.register_outputs({"secretUris": self.secret_uris})

    def _secret(
        self,
        name: str,
        client: str,
        kept: ClientSecret,
        vault: keyvault.Vault,
        args: ClientVaultArgs,
    ) -> pulumi.Output[str]:
        secret = keyvault.Secret(
            f"{name}-secret-{client}",
            resource_group_name=args.resource_group_name,
            vault_name=vault.name,
            secret_name=f"client-{client}",
            properties=keyvault.SecretPropertiesArgs(
                value=pulumi.Output.secret(kept.value),
                content_type="application/json",
                attributes=keyvault.SecretAttributesArgs(
                    # Azure tells of it (SecretNearExpiry), and goes on to hand it out.
                    expires=pulumi.Output.from_input(kept.not_after).apply(_unix_time)
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.valid_with], deleted_with=vault
            ),
        )
        child = pulumi.ResourceOptions(parent=self)
        kinds = (
            (authorization.PrincipalType.SERVICE_PRINCIPAL, kept.readers),
            (authorization.PrincipalType.GROUP, kept.reader_groups),
        )
        for kind, reader in ((kind, reader) for kind, readers in kinds for reader in readers):
            assignment = f"{name}-reader-{client}-{reader}"
            authorization.RoleAssignment(
                assignment,
                role_assignment_name=random.RandomUuid(f"{assignment}-name", opts=child).result,
                scope=secret.id,
                role_definition_id=roles.definition_id(roles.KEY_VAULT_SECRETS_USER, secret.id),
                principal_id=reader,
                # Anyone who is not said to be something is said to be a user, and refused.
                principal_type=kind,
                opts=child,
            )
        # Not from the secret's own properties: they are secret together with its value.
        uri = pulumi.Output.concat(vault.properties.vault_uri, "secrets/client-", client)
        return pulumi.Output.all(uri, secret.id).apply(lambda known: str(known[0]))


def _unix_time(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
