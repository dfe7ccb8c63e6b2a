"""What holds between resources: seen when all of them are there, also before a change of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from cryptography import x509

from common.names import CONTAINER_GROUP, DIAGNOSTICS, LOCALLY_SIGNED_CERT, SIDECAR, STACK, VAULT
from policy.guardrails.rule import AFTERWARDS, UNKNOWN, Config, Resource, at, each, of_stack
from policy.guardrails.secrets import certificates

CERTIFICATES = "https://www.rfc-editor.org/rfc/rfc5280#section-6"


def _sidecars(resources: Sequence[Resource]) -> Iterator[tuple[dict[str, str], str]]:
    """Finds what each sidecar enforces: client names by serial number, and whom it trusts.

    Not from the group: Azure returns no secrets.
    """
    for sidecar in resources:
        if sidecar.type == SIDECAR:
            accepted, bundle = (
                at(sidecar.props, "enforces", key) for key in ("accepted", "trustBundlePem")
            )
            if isinstance(accepted, dict) and isinstance(bundle, str):
                yield {_serial(listed): name for listed, name in accepted.items()}, bundle


def _serial(listed: str) -> str:
    return listed.partition("/")[0].lstrip("0")


def _clients(resources: Sequence[Resource]) -> dict[str, tuple[str, str]]:
    """Serial number to name and certificate of the clients that the stack issues for."""
    found = {}
    for resource in resources:
        name = re.fullmatch(r"client-(.+)@\d+-certificate", resource.name)
        pem = resource.props.get("certPem")
        if resource.type == LOCALLY_SIGNED_CERT and name and isinstance(pem, str):
            for certificate in certificates(pem):
                found[f"{certificate.serial_number:X}"] = (name[1], pem)
    return found


@of_stack(
    "accepted-are-signed-by-trusted",
    severity="high",
    remedy="Follow 'Replace the CA' in docs/operations.md, a step at a time",
    url=CERTIFICATES,
    seen=AFTERWARDS,
)
def _signed_by_trusted(resources: Sequence[Resource], _: Config) -> Iterator[str]:
    """Every certificate on the list is signed by a CA that is trusted."""
    issued = _clients(resources)
    for accepted, bundle in _sidecars(resources):
        trusted = certificates(bundle)
        for serial, name in accepted.items():
            if serial not in issued:
                continue  # renewed, and let in until it ends
            (leaf,) = certificates(issued[serial][1])
            if not any(_issued_by(leaf, ca) for ca in trusted):
                yield f"{name}'s certificate is on the list, and no trusted CA signed it"


def _issued_by(leaf: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
    except Exception:  # it raises several that have nothing in common
        return False
    return True


@of_stack(
    "no-ca-left-over",
    severity="low",
    remedy="Finish with the last step of 'Replace the CA' in docs/operations.md",
    url=CERTIFICATES,
    seen=AFTERWARDS,
    advisory=True,
)
def _one_ca(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    """One CA is trusted. Advisory: more are, while one is replaced."""
    for _, bundle in _sidecars(resources):
        roots = [ca for ca in certificates(bundle) if ca.issuer == ca.subject]
        if len(roots) > 1:
            yield f"{len(roots)} CAs are trusted: a replacement is under way"


@of_stack(
    "accepted-are-clients",
    severity="critical",
    remedy="Take nginx.conf as nginx/nginx.conf.j2 gives it",
    url=CERTIFICATES,
    seen=AFTERWARDS,
)
def _known_clients(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    """Every certificate on the list belongs to a client of the stack."""
    issued, recorded = _clients(resources), _recorded(resources)
    names = {name for name, _ in issued.values()}
    for listed, _ in _sidecars(resources):
        for name in sorted(set(listed.values()) - names):
            yield f"{name} is let in, and the stack has no such client"
        for serial, name in listed.items():
            if name in names and recorded and serial not in {*issued, *recorded}:
                yield f"{name} is let in with certificate {serial}, which the stack never issued"


def _recorded(resources: Sequence[Resource]) -> set[str]:
    """Serial numbers that the stack says it issued to clients; none where that is unknown."""
    outputs = next((r.props for r in resources if r.type == STACK), {})
    records = [r for r in each(outputs.get("certificates")) if at(r, "role") == "client"]
    serials = [at(record, "serialNumber") for record in records]
    known = all(isinstance(serial, str) for serial in serials)
    return {str(serial).lstrip("0") for serial in serials} if known else set()


@of_stack(
    "clients-can-keep-up",
    severity="medium",
    remedy="Raise certificates.validityDays.client",
    url=CERTIFICATES,
    seen=AFTERWARDS,
    config={"days": {"type": "integer", "default": 30}},
)
def _long_enough(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    """A client's certificate lasts long enough to hand out the next one."""
    for name, pem in _clients(resources).values():
        (leaf,) = certificates(pem)
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        if life < timedelta(days=config["days"]):
            yield f"{name}'s certificate is valid for {life.days} days"


LOGGED = (
    (CONTAINER_GROUP, "/containergroups/", "container group"),
    (VAULT, "/vaults/", "key vault"),
)


@of_stack(
    "logs-are-kept",
    severity="medium",
    remedy="Keep the diagnostic setting beside it",
    url="https://learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings",
)
def _diagnostics(resources: Sequence[Resource], _: Config) -> Iterator[str]:
    """Every container group and key vault has a diagnostic setting."""
    kept = {
        uri.lower() if isinstance(uri, str) else uri
        for setting in resources
        if setting.type == DIAGNOSTICS and _sends_logs(setting)
        for uri in [setting.props.get("resourceUri")]
    }
    if UNKNOWN in kept:
        return
    for type_, part, words in LOGGED:
        there = sum(r.type == type_ for r in resources)
        if sum(part in str(uri) for uri in kept) < there:
            yield f"the {words}'s logs go nowhere"


def _sends_logs(setting: Resource) -> bool:
    logs = each(setting.props.get("logs"))
    return setting.props.get("workspaceId") is not None and any(at(x, "enabled") for x in logs)
