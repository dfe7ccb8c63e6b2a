"""TLS-19 to TLS-24: what sslyze, pkilint and gixy think of the endpoint.

They are run as commands of their own. Whatever they find is in the result; what is explained here
is, besides, not held against the endpoint.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.actors.peers import Endpoint
from conformance.case import Observed, case

NOTHING = "nothing unexplained"


@dataclass(frozen=True)
class Explained:
    """A finding that is none, and why."""

    finding: str
    """A regular expression that all of it matches."""
    reason: str


SSLYZE: tuple[Explained, ...] = ()
"""None: a private CA is no finding to it once it is told of the CA."""

PKILINT = (
    Explained(
        r'pkix\.invalid_domain_name_syntax: Invalid domain name syntax: "localhost"',
        "the name of every endpoint on this machine; RFC 1034 allows it, pkilint wants a dot",
    ),
)

GIXY = (
    Explained(
        r'http_splitting: At least variable "\$ssl_client_serial" can contain "\\n"',
        "nginx writes the serial number in hexadecimal digits, so it has no line end",
    ),
    Explained(
        r"try_files_is_evil_too: .*",
        "a probe every few seconds looks for one file, and only there are limits looked at",
    ),
)


@case("TLS-19", "sslyze: Mozilla's intermediate configuration", NOTHING)
def mozilla(endpoint: Endpoint) -> Observed:
    """Versions, suites, curves, the certificate's kind and age, known attacks."""
    certificate_and_key = str(endpoint.alice.file)
    said = _said(
        *("sslyze", "--mozilla_config=intermediate", "--sni", endpoint.name),
        *("--cert", certificate_and_key, "--key", certificate_and_key),
        *("--certinfo_ca_file", str(endpoint.ca_file)),
        f"{endpoint.name}:{endpoint.port}{{{socket.gethostbyname(endpoint.address)}}}",
    )
    verdict = said.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    if ": OK - Compliant." in verdict:
        return _judged([], SSLYZE)
    assert ": FAILED - Not compliant." in verdict, said
    return _judged(re.findall(r"^\s+\* (.*)$", verdict, re.MULTILINE), SSLYZE)


@case("TLS-20", "pkilint: the CA's certificate", NOTHING)
def ca(endpoint: Endpoint) -> Observed:
    return _linted(endpoint, endpoint.ca_file.read_bytes())


@case("TLS-21", "pkilint: the endpoint's certificate", NOTHING)
def server(endpoint: Endpoint) -> Observed:
    with endpoint.connect(None) as connection:
        shown = connection.getpeercert(binary_form=True)
    assert shown
    return _linted(endpoint, ssl.DER_cert_to_PEM_cert(shown).encode())


@case("TLS-22", "pkilint: alice's certificate", NOTHING)
def alice(endpoint: Endpoint) -> Observed:
    return _linted(endpoint, endpoint.alice.file.read_bytes())


@case("TLS-23", "pkilint: bob's certificate", NOTHING, needs=("stack",))
def bob(endpoint: Endpoint) -> Observed:
    return _linted(endpoint, endpoint.bob.file.read_bytes())


@case("TLS-24", "gixy: the deployed nginx.conf", NOTHING, needs=("stack",))
def configuration(endpoint: Endpoint) -> Observed:
    volume = endpoint.group / "volumes/nginx-sidecar"
    found: list[dict[str, Any]] = json.loads(
        _said("gixy", "-f", "json", str(volume / "nginx.conf"))
    )
    return _judged([f"{one['plugin']}: {one['reason']}" for one in found], GIXY)


def _linted(endpoint: Endpoint, pem: bytes) -> Observed:
    """Each certificate in `pem`; whatever else is in there goes nowhere."""
    findings = []
    for certificate in x509.load_pem_x509_certificates(pem):
        file = endpoint.folder / f"linted-{certificate.serial_number:x}.crt"
        file.write_bytes(certificate.public_bytes(Encoding.PEM))
        said = _said("lint_pkix_cert", "lint", "-s", "WARNING", "-f", "JSON", str(file))
        for result in json.loads(said)["results"]:
            for finding in result["finding_descriptions"]:
                findings.append(f"{finding['code']}: {finding['message']}")
    return _judged(findings, PKILINT)


def _judged(findings: Iterable[str], explained: Iterable[Explained]) -> Observed:
    unexplained, notes = [], []
    for finding in findings:
        reason = next((e.reason for e in explained if re.fullmatch(e.finding, finding)), None)
        if reason is None:
            unexplained.append(finding)
        else:
            notes.append(f"{finding} ({reason})")
    return Observed("; ".join(unexplained) or NOTHING, note="; ".join(notes))


def _said(tool: str, *arguments: str) -> str:
    """What a tool printed; its exit code only says whether it has found something."""
    command = Path(sys.executable).parent / tool
    done = subprocess.run(
        [command, *arguments], capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.stdout, f"{tool}: {done.stderr.strip()}"
    return done.stdout
