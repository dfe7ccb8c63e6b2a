"""Records of certificates as a deployment puts them out, for tests of what the next makes of them.

A serial number is any text here: nothing reads it as a number.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def end(days: float) -> str:
    """So many days from `NOW`."""
    return (NOW + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def client(
    serial: str,
    name: str = "alice",
    *,
    generation: int = 1,
    key: str = "",
    issuer: str = "ca@1",
    days: float = 200,
    status: str = "current",
) -> Record:
    """Of a client's certificate; the key is one for each name and generation unless given."""
    return {
        "role": "client",
        "name": name,
        "generation": generation,
        "status": status,
        "issuer": issuer,
        "serialNumber": serial,
        "fingerprintSha1": f"fingerprint of {serial}",
        "publicKeySha256": key or f"key of {name}@{generation}",
        "notBefore": end(days - 365),
        "notAfter": end(days),
        "renewsFrom": end(days - 121),
    }


def ca(label: str = "ca@1", status: str = "issuing", *, days: float = 2000) -> Record:
    external = label.startswith("external")
    return {
        "role": "ca",
        "name": f"name of {label}",
        "generation": None if external else int(label.partition("@")[2]),
        "status": status,
        "issuer": label,
        "serialNumber": f"serial of {label}",
        "fingerprintSha1": f"fingerprint of {label}",
        "publicKeySha256": f"key of {label}",
        "notBefore": end(days - 3650),
        "notAfter": end(days),
        "renewsFrom": None if external else end(days - 1216),
    }


def server(serial: str = "5E", *, issuer: str = "ca@1", days: float = 200) -> Record:
    return {**client(serial, "demo", issuer=issuer, days=days), "role": "server"}


def through_pulumi(records: list[Record]) -> list[Record]:
    """As they come back out of a stack's state: every number is a float."""

    def floats(value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    copied = copy.deepcopy(records)
    json.dumps(copied)
    return [{key: floats(value) for key, value in record.items()} for record in copied]
