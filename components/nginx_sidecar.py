"""The nginx sidecar: its configuration as a secret volume, and its container.

Owns what nginx is told (`nginx/nginx.conf.j2`), the files it is given and the container they are
mounted in. Does not own certificates, the image or the group the container runs in; has no
resources of its own.

The volume is mounted on a folder of its own: over `/etc/nginx` it would hide what the image has
there. The CA's certificate is in it, the CA's private key is not.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pulumi
from pulumi_azure_native import containerinstance as aci

from common.enforcement import ClientLimits, Enforcement
from common.routes import routes
from components.sidecar_sizing import Sizes, sizes

TEMPLATE = Path(__file__).resolve().parent.parent / "nginx" / "nginx.conf.j2"
VOLUME_NAME = "nginx-sidecar"
"""A version of the model in a URL: a whole number, as many digits as the model server takes.

TensorFlow's exporters write seconds since 1970, which have ten.
"""
MOUNT_PATH = "/etc/nginx-sidecar"
WAIT_SECONDS = 120
"""How long nginx waits for the model before it starts without it."""


@dataclass(frozen=True, kw_only=True)
class NginxSidecarArgs:
    """What an NginxSidecar takes."""

    image: pulumi.Input[str]
    model_name: str
    model_port: int
    model_readiness_path: str
    """Where the model's server answers 200 as soon as it takes requests."""
    endpoint_port: int
    health_port: int
    """For the platform's probes; never published."""
    server_names: Sequence[pulumi.Input[str]]
    """The names clients may call the endpoint by: the names in the server certificate."""
    server_certificate_pem: pulumi.Input[str]
    server_private_key_pem: pulumi.Input[str]
    trust_bundle_pem: pulumi.Input[str]
    """The CA certificates a client certificate may be signed by."""
    verify_depth: int = 0
    """How many CAs may stand between a client's certificate and a root in the bundle."""
    accepted: pulumi.Input[Mapping[str, str]]
    """A certificate, as `listed_as` says, to the name of the client that is let in with it."""
    revoked: pulumi.Input[Mapping[str, str]]
    """The same of certificates that clients hold and that are refused."""
    limits: Sequence[ClientLimits] = ()
    """For clients that may not do everything."""
    max_request_body_in_mb: int
    cpu: float
    memory_in_gb: float


class NginxSidecar(pulumi.ComponentResource):
    """Terminates mutual TLS and lets only known clients ask the model for predictions."""

    enforces: pulumi.Output[Enforcement]
    """What nginx.conf was rendered from."""
    volume: aci.VolumeArgs
    container: aci.ContainerArgs

    def __init__(
        self, name: str, args: NginxSidecarArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtls-model-endpoint:index:NginxSidecar", name, None, opts)
        limits = sizes(args.memory_in_gb, args.max_request_body_in_mb)
        enforces = {
            "endpoint_port": args.endpoint_port,
            "health_port": args.health_port,
            "server_names": list(args.server_names),
            "accepted": args.accepted,
            "revoked": args.revoked,
            "trust_bundle_pem": args.trust_bundle_pem,
            "verify_depth": args.verify_depth,
            "limits": [limit.model_dump() for limit in args.limits],
            "max_request_body_in_mb": args.max_request_body_in_mb,
        }
        self.enforces = pulumi.Output.all(**enforces).apply(Enforcement.model_validate)
        configuration = self.enforces.apply(
            lambda enforced: render(variables(enforced, args.model_name, args.model_port, limits))
        )
        self.volume = aci.VolumeArgs(
            name=VOLUME_NAME,
            secret={
                "nginx.conf": _base64(configuration),
                "server.crt": _base64(args.server_certificate_pem),
                "server.key": pulumi.Output.secret(_base64(args.server_private_key_pem)),
                "ca.crt": _base64(args.trust_bundle_pem),
            },
        )
        probe = aci.ContainerHttpGetArgs(
            path="/health", port=args.health_port, scheme=aci.Scheme.HTTP
        )
        started_with = {
            "MODEL_READY": f"{args.model_port}{args.model_readiness_path}",
            "WAIT_SECONDS": str(WAIT_SECONDS),
            "DATA_LIMIT_KB": str(limits.data_limit_in_kb),
        }
        self.container = aci.ContainerArgs(
            name="sidecar",
            image=args.image,
            # The prefix is where nginx writes; everything it reads is beside nginx.conf.
            command=[
                "start-sidecar",
                "nginx",
                "-e",
                "stderr",
                "-p",
                "/tmp",  # noqa: S108  the container's own
                "-c",
                f"{MOUNT_PATH}/nginx.conf",
                "-g",
                "daemon off;",
            ],
            environment_variables=[
                aci.EnvironmentVariableArgs(name=name, value=value)
                for name, value in started_with.items()
            ],
            ports=[aci.ContainerPortArgs(port=args.endpoint_port, protocol="TCP")],
            volume_mounts=[
                aci.VolumeMountArgs(name=VOLUME_NAME, mount_path=MOUNT_PATH, read_only=True)
            ],
            liveness_probe=aci.ContainerProbeArgs(
                http_get=probe,
                # Before that it may still wait for the model.
                initial_delay_seconds=WAIT_SECONDS + 5,
                period_seconds=10,
                failure_threshold=3,
            ),
            readiness_probe=aci.ContainerProbeArgs(http_get=probe, period_seconds=5),
            resources=aci.ResourceRequirementsArgs(
                requests=aci.ResourceRequestsArgs(cpu=args.cpu, memory_in_gb=args.memory_in_gb)
            ),
        )
        # Each part for itself, so that a preview tells those that are known.
        names = {str(field.alias): key for key, field in Enforcement.model_fields.items()}
        self.register_outputs({"enforces": {name: enforces[key] for name, key in names.items()}})


def listed_as(serial_number: str, fingerprint_sha1: str) -> str:
    """What a certificate is known by in the maps of nginx.conf.

    The serial number alone would let in anyone who has the key of any trusted CA: they can issue a
    certificate with a serial number that is on the list, and serial numbers are no secret.

    Args:
        serial_number: as nginx writes it, see `certificates.serial_number`.
        fingerprint_sha1: of the certificate.
    """
    return f"{serial_number}/{fingerprint_sha1}"


def variables(
    enforced: Enforcement, model_name: str, model_port: int, limits: Sizes
) -> dict[str, object]:
    """Names what the template is rendered from."""
    return {
        **dict(enforced),
        "routes": routes(model_name),
        "model_port": model_port,
        "sizes": limits,
    }


def render(variables: Mapping[str, object]) -> str:
    """Renders nginx.conf from the template.

    Raises:
        jinja2.UndefinedError: if the template uses a variable that is not given.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  not HTML; names and serials are checked in program/settings/
    )
    environment.filters["regex_escape"] = re.escape
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(variables)


def _base64(text: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.from_input(text).apply(lambda t: base64.b64encode(t.encode()).decode())
