"""The Azure Container Instances group: the model and, in front of it, the sidecar.

Owns the group, its public address and the diagnostic setting that sends its logs and metrics to
a workspace. Does not own images, certificates or configuration: it is handed containers and
volumes and runs them.

What Azure cannot change in a running group replaces it, and nothing else does: a new image, a
new certificate or a new client restarts the containers in place and keeps the address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerinstance as aci
from pulumi_azure_native import monitor

# https://learn.microsoft.com/azure/container-instances/container-instances-update lists what an
# update cannot change; the provider would try, and Azure would refuse. Paths are prefixes of the
# changed property, in the provider's spelling.
REPLACE_ON_CHANGES = (
    "containers[*].resources",
    "osType",
    "restartPolicy",
    "sku",
    "priority",
    "subnetIds",
    "zones",
)

# What the containers print, and what happens to them:
# https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-containerinstance-containergroups-logs
LOG_CATEGORIES = ("ContainerInstanceLog", "ContainerEvent")


@dataclass(frozen=True, kw_only=True)
class ImagePull:
    """How the group gets at the images in the stack's registry."""

    login_server: pulumi.Input[str]
    identity_id: pulumi.Input[str]
    permission: pulumi.Resource
    """The role assignment without which Azure refuses the group."""


@dataclass(frozen=True, kw_only=True)
class ContainerGroupArgs:
    """What a ContainerGroup takes."""

    resource_group_name: pulumi.Input[str]
    containers: Sequence[aci.ContainerArgs]
    volumes: Sequence[aci.VolumeArgs]
    public_port: int
    """The only port that is reachable from outside."""
    dns_label: pulumi.Input[str]
    image_pull: ImagePull
    workspace_id: pulumi.Input[str]
    """ARM id of the Log Analytics workspace."""
    tags: Mapping[str, str]


class ContainerGroup(pulumi.ComponentResource):
    """Containers that share an address, of which one port is public."""

    fqdn: pulumi.Output[str]
    """The name by which the group is found; its IP address changes."""
    arm_id: pulumi.Output[str]
    """Known when the group has been deployed, and in the preview of an update."""

    def __init__(
        self, name: str, args: ContainerGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtls-model-endpoint:index:ContainerGroup", name, None, opts)
        group = aci.ContainerGroup(
            f"{name}-group",
            resource_group_name=args.resource_group_name,
            os_type=aci.OperatingSystemTypes.LINUX,
            sku=aci.ContainerGroupSku.STANDARD,
            restart_policy=aci.ContainerGroupRestartPolicy.ALWAYS,
            containers=list(args.containers),
            volumes=list(args.volumes),
            identity=aci.ContainerGroupIdentityArgs(
                type=aci.ResourceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[args.image_pull.identity_id],
            ),
            image_registry_credentials=[
                aci.ImageRegistryCredentialArgs(
                    server=args.image_pull.login_server, identity=args.image_pull.identity_id
                )
            ],
            ip_address=aci.IpAddressArgs(
                type=aci.ContainerGroupIpAddressType.PUBLIC,
                ports=[aci.PortArgs(port=args.public_port, protocol="TCP")],
                dns_name_label=args.dns_label,
                # The other scopes put a hash into the FQDN that is unknown before the group
                # exists, and the server certificate has to name it before. Somebody else may
                # take the label over one day; without our CA's key that is no impersonation.
                auto_generated_domain_name_label_scope=aci.DnsNameLabelReusePolicy.UNSECURE,
            ),
            tags=args.tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[args.image_pull.permission],
                # Azure moves a group to another one; to a refresh that was accepted, ours would be
                # to take it away again, for which all containers are restarted.
                ignore_changes=["ipAddress.ip"],
                # The provider would wait two hours for a group that never comes up.
                custom_timeouts=pulumi.CustomTimeouts(create="15m", update="15m", delete="15m"),
                replace_on_changes=list(REPLACE_ON_CHANGES),
                # The name and the DNS label are taken as long as the old group exists.
                delete_before_replace=True,
                # One container more or less (tls none or mtls) is another sum of CPU and memory,
                # too; the paths above do not match a container that comes or goes.
                replacement_trigger=len(args.containers),
            ),
        )
        monitor.DiagnosticSetting(
            f"{name}-diagnostics",
            name="to-workspace",
            resource_uri=group.id,
            workspace_id=args.workspace_id,
            logs=[
                monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True)
                for category in LOG_CATEGORIES
            ],
            metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)],
            # When the group is replaced, its setting goes with it, and first.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.fqdn = group.ip_address.apply(lambda address: str(address.fqdn if address else ""))
        self.arm_id = group.id
        self.register_outputs({"fqdn": self.fqdn})
