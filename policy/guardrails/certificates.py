"""The certificate profile: kinds of keys, uses, validity, and what nginx makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from common.names import (
    CONTAINER_GROUP,
    KEY_USAGES,
    LOCALLY_SIGNED_CERT,
    PRIVATE_KEY,
    SELF_SIGNED_CERT,
)
from policy import nginx_conf
from policy.guardrails.azure import has_sidecar
from policy.guardrails.rule import (
    AFTERWARDS,
    FIRST_UP,
    UNKNOWN,
    Config,
    Resource,
    each,
    of_resource,
    of_stack,
)
from policy.guardrails.secrets import volume_files, volume_names
from policy.nginx_conf import Directive

PURPOSES = {"server": "server_auth", "client": "client_auth"}
HOURS_PER_DAY = 24
CERTIFICATES = (SELF_SIGNED_CERT, LOCALLY_SIGNED_CERT)
LISTED = re.compile("[0-9A-F]+/[0-9a-f]{40}")


@of_resource(
    "strong-keys",
    PRIVATE_KEY,
    severity="high",
    remedy="Set certificates.keyAlgorithm to one of those in docs/reference.md",
    url="https://wiki.mozilla.org/Security/Server_Side_TLS",
    config={
        "rsaBits": {"type": "integer", "default": 2048},
        "curves": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["P256", "P384", "P521"],
        },
    },
)
def _strong(key: Resource, config: Config) -> Iterator[str]:
    """Keys are of a kind that clients take and nobody breaks."""
    props = key.props
    match props.get("algorithm"):
        case "RSA" if (bits := props.get("rsaBits")) is not UNKNOWN:
            if int(bits or 2048) < config["rsaBits"]:
                yield f"{key.name} is an RSA key of {int(bits or 2048)} bits"
        case "ECDSA" if (curve := props.get("ecdsaCurve")) is not UNKNOWN:
            if curve not in config["curves"]:
                yield f"{key.name} is on the curve {curve or 'P224'}, which handshakes do not take"
        case "RSA" | "ECDSA":
            return
        case other if other is not UNKNOWN:
            yield f"{key.name} is of the kind {other}"


@of_resource(
    "leaf-for-one-purpose",
    LOCALLY_SIGNED_CERT,
    severity="high",
    remedy="Give it server_auth or client_auth",
    url="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12",
)
def _one_purpose(leaf: Resource, _: Config) -> Iterator[str]:
    """A leaf has exactly one extended key usage, and is no CA."""
    uses = [use for use in each(leaf.props.get("allowedUses")) if use not in KEY_USAGES]
    if UNKNOWN in [leaf.props.get("allowedUses"), *uses]:
        return
    role = leaf.name.partition("-")[0]
    if len(uses) != 1 or uses[0] not in PURPOSES.values():
        yield f"{leaf.name} is good for {', '.join(uses) or 'anything'}, not for one thing"
    elif uses[0] != PURPOSES.get(role, uses[0]):
        yield f"{leaf.name} is good for {uses[0]}, and a {role}'s"
    if leaf.props.get("isCaCertificate"):
        yield f"{leaf.name} is a CA's"


@of_resource(
    "ca-only-signs",
    SELF_SIGNED_CERT,
    severity="high",
    remedy="Set isCaCertificate, and cert_signing and crl_signing as its uses",
    url="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.3",
)
def _is_a_ca(ca: Resource, _: Config) -> Iterator[str]:
    """A CA is marked as one, and good for nothing else."""
    if ca.props.get("isCaCertificate") is not UNKNOWN and not ca.props.get("isCaCertificate"):
        yield f"{ca.name} signs itself and is no CA"
    uses = ca.props.get("allowedUses")
    if uses is not UNKNOWN and set(each(uses)) - {UNKNOWN, *KEY_USAGES}:
        yield f"{ca.name} is a CA and good for more than signing"


@of_resource(
    "validity-within-limits",
    *CERTIFICATES,
    severity="medium",
    remedy="Change certificates.validityDays or certificates.renewBeforeDays",
    url="https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
    config={
        "caDays": {"type": "integer", "default": 3650},
        "leafDays": {"type": "integer", "default": 398},
    },
)
def _lasts(certificate: Resource, config: Config) -> Iterator[str]:
    """Certificates last no longer than they should, and are renewed in time."""
    hours, early = (
        certificate.props.get(key) for key in ("validityPeriodHours", "earlyRenewalHours")
    )
    limit = "caDays" if certificate.type == SELF_SIGNED_CERT else "leafDays"
    if isinstance(hours, int | float):
        if hours > config[limit] * HOURS_PER_DAY:
            yield f"{certificate.name} is valid for {hours / HOURS_PER_DAY:.0f} days"
        if isinstance(early, int | float) and early >= hours:
            yield f"{certificate.name} is replaced at every deployment: its window never closes"
        if not early and early is not UNKNOWN:
            yield f"{certificate.name} is renewed only after its end"


@of_stack(
    "not-about-to-end",
    severity="high",
    remedy="Run an up inside its window: see 'Renew before certificates end' in operations.md",
    url="https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
    seen=AFTERWARDS,
    config={"days": {"type": "integer", "default": 7}},
)
def _not_about_to_end(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    """No certificate ends within days."""
    # The end is the provider's to say, and only what looks at the whole stack is told.
    for certificate in resources:
        end = certificate.props.get("validityEndTime")
        if certificate.type in CERTIFICATES and isinstance(end, str) and end:
            left = datetime.fromisoformat(end) - datetime.now(UTC)
            if left < timedelta(days=config["days"]):
                yield f"{certificate.name} ends in {left.days} days"


@of_resource(
    "nginx-insists",
    CONTAINER_GROUP,
    severity="critical",
    remedy="Take nginx.conf as nginx/nginx.conf.j2 gives it",
    url="https://ssl-config.mozilla.org/#server=nginx",
    seen=FIRST_UP,
)
def _strict_nginx(group: Resource, _: Config) -> Iterator[str]:
    """nginx asks every client, with TLS 1.2 or later, anew each time."""
    if has_sidecar(group) and volume_names(group) and "nginx.conf" not in volume_names(group):
        yield "there is a sidecar, and no nginx.conf in its volume"
    text = volume_files(group).get("nginx.conf")
    if text is None:
        return
    conf = nginx_conf.parsed(text)
    # An nginx that does not ask may at least talk to nobody; and nothing may take a question back.
    doors = [server for server in conf.all("server") if _serves(server)]
    asked = {
        word
        for name in ("ssl_verify_client", "ssl_reject_handshake")
        for directive in conf.all(name)
        for word in directive.arguments
    }
    if asked != {"on"} or not doors or not all(_asks(door) for door in doors):
        yield "nginx.conf does not insist on a client certificate"
    if not _names_certificates(conf):
        yield "nginx.conf lets in more than the certificates that it names"
    for old in ("SSLv3", "TLSv1", "TLSv1.1"):
        if any(old in directive.arguments for directive in conf.all("ssl_protocols")):
            yield f"nginx.conf allows {old}"
    if conf.words("ssl_session_tickets") != {"off"}:
        yield "nginx.conf gives out session tickets"
    if conf.words("ssl_session_cache") - {"off"}:
        yield "nginx.conf keeps sessions"


def _serves(server: Directive) -> bool:
    return any(
        "ssl" in directive.arguments if directive.name == "listen" else True
        for directive in server.walk()
        if directive.name == "listen" or directive.name.endswith("_pass")
    )


def _asks(server: Directive) -> bool:
    return bool(server.words("ssl_verify_client") | server.words("ssl_reject_handshake"))


def _names_certificates(conf: Directive) -> bool:
    """The map that decides lets nobody in but certificates by serial number and fingerprint."""
    (*maps,) = (m for m in conf.all("map") if m.arguments[-1:] == ["$client_name"])
    return len(maps) == 1 and all(
        entry.arguments == [""] if entry.name == "default" else LISTED.fullmatch(entry.name)
        for entry in maps[0].block
    )
