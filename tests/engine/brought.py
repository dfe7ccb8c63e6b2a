"""CAs of the user's own, for the stack file."""

from __future__ import annotations

from tests.unit.cas import Ca, make_ca


def secrets(ca: Ca | None) -> dict[str, str]:
    return {"certificates.authority.privateKeyPem": ca.key_pem} if ca else {}


def brought(name: str, days: float = 1000, *, key_of: Ca | None = None) -> Ca:
    """Makes a new CA, or another certificate for the key of one."""
    return make_ca(name, ends=days, path_length=0, key=key_of.key if key_of else None)
