"""What a stack tells the world: the contract with downstream apps.

`endpoint` and `certificates` are public; `clientCertificates` is secret as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

from components.certificates import CertificateAuthority, LeafCertificate, serial_number
from settings import StackSettings

CONTRACT_VERSION = 1


def endpoint(
    cfg: StackSettings,
    fqdn: pulumi.Output[str],
    model_image: pulumi.Output[str],
    authorities: Iterable[CertificateAuthority],
) -> dict[str, Any]:
    """Where the endpoint is, and how to be sure that it is the right one.

    A name of the user's own comes before Azure's, because that is what clients should use.
    """
    mtls = cfg.tls == "mtls"
    scheme, port, default_port = (
        ("https", cfg.endpoint_port, 443) if mtls else ("http", cfg.model_port, 80)
    )
    server_name = pulumi.Output.from_input(cfg.server_names[0] if cfg.server_names else fqdn)
    host_port = "" if port == default_port else f":{port}"
    url = pulumi.Output.concat(scheme, "://", server_name, host_port)
    return {
        "version": CONTRACT_VERSION,
        "url": url,
        "predictUrl": pulumi.Output.concat(url, f"/v1/models/{cfg.model_name}:predict"),
        "fqdn": fqdn,
        "serverName": server_name,
        "caCertificatesPem": pulumi.Output.concat("", *(a.certificate_pem for a in authorities)),
        "auth": cfg.tls,
        "modelName": cfg.model_name,
        "modelImage": model_image,
    }


def client_certificates(clients: Mapping[str, LeafCertificate]) -> pulumi.Output[Any]:
    """Client name to certificate and key: secret, also the names of its keys."""
    return pulumi.Output.secret(
        {
            name: {
                "certificatePem": client.certificate_pem,
                "privateKeyPem": client.private_key_pem,
                "serialNumber": client.serial_number,
                "notAfter": client.certificate.validity_end_time,
            }
            for name, client in clients.items()
        }
    )


def certificates(
    **by_role: Mapping[str, CertificateAuthority] | Mapping[str, LeafCertificate],
) -> list[dict[str, Any]]:
    """Every certificate of the stack, without anything secret; times are RFC 3339."""
    return [
        {
            "role": role,
            "name": name,
            "serialNumber": issued.certificate.id.apply(serial_number),
            "notBefore": issued.certificate.validity_start_time,
            "notAfter": issued.certificate.validity_end_time,
        }
        for role, named in by_role.items()
        for name, issued in named.items()
    ]
