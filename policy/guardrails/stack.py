"""What holds between resources: seen when all of them are there, also before a change of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from cryptography import x509

from common.names import SIDECAR, STACK
from policy.guardrails.access import VAULT
from policy.guardrails.rule import AFTERWARDS, UNKNOWN, Config, Resource, StackGuardrail, at, each
from policy.guardrails.secrets import GROUP, certificates

LEAF = "tls:index/locallySignedCert:LocallySignedCert"


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
        if resource.type == LEAF and name and isinstance(pem, str):
            for certificate in certificates(pem):
                found[f"{certificate.serial_number:X}"] = (name[1], pem)
    return found


def _signed_by_trusted(resources: Sequence[Resource], _: Config) -> Iterator[str]:
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


def _one_ca(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    for _, bundle in _sidecars(resources):
        roots = [ca for ca in certificates(bundle) if ca.issuer == ca.subject]
        if len(roots) > 1:
            yield f"{len(roots)} CAs are trusted: a replacement is under way"


def _known_clients(resources: Sequence[Resource], config: Config) -> Iterator[str]:
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


def _long_enough(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    for name, pem in _clients(resources).values():
        (leaf,) = certificates(pem)
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        if life < timedelta(days=config["days"]):
            yield f"{name}'s certificate is valid for {life.days} days"


LOGGED = ((GROUP, "/containergroups/", "container group"), (VAULT, "/vaults/", "key vault"))


def _diagnostics(resources: Sequence[Resource], _: Config) -> Iterator[str]:
    kept = {
        uri.lower() if isinstance(uri, str) else uri
        for setting in resources
        if setting.type.endswith("DiagnosticSetting") and _sends_logs(setting)
        for uri in [setting.props.get("resourceUri")]
    }
    if UNKNOWN in kept:
        return
    for type_, part, words in LOGGED:
        there = sum(r.type.endswith(type_) for r in resources)
        if sum(part in str(uri) for uri in kept) < there:
            yield f"the {words}'s logs go nowhere"


def _sends_logs(setting: Resource) -> bool:
    logs = each(setting.props.get("logs"))
    return setting.props.get("workspaceId") is not None and any(at(x, "enabled") for x in logs)


CERTIFICATES = "https://www.rfc-editor.org/rfc/rfc5280#section-6"
GUARDRAILS = [
    StackGuardrail(
        name="accepted-are-signed-by-trusted",
        description="Every certificate on the list is signed by a CA that is trusted.",
        severity="high",
        remedy="Follow 'Replace the CA' in docs/operations.md, a step at a time",
        url=CERTIFICATES,
        seen=AFTERWARDS,
        check=_signed_by_trusted,
    ),
    StackGuardrail(
        name="no-ca-left-over",
        description="One CA is trusted. Advisory: more are, while one is replaced.",
        advisory=True,
        severity="low",
        remedy="Finish with the last step of 'Replace the CA' in docs/operations.md",
        url=CERTIFICATES,
        seen=AFTERWARDS,
        check=_one_ca,
    ),
    StackGuardrail(
        name="accepted-are-clients",
        description="Every certificate on the list belongs to a client of the stack.",
        severity="critical",
        remedy="Take nginx.conf as nginx/nginx.conf.j2 gives it",
        url=CERTIFICATES,
        seen=AFTERWARDS,
        check=_known_clients,
    ),
    StackGuardrail(
        name="clients-can-keep-up",
        description="A client's certificate lasts long enough to hand out the next one.",
        severity="medium",
        remedy="Raise certificates.validityDays.client",
        url=CERTIFICATES,
        config={"days": {"type": "integer", "default": 30}},
        seen=AFTERWARDS,
        check=_long_enough,
    ),
    StackGuardrail(
        name="logs-are-kept",
        description="Every container group and key vault has a diagnostic setting.",
        severity="medium",
        remedy="Keep the diagnostic setting beside it",
        url="https://learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings",
        check=_diagnostics,
    ),
]
