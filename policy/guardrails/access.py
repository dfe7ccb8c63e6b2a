"""Who is given what: roles, and the key vault that holds the clients' bundles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from common.names import ROLE_ASSIGNMENT, VAULT
from policy.guardrails.rule import UNKNOWN, Config, Resource, at, of_resource

LEARN = "https://learn.microsoft.com/azure/"
_WITHIN = "/subscriptions/[^/]+/resourcegroups/[^/]+/providers/"

# The roles that may be given, by the end of their ids: name, at what, and what its id looks like.
ROLES = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": (
        "AcrPull",
        "registry",
        f"{_WITHIN}microsoft.containerregistry/registries/[^/]+",
    ),
    "4633458b-17de-408a-b874-0445c86b69e6": (
        "Key Vault Secrets User",
        "secret",
        f"{_WITHIN}microsoft.keyvault/vaults/[^/]+/secrets/[^/]+",
    ),
}


@of_resource(
    "roles-for-one-thing",
    ROLE_ASSIGNMENT,
    severity="critical",
    remedy="Assign AcrPull at the registry, or Key Vault Secrets User at the secret",
    url=f"{LEARN}role-based-access-control/best-practices",
)
def _narrow(assignment: Resource, _: Config) -> Iterator[str]:
    """An identity may pull from one registry, a reader may read one secret."""
    role, scope = assignment.props.get("roleDefinitionId"), assignment.props.get("scope")
    allowed = list(ROLES.values())
    if isinstance(role, str):
        allowed = [known for id_, known in ROLES.items() if role.lower().endswith(f"/{id_}")]
        if not allowed:
            yield f"the role is another than {' and '.join(name for name, _, _ in ROLES.values())}"
            allowed = list(ROLES.values())
    if isinstance(scope, str) and not any(
        re.fullmatch(pattern, scope.lower()) for _, _, pattern in allowed
    ):
        yield f"the role is given for more than one {' or '.join(at for _, at, _ in allowed)}"


@of_resource(
    "vault-by-roles",
    VAULT,
    severity="critical",
    remedy="Turn enableRbacAuthorization on",
    url=f"{LEARN}key-vault/general/rbac-guide",
)
def _by_roles(vault: Resource, _: Config) -> Iterator[str]:
    """Who may read a secret is said for each secret."""
    by_roles = at(vault.props, "properties", "enableRbacAuthorization")
    if by_roles is not UNKNOWN and by_roles is not True:
        yield "who has an access policy reads all secrets of the vault"


@of_resource(
    "vault-keeps-what-is-deleted",
    VAULT,
    severity="medium",
    remedy="Turn enablePurgeProtection on, and leave enableSoftDelete on",
    url=f"{LEARN}key-vault/general/soft-delete-overview",
)
def _kept(vault: Resource, _: Config) -> Iterator[str]:
    """What was deleted in the vault can be brought back."""
    protected = at(vault.props, "properties", "enablePurgeProtection")
    if protected is not UNKNOWN and protected is not True:
        yield "secrets can be purged, and nobody can bring them back"
    if at(vault.props, "properties", "enableSoftDelete") is False:
        yield "what is deleted in the vault is gone at once"
