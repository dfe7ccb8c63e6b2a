"""An app that was written for version 1 of the outputs, and knows nothing of later ones."""

from __future__ import annotations

from typing import Any


def settings(endpoint: dict[str, Any], certificates: dict[str, Any], client: str) -> dict[str, Any]:
    """What the app is started with."""
    assert endpoint["version"] == 1
    mine = certificates[client]
    return {
        "MODEL_URL": endpoint["predictUrl"].removesuffix(":predict"),
        "SNI": endpoint["serverName"],
        "VERIFY": endpoint["auth"] == "mtls",
        "CA": endpoint["caCertificatesPem"].encode("ascii"),
        "CERTIFICATE": mine["certificatePem"].encode("ascii"),
        "KEY": mine["privateKeyPem"].encode("ascii"),
        "SERIAL": int(mine["serialNumber"], 16),
        "UNTIL": mine["notAfter"][:10],
        "GENERATIONS": [mine["generation"], *(g["generation"] for g in mine["earlierGenerations"])],
        "RUNS": endpoint["modelImage"].rpartition("@")[2],
        "SEEN_AT": endpoint["fqdn"],
        "CALLED": endpoint["modelName"],
        "HOST": endpoint["url"].partition("://")[2],
    }
