"""What stands between the internet and the model: nginx with mutual TLS, or nothing.

Wiring of `components.nginx_sidecar`. With `tls: none` the model's own port is public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import containerinstance as aci

from common.enforcement import ClientLimits
from components import nginx_example
from components.container_image import ContainerImage, ContainerImageArgs
from components.nginx_sidecar import NginxSidecar, NginxSidecarArgs
from components.registry import ContainerRegistry
from program import continuity
from program.identities import Identities
from program.settings import StackSettings


@dataclass(frozen=True, kw_only=True)
class Front:
    """What a container group gets beside the model."""

    public_port: int
    containers: list[aci.ContainerArgs] = field(default_factory=list)
    volumes: list[aci.VolumeArgs] = field(default_factory=list)


def build(
    cfg: StackSettings,
    pki: Identities,
    server_names: Sequence[pulumi.Input[str]],
    registry: ContainerRegistry,
) -> Front:
    """Builds the sidecar that lets the stack's clients in, and nobody else.

    Args:
        cfg: says what each client may ask for, and on which port.
        pki: whom the sidecar trusts, who it is, who may call.
        server_names: the names clients may call the endpoint by.
        registry: where the sidecar's image is pushed to.
    """
    if cfg.tls == "none":
        return Front(public_port=cfg.model_port)
    image = ContainerImage(
        "sidecar-image",
        ContainerImageArgs(
            push_to=registry.push_target("sidecar"),
            context="nginx",
            build_args={"EXAMPLE_VOLUME": nginx_example.volume()},
        ),
    )
    sidecar = NginxSidecar(
        "sidecar",
        NginxSidecarArgs(
            image=image.reference,
            model_name=cfg.model_name,
            model_port=cfg.model_port,
            model_readiness_path=cfg.model_image.probe_path("ready", cfg.model_name),
            endpoint_port=cfg.endpoint_port,
            health_port=cfg.health_port,
            server_names=server_names,
            server_certificate_pem=pki.server_certificate_pem,
            server_private_key_pem=pki.server_private_key_pem,
            trust_bundle_pem=pki.trust_bundle_pem,
            verify_depth=cfg.certificates.longest_chain,
            accepted=pki.records.apply(continuity.accepted),
            revoked=pki.records.apply(continuity.revoked),
            limits=[
                ClientLimits(
                    name=client.name,
                    paths=client.paths,
                    requests_per_second=client.requests_per_second,
                    burst=client.burst or client.requests_per_second,
                    max_connections=client.max_connections,
                )
                for client in cfg.clients
            ],
            max_request_body_in_mb=cfg.max_request_body_in_mb,
            cpu=cfg.resources.sidecar.cpu,
            memory_in_gb=cfg.resources.sidecar.memory_in_gb,
        ),
    )
    return Front(
        public_port=cfg.endpoint_port, containers=[sidecar.container], volumes=[sidecar.volume]
    )
