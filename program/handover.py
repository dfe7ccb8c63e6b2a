"""How consumers get at their bundles without asking anybody: through a key vault, each its own.

Wiring of `components.client_vault`, and what is in a client's secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.certificates import ClientCertificate
from components.client_vault import ClientSecret, ClientVault, ClientVaultArgs
from components.container_group import ContainerGroup
from program import outputs
from program.identities import Identities
from program.settings import StackSettings


def client_secrets(
    cfg: StackSettings,
    pki: Identities,
    *,
    endpoint: ContainerGroup,
    described: Mapping[str, Any],
    resource_group_name: pulumi.Input[str],
    workspace_id: pulumi.Input[str],
) -> dict[str, pulumi.Output[str]]:
    """Makes a secret for each client that has readers, and tells its URI.

    Without any there is no vault.

    Args:
        cfg: says who may read what.
        pki: the certificates; the newest generation is handed over.
        endpoint: has to know a certificate before anybody gets it.
        described: the stack output `endpoint`.
        resource_group_name: where the vault is.
        workspace_id: where its audit events go.
    """
    secrets = {
        client.name: ClientSecret(
            value=outputs.once(
                bundle(client.name, pki.clients[client.name], described), pki.clients_settled
            ),
            not_after=pki.clients[client.name][client.generation].certificate.validity_end_time,
            readers=client.readers,
            reader_groups=client.reader_groups,
        )
        for client in cfg.clients
        if client.has_readers
    }
    if not secrets:
        return {}
    vault = ClientVault(
        "client-vault",
        ClientVaultArgs(
            resource_group_name=resource_group_name,
            secrets=secrets,
            valid_with=endpoint,
            workspace_id=workspace_id,
            tags=cfg.all_tags,
        ),
    )
    return vault.secret_uris


def bundle(
    name: str, generations: Mapping[int, ClientCertificate], described: Mapping[str, Any]
) -> pulumi.Output[str]:
    """The outputs of the contract as far as they are this client's, in JSON.

    So whatever reads a stack's outputs reads this. Of earlier generations there is nothing: who
    reads a secret gets the newest.
    """
    newest = max(generations)
    certificates = outputs.client_certificates({name: {newest: generations[newest]}})
    return pulumi.Output.json_dumps({"endpoint": described, "clientCertificates": certificates})
