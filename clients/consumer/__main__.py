"""An app on Azure Container Instances that calls the model: the other end of the contract.

Takes where to call and what to call with from the outputs of the endpoint's stack, and gives the
app both: the URL in its environment, the certificate and the key as a secret volume.
"""

from __future__ import annotations

import base64
from typing import Any

import pulumi
from pulumi_azure_native import containerinstance as aci
from pulumi_azure_native import resources

VERSION = 1
FOLDER = "/etc/model-client"


def understood(endpoint: dict[str, Any] | None) -> dict[str, Any]:
    """The output `endpoint`, unless it means something else than this program knows."""
    if endpoint is None:
        raise pulumi.RunError(
            f"{producer_name} has no output endpoint: it was never deployed, or is another "
            "project's. Name the endpoint's stack with `pulumi config set producer <stack>`."
        )
    if (version := endpoint.get("version", 0)) != VERSION:
        raise pulumi.RunError(
            f"{producer_name} has outputs of version {version:g}, and this program reads version "
            f"{VERSION}. Read what has changed in common/contract/ of that project."
        )
    if endpoint["auth"] != "mtls":
        raise pulumi.RunError(f"{producer_name} takes calls from anybody (tls: none).")
    return endpoint


def own(certificates: dict[str, Any] | None) -> dict[str, Any]:
    """This app's entry of the output `clientCertificates`."""
    if certificates is None or client not in certificates:
        raise pulumi.RunError(
            f"{producer_name} knows no client {client}: it was taken out, or never was in. Have it "
            f"put into its stack file, or name another with `pulumi config set client <name>`."
        )
    mine: dict[str, Any] = certificates[client]
    return mine


def encoded(text: pulumi.Output[str]) -> pulumi.Output[str]:
    return text.apply(lambda plain: base64.b64encode(plain.encode()).decode())


config = pulumi.Config()
producer_name, client, image = (config.require(key) for key in ("producer", "client", "image"))
if "@sha256:" not in image:
    raise pulumi.RunError(
        f"image is {image}, which may be another image tomorrow. Name it by digest: "
        "`pulumi config set image <registry>/<app>@sha256:<digest>`."
    )

producer = pulumi.StackReference(producer_name)
endpoint = producer.get_output("endpoint").apply(understood)
# Only what is understood is looked into. Secret as it comes, and all that is made of it.
identity = pulumi.Output.all(endpoint, producer.get_output("clientCertificates")).apply(
    lambda both: own(both[1])
)

group = resources.ResourceGroup("app")
app = aci.ContainerGroup(
    "app",
    resource_group_name=group.name,
    os_type=aci.OperatingSystemTypes.LINUX,
    restart_policy=aci.ContainerGroupRestartPolicy.ALWAYS,
    sku=aci.ContainerGroupSku.STANDARD,
    containers=[
        aci.ContainerArgs(
            name="app",
            image=image,
            environment_variables=[
                aci.EnvironmentVariableArgs(name="PREDICT_URL", value=endpoint["predictUrl"]),
                aci.EnvironmentVariableArgs(name="CLIENT_FOLDER", value=FOLDER),
            ],
            resources=aci.ResourceRequirementsArgs(
                requests=aci.ResourceRequestsArgs(cpu=1, memory_in_gb=1)
            ),
            volume_mounts=[
                aci.VolumeMountArgs(name="model-client", mount_path=FOLDER, read_only=True)
            ],
        )
    ],
    volumes=[
        aci.VolumeArgs(
            name="model-client",
            secret={
                "client.crt": encoded(identity["certificatePem"]),
                "client.key": encoded(identity["privateKeyPem"]),
                "ca.crt": encoded(endpoint["caCertificatesPem"]),
            },
        )
    ],
)

pulumi.export("calls", endpoint["predictUrl"])
pulumi.export("certificateEnds", pulumi.Output.unsecret(identity["notAfter"]))
