"""Who is who: the CAs that count, the endpoint's certificate, the clients', as a stack file says.

Wiring of `components.certificates`, and what the last deployment has to do with it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pulumi

from common.certificate_record import Record
from components import certificates as pki
from program import continuity, outputs
from program.settings import StackSettings
from program.settings.certificates import Certificates


@dataclass(frozen=True, kw_only=True)
class Identities:
    """All certificates of an endpoint."""

    trust_bundle_pem: pulumi.Output[str]
    """The CA certificates that clients and the endpoint trust."""
    server_certificate_pem: pulumi.Output[str]
    """Takes effect only when clients whose clock is behind accept it."""
    server_private_key_pem: pulumi.Output[str]
    clients: dict[str, dict[int, pki.ClientCertificate]]
    """By name and generation."""
    clients_settled: pulumi.Output[object]
    """Known when they can be handed out: an endpoint whose clock is behind accepts them, too."""
    records: pulumi.Output[list[Record]]
    """What the stack tells about them, and about those that clients still hold from earlier."""


def issue(
    cfg: StackSettings,
    previous: Sequence[Record],
    server_names: Sequence[pulumi.Input[str]],
) -> Identities:
    """Issues everybody's certificates; none where the stack has no mutual TLS.

    Args:
        cfg: says who there is.
        previous: what the last deployment told about them.
        server_names: the names clients may call the endpoint by.
    """
    if cfg.tls == "none":
        nothing = pulumi.Output.from_input("")
        return Identities(
            trust_bundle_pem=nothing,
            server_certificate_pem=nothing,
            server_private_key_pem=nothing,
            clients={},
            clients_settled=pulumi.Output.from_input(None),
            records=pulumi.Output.from_input([]),
        )
    certs = cfg.certificates
    authorities = {
        generation: _authority(cfg, generation) for generation in certs.trusted_generations
    }
    leaf = functools.partial(
        pki.LeafCertificateArgs,
        issuer=_issuer(certs, authorities),
        key_algorithm=certs.key_algorithm,
    )
    server = pki.ServerCertificate(
        "server",
        leaf(
            common_name=cfg.model_name,
            validity_days=certs.validity_days.server,
            renew_before_days=certs.renew_before("server"),
            dns_names=server_names,
            generation=certs.server_generation,
        ),
    )
    clients = {
        client.name: {
            generation: pki.ClientCertificate(
                f"client-{client.name}@{generation}",
                leaf(
                    common_name=client.name,
                    validity_days=certs.validity_days.client,
                    renew_before_days=certs.renew_before("client"),
                ),
            )
            for generation in sorted(client.generations)
        }
        for client in cfg.clients
    }
    settled = functools.partial(
        continuity.settled,
        previous=previous,
        skew=timedelta(minutes=certs.clock_skew_minutes),
    )
    return Identities(
        trust_bundle_pem=pulumi.Output.concat(
            "",
            *(authority.certificate_pem for authority in authorities.values()),
            *(pem for anchor in certs.anchors for pem in anchor.chain_pem),
        ),
        server_certificate_pem=settled(server, "server"),
        server_private_key_pem=server.private_key_pem,
        clients=clients,
        clients_settled=pulumi.Output.all(
            *(
                settled(client, name)
                for name, generations in clients.items()
                for client in generations.values()
            )
        ),
        records=continuity.agree(
            previous,
            outputs.certificates(cfg, authorities, server, clients),
            certs.expiry,
        ),
    )


def _authority(cfg: StackSettings, generation: int) -> pki.CertificateAuthority:
    certs = cfg.certificates
    label = certs.label(generation)
    return pki.CertificateAuthority(
        label,
        pki.CertificateAuthorityArgs(
            common_name=f"{cfg.model_name} CA" + (f" {generation}" if generation > 1 else ""),
            key_algorithm=certs.key_algorithm,
            validity_days=certs.validity_days.ca,
            renew_before_days=certs.renew_before("ca"),
            protect_key=cfg.environment == "prod" and label == certs.issuing,
        ),
    )


def _issuer(certs: Certificates, authorities: dict[int, pki.CertificateAuthority]) -> pki.Issuer:
    if certs.authority is None:
        (signing,) = (ca for n, ca in authorities.items() if certs.label(n) == certs.issuing)
        return pki.Issuer(
            certificate_pem=signing.certificate_pem, private_key_pem=signing.private_key_pem
        )
    return pki.Issuer(
        certificate_pem=certs.authority.anchor.issuer_pem,
        private_key_pem=pulumi.Output.secret(certs.authority.private_key_pem.get_secret_value()),
    )
