"""What a stack tells the world: the contract with downstream apps.

`endpoint` and `certificates` are public; `clientCertificates` is secret as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi

from common import contract as schema
from common.certificate_record import Record, Role, days_until
from components.certificates import (
    CertificateAuthority,
    LeafCertificate,
    fingerprint_sha1,
    serial_number,
)
from program.settings import StackSettings

Generations = Mapping[int, LeafCertificate]
"""What one client has, by generation."""


def endpoint(
    cfg: StackSettings,
    fqdn: pulumi.Output[str],
    model_image: pulumi.Output[str],
    trust_bundle_pem: pulumi.Input[str],
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
    told = {
        "version": schema.VERSION,
        "url": url,
        "predictUrl": pulumi.Output.concat(url, f"/v1/models/{cfg.model_name}:predict"),
        "fqdn": fqdn,
        "serverName": server_name,
        "caCertificatesPem": trust_bundle_pem,
        "auth": cfg.tls,
        "modelName": cfg.model_name,
        "modelImage": model_image,
    }
    # The version is told when the rest is what that version promises; in a preview, where a part
    # may not be known yet, the rest is shown all the same.
    return {**told, "version": _checked("endpoint", told)["version"]}


def client_certificates(clients: Mapping[str, Generations]) -> pulumi.Output[Any]:
    """Client name to certificate and key: secret, also the names of its keys.

    The newest generation is the one to use; those before it are accepted as long as they are here.
    """

    def bundle(generation: int, client: LeafCertificate) -> dict[str, Any]:
        return {
            "generation": generation,
            "certificatePem": client.certificate_pem,
            "privateKeyPem": client.private_key_pem,
            "serialNumber": client.serial_number,
            "notAfter": client.certificate.validity_end_time,
        }

    by_name = {}
    for name, generations in clients.items():
        *earlier, newest = (bundle(*item) for item in sorted(generations.items()))
        by_name[name] = {**newest, "earlierGenerations": earlier}
    return pulumi.Output.secret(_checked("clientCertificates", by_name))


def certificates(
    cfg: StackSettings,
    authorities: Mapping[int, CertificateAuthority],
    server: LeafCertificate,
    clients: Mapping[str, Generations],
) -> list[pulumi.Output[Record]]:
    """Describes each certificate of this deployment."""
    certs = cfg.certificates

    def record(
        role: Role,
        name: pulumi.Input[str],
        issued: CertificateAuthority | LeafCertificate,
        **others: Any,
    ) -> pulumi.Output[Record]:
        return pulumi.Output.all(
            **others,
            role=role,
            name=name,
            serial_number=issued.certificate.id.apply(serial_number),
            fingerprint_sha1=issued.certificate_pem.apply(fingerprint_sha1),
            public_key_sha256=issued.public_key_sha256,
            not_before=issued.certificate.validity_start_time,
            not_after=issued.certificate.validity_end_time,
            renews_from=issued.certificate.validity_end_time.apply(
                lambda end: _days_before(end, certs.renew_before(role))
            ),
        ).apply(_record)

    def ca_status(label: str) -> str:
        return "issuing" if label == certs.issuing else "trusted"

    return [
        *(
            record(
                "ca",
                ca.certificate.subject.apply(lambda subject: str(subject and subject.common_name)),
                ca,
                generation=generation,
                issuer=certs.label(generation),
                status=ca_status(certs.label(generation)),
            )
            for generation, ca in authorities.items()
        ),
        *(
            pulumi.Output.from_input(
                _record(
                    {
                        "role": "ca",
                        "name": anchor.common_name,
                        "generation": None,
                        "status": ca_status(anchor.label),
                        "issuer": anchor.label,
                        "serial_number": serial_number(str(anchor.certificate.serial_number)),
                        "fingerprint_sha1": fingerprint_sha1(anchor.issuer_pem),
                        "public_key_sha256": anchor.public_key_sha256,
                        "not_before": _rfc3339(anchor.certificate.not_valid_before_utc),
                        "not_after": _rfc3339(anchor.not_valid_after),
                        "renews_from": None,
                    }
                )
            )
            for anchor in certs.anchors
        ),
        record(
            "server",
            cfg.model_name,
            server,
            generation=certs.server_generation,
            issuer=certs.issuing,
            status="current",
        ),
        *(
            record(
                "client",
                name,
                client,
                generation=generation,
                issuer=certs.issuing,
                status="current" if generation == max(generations) else "accepted",
            )
            for name, generations in clients.items()
            for generation, client in generations.items()
        ),
    ]


def _record(values: Mapping[str, Any]) -> Record:
    days_left = days_until(values["not_after"], datetime.now(UTC))
    return Record(**values, days_left=days_left)


def _checked(output: str, value: Any) -> pulumi.Output[Any]:
    """A value, if it keeps the promise that its schema is."""

    def check(whole: Any) -> Any:
        try:
            return schema.check(output, whole)
        except schema.ContractError as error:
            raise pulumi.RunError(str(error)) from None  # printed without a traceback

    return pulumi.Output.from_input(value).apply(check)


def once(value: pulumi.Input[Any], *known: pulumi.Input[object]) -> pulumi.Output[Any]:
    """A value, when others are known; not after a deployment that failed before."""
    return pulumi.Output.all(value, *known).apply(lambda values: values[0])


def _days_before(end: str, days: int) -> str:
    return _rfc3339(datetime.fromisoformat(end) - timedelta(days=days))


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
