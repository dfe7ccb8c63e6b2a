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
from program.settings import StackSettings


def client_secrets(
    cfg: StackSettings,
    clients: Mapping[str, Mapping[int, ClientCertificate]],
    *,
    endpoint: ContainerGroup,
    described: Mapping[str, Any],
    settled: pulumi.Input[object],
    resource_group_name: pulumi.Input[str],
    workspace_id: pulumi.Input[str],
) -> dict[str, pulumi.Output[str]]:
    """URI of the secret of each client that has readers; without any there is no vault.

    Args:
        cfg: says who may read what.
        clients: certificates by name and generation; the newest is handed over.
        endpoint: has to know a certificate before anybody gets it.
        described: the stack output `endpoint`.
        settled: known when the certificates can be handed out.
        resource_group_name: where the vault is.
        workspace_id: where its audit events go.
    """
    secrets = {
        client.name: ClientSecret(
            value=outputs.once(bundle(client.name, clients[client.name], described), settled),
            not_after=clients[client.name][client.generation].certificate.validity_end_time,
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
