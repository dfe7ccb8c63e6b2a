"""What a front enforces, as its component registers it: read by reviews and policies.

Nothing in it is secret. nginx.conf is rendered from the same values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel


class _Told(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, frozen=True
    )


class ClientLimits(_Told):
    """What one client may ask for, and how much of it; None where it is not limited."""

    name: str
    paths: tuple[str, ...] | None = None
    requests_per_second: int | None = None
    burst: int | None = None
    max_connections: int | None = None
    """With a request under way at the same time."""


class Enforcement(_Told):
    """Who is let in, by which names, and how much each may ask for."""

    endpoint_port: int
    health_port: int
    server_names: tuple[str, ...]
    accepted: Mapping[str, str]
    """`serial number/SHA-1 fingerprint` of a certificate, to the name of its client."""
    revoked: Mapping[str, str]
    """The same of certificates that clients hold and that are refused."""
    trust_bundle_pem: str
    verify_depth: int
    """How many CAs may stand between a client's certificate and a root in the bundle."""
    limits: tuple[ClientLimits, ...] = ()
    """Of clients that may not do everything."""
    max_request_body_in_mb: Annotated[int, Field(alias="maxRequestBodyInMB")]


def read(outputs: Mapping[str, Any]) -> Enforcement | None:
    """Reads what a component registered; None if any of it is missing, hidden or unknown."""
    try:
        return Enforcement.model_validate(outputs.get("enforces"))
    except ValidationError:
        return None
