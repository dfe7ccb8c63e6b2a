"""Records of certificates as a deployment puts them out, for tests of what the next makes of them.

A serial number is any text here: nothing reads it as a number.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from common.certificate_record import LIST, Record, exported

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
    return Record(
        role="client",
        name=name,
        generation=generation,
        status=status,
        issuer=issuer,
        serial_number=serial,
        fingerprint_sha1=f"fingerprint of {serial}",
        public_key_sha256=key or f"key of {name}@{generation}",
        not_before=end(days - 365),
        not_after=end(days),
        renews_from=end(days - 121),
        days_left=int(days // 1),
    )


def ca(label: str = "ca@1", status: str = "issuing", *, days: float = 2000) -> Record:
    external = label.startswith("external")
    return client(f"serial of {label}", f"name of {label}", issuer=label, days=days).model_copy(
        update={
            "role": "ca",
            "status": status,
            "generation": None if external else int(label.partition("@")[2]),
            "renews_from": None if external else end(days - 1216),
        }
    )


def server(serial: str = "5E", *, issuer: str = "ca@1", days: float = 200) -> Record:
    return client(serial, "demo", issuer=issuer, days=days).model_copy(update={"role": "server"})


def through_pulumi(records: list[Record]) -> list[Record]:
    """Reads them as they come out of a stack's state, where every number is a float."""
    return LIST.validate_python(
        [
            {k: float(v) if isinstance(v, int) else v for k, v in record.items()}
            for record in exported(records)
        ]
    )
