"""An example of the sidecar's volume, with which its image is built.

The build runs `nginx -t` on it, with the very nginx that will run it: a template that nginx does
not take ends in a failed build, before the running endpoint is touched. The values are no stack's,
so the image is rebuilt when the template changes, and only then. Values from stack files cannot
break what the example proves: program/settings/ lets no others through than these are examples of.
"""

from __future__ import annotations

import base64
import io
import tarfile
from datetime import UTC, datetime

from common.enforcement import ClientLimits, Enforcement
from components.nginx_sidecar import listed_as, render, variables
from components.sidecar_sizing import sizes

ENFORCED = Enforcement(
    endpoint_port=18443,
    health_port=18502,
    server_names=("localhost", "model.example.com"),
    accepted={listed_as("0A", "a" * 40): "everything", listed_as("0B", "b" * 40): "limited"},
    revoked={listed_as("0C", "c" * 40): "revoked"},
    trust_bundle_pem="",  # in a file of its own
    verify_depth=0,
    limits=(
        ClientLimits(
            name="limited",
            paths=("/v1/models/example:predict",),
            requests_per_second=10,
            burst=20,
            max_connections=4,
        ),
        ClientLimits(name="a.b-c_d", paths=("/openapi.json",)),
        ClientLimits(name="rate", requests_per_second=1),
        ClientLimits(name="connections", max_connections=1),
    ),
    max_request_body_in_mb=8,
)


VARIABLES = variables(ENFORCED, "example", 18501, sizes(memory_in_gb=0.5, max_request_body_in_mb=8))


def volume() -> str:
    """The files of the volume, as base64 of a tar archive: the same text every time."""
    certificate, key = _throw_away_identity()
    files = {
        "nginx.conf": render(VARIABLES).encode(),
        "server.crt": certificate,
        "server.key": key,
        "ca.crt": certificate,
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(archive.getvalue()).decode()


def _throw_away_identity() -> tuple[bytes, bytes]:
    """A certificate and its key, which everybody can compute: good for `nginx -t` alone.

    Ed25519 signs without chance, so the archive does not change from one run to the next.
    """
    from cryptography import x509  # noqa: PLC0415  slow to import
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2026, 1, 2, tzinfo=UTC))
        .sign(key, None)
    )
    return certificate.public_bytes(form.Encoding.PEM), key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
