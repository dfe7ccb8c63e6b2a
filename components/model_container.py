"""The model server's container, by TensorFlow Serving's contract.

Whatever serves REST on one port and takes its name from MODEL_NAME fits: the image built from
`model_image/`, or a prebuilt `tensorflow/serving`. Who may call it is not its business.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerinstance as aci


@dataclass(frozen=True, kw_only=True)
class ModelContainerArgs:
    """What a model's container takes."""

    image: pulumi.Input[str]
    model_name: str
    port: int
    published: bool
    liveness_path: str
    readiness_path: str
    cpu: float
    memory_in_gb: float
    max_request_body_in_mb: int


def model_container(args: ModelContainerArgs) -> aci.ContainerArgs:
    """The container; its port is declared only where it is published.

    Containers of a group reach each other on localhost without that.
    """

    def probe(path: str, period_seconds: int, failure_threshold: int) -> aci.ContainerProbeArgs:
        return aci.ContainerProbeArgs(
            http_get=aci.ContainerHttpGetArgs(path=path, port=args.port, scheme=aci.Scheme.HTTP),
            initial_delay_seconds=5,
            period_seconds=period_seconds,
            failure_threshold=failure_threshold,
        )

    return aci.ContainerArgs(
        name="model",
        image=args.image,
        environment_variables=[
            aci.EnvironmentVariableArgs(name="MODEL_NAME", value=args.model_name),
            aci.EnvironmentVariableArgs(name="PORT", value=str(args.port)),
            # For our own server, which bounds what it takes at once; others ignore them.
            aci.EnvironmentVariableArgs(name="MAX_BODY_MB", value=str(args.max_request_body_in_mb)),
            aci.EnvironmentVariableArgs(name="MEMORY_MB", value=str(int(args.memory_in_gb * 1024))),
            aci.EnvironmentVariableArgs(name="CPUS", value=f"{args.cpu:g}"),
        ],
        ports=[aci.ContainerPortArgs(port=args.port, protocol="TCP")] if args.published else [],
        liveness_probe=probe(args.liveness_path, period_seconds=10, failure_threshold=6),
        readiness_probe=probe(args.readiness_path, period_seconds=5, failure_threshold=3),
        resources=aci.ResourceRequirementsArgs(
            requests=aci.ResourceRequestsArgs(cpu=args.cpu, memory_in_gb=args.memory_in_gb)
        ),
    )
