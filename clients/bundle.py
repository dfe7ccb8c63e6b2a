"""Writes what one client needs into a folder: its certificate, its key, whom to trust, where.

Takes the stack outputs `endpoint` and `clientCertificates`, from wherever they were read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_bundle(
    folder: Path, client: str, endpoint: Mapping[str, Any], certificate: Mapping[str, Any]
) -> None:
    """Write `client.crt`, `client.key` (mode 0600), `ca.crt` and `endpoint.json`.

    Args:
        folder: made if it is not there (mode 0700).
        client: the client's name.
        endpoint: the stack output `endpoint`.
        certificate: the client's entry in the stack output `clientCertificates`.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = {k: v for k, v in endpoint.items() if k != "caCertificatesPem"}
    (folder / "client.crt").write_text(certificate["certificatePem"])
    (folder / "ca.crt").write_text(endpoint["caCertificatesPem"])
    (folder / "endpoint.json").write_text(
        json.dumps(
            {
                **public,
                "client": client,
                "serialNumber": certificate["serialNumber"],
                "notAfter": certificate["notAfter"],
            },
            indent=2,
        )
        + "\n"
    )
    # Made with its mode, not given it afterwards: between the two others could read it.
    key = folder / "client.key"
    key.unlink(missing_ok=True)
    with open(os.open(key, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(certificate["privateKeyPem"])
