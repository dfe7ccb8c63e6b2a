"""The stack's own container registry, and who may pull from it.

Owns the registry, the identity the container group pulls with and the one role assignment that
lets it (AcrPull, this registry only). Does not own the images: `container_image.py` pushes them,
with a token that this component obtains for the deployer. The admin user is off: it would be a
password shared by everybody who ever needed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import pulumi
import pulumi_random as random
from pulumi_azure_native import authorization, containerregistry, managedidentity

from components import roles, waiting
from components.container_group import ImagePull
from components.container_image import PushTarget

# The user name that goes with a token instead of a password:
# https://learn.microsoft.com/azure/container-registry/container-registry-authentication
NULL_GUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, kw_only=True)
class ContainerRegistryArgs:
    """What a ContainerRegistry takes."""

    resource_group_name: pulumi.Input[str]
    sku: str
    """`Basic`, `Standard` or `Premium`."""
    tags: Mapping[str, str]
    role_propagation: timedelta
    """How long a new role assignment takes to count everywhere in Azure."""


class ContainerRegistry(pulumi.ComponentResource):
    """A registry without passwords."""

    login_server: pulumi.Output[str]
    """The registry's host, as image references begin with. Not always `<name>.azurecr.io`."""
    pull_identity_id: pulumi.Output[str]
    """ARM id of the user-assigned identity that may pull."""
    acr_pull: authorization.RoleAssignment
    """What a puller has to wait for."""

    def __init__(
        self, name: str, args: ContainerRegistryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtls-model-endpoint:index:ContainerRegistry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The images can be lost, the permission can be given again. And it must be free to go: when
        # the identity is updated, if only its tags, a preview does not know the principal's id any
        # more, plans another assignment, and would be refused.
        replaceable = pulumi.ResourceOptions(parent=self, protect=False)

        # Azure: 5 to 50 letters and digits, unique among all registries there are.
        suffix = random.RandomString(
            f"{name}-suffix", length=12, special=False, upper=False, opts=child
        )
        registry = containerregistry.Registry(
            f"{name}-acr",
            registry_name=pulumi.Output.concat("model", suffix.result),
            resource_group_name=args.resource_group_name,
            sku=containerregistry.SkuArgs(name=args.sku),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            tags=args.tags,
            opts=child,
        )
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-pull-identity",
            resource_group_name=args.resource_group_name,
            tags=args.tags,
            opts=replaceable,
        )
        assignment_name = random.RandomUuid(f"{name}-acr-pull-name", opts=replaceable)
        self.acr_pull = authorization.RoleAssignment(
            f"{name}-acr-pull",
            role_assignment_name=assignment_name.result,
            scope=registry.id,
            role_definition_id=roles.definition_id(roles.ACR_PULL, registry.id),
            principal_id=identity.principal_id,
            # Without the type Azure looks the principal up in a directory that may not know a
            # new identity yet, and refuses.
            principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
            opts=replaceable,
        )
        self.login_server = registry.login_server
        self.pull_identity_id = identity.id
        self._role_propagation = args.role_propagation
        self.register_outputs(
            {"loginServer": self.login_server, "pullIdentityId": self.pull_identity_id}
        )

    def image_pull(self) -> ImagePull:
        """What a container group needs to run images of this registry."""
        return ImagePull(
            login_server=self.login_server,
            identity_id=self._identity_that_may_pull(),
            permission=self.acr_pull,
        )

    def _identity_that_may_pull(self) -> pulumi.Output[str]:
        """The identity, once Azure knows everywhere that it may.

        Azure asks the registry while it takes the group, and an assignment of a moment ago is
        refused for good. Nothing is waited for in the runs after the one that made it.
        """
        if pulumi.runtime.is_dry_run():
            return self.pull_identity_id

        async def wait(both: list[str]) -> str:
            identity_id, created_on = both
            if created_on:  # a state that was written without it is old enough
                await waiting.until_older_than(
                    self._role_propagation,
                    datetime.fromisoformat(created_on),
                    lambda seconds: (
                        f"The container group follows in {seconds:.0f} s: Azure takes minutes to "
                        "let a new identity pull images everywhere (rolePropagationMinutes)"
                    ),
                )
            return identity_id

        return pulumi.Output.all(self.pull_identity_id, self.acr_pull.created_on).apply(wait)

    def push_target(self, repository: str) -> PushTarget:
        """Where to push an image, with a short-lived token of the deployer's."""
        return PushTarget(
            login_server=self.login_server,
            repository=repository,
            username=NULL_GUID,
            password=self._push_token,
        )

    @cached_property
    def _push_token(self) -> pulumi.Output[str]:
        """A registry token; a preview, which pushes nothing, does not ask for one."""
        if pulumi.runtime.is_dry_run():
            return pulumi.Output.secret("")
        azure = authorization.get_client_token_output()
        return pulumi.Output.secret(
            pulumi.Output.all(self.login_server, azure.token).apply(
                lambda both: _exchange(login_server=both[0], azure_token=both[1])
            )
        )


def _exchange(*, login_server: str, azure_token: str) -> str:
    """Trade an Azure Resource Manager token for a registry token.

    https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md#calling-post-oauth2exchange-to-get-an-acr-refresh-token

    Raises:
        pulumi.RunError: if the registry refuses or cannot be reached.
    """
    import httpx  # noqa: PLC0415  nothing but a push needs it

    try:
        # A registry that was created a moment ago may not have its DNS name yet.
        with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=30) as client:
            answer = client.post(
                f"https://{login_server}/oauth2/exchange",
                data={
                    "grant_type": "access_token",
                    "service": login_server,
                    "access_token": azure_token,
                },
            )
    except httpx.HTTPError as error:
        raise pulumi.RunError(
            f"registry {login_server} could not be reached to obtain a push token ({error}). "
            f"Check the network and run `pulumi up` again."
        ) from None
    if answer.status_code != httpx.codes.OK:
        raise pulumi.RunError(
            f"registry {login_server} gave no push token (HTTP {answer.status_code}). Whoever "
            "deploys needs AcrPush on it: Owner or Contributor of the resource group has it."
        )
    return str(answer.json()["refresh_token"])
