"""Cases of the groups CERT, RESUME, TLS and NAME differ when something is worse than it should be.

A copy of the deployed sidecar with one thing changed runs before the deployed model.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

import conformance.cases  # noqa: F401  adds the cases
from conformance.actors.forgery import forged, shown
from conformance.actors.peers import Authority, Endpoint
from conformance.actors.witness import Change, sidecar
from conformance.case import CASES
from conformance.run import run
from tests.conformance.worse import differing, instead

NOT_ON_THE_LIST = instead(r'(\$client_name \{\s+default) ""', r'\1 "alice"')
UNVERIFIED = instead("ssl_verify_client on", "ssl_verify_client off")


def both(first: Change, second: Change) -> Change:
    return lambda text: second(first(text))


def ids(group: str, *numbers: int) -> list[str]:
    return [f"{group}-{number:02}" for number in numbers]


MUTATIONS = {
    "nobody is looked at": (
        both(NOT_ON_THE_LIST, UNVERIFIED),
        ids("CERT", *range(3, 46)),
    ),
    "a certificate may be shown or not": (
        instead("ssl_verify_client on", "ssl_verify_client optional"),
        ["CERT-03", "RESUME-06"],
    ),
    "any CA will do": (
        instead("ssl_verify_client on", "ssl_verify_client optional_no_ca"),
        ids("CERT", 3, 4, 5, 6, 7, 8, 9, 11, 13, 14),
    ),
    "any number of CAs below ours": (
        instead("ssl_verify_depth 0", "ssl_verify_depth 9"),
        ids("CERT", 12, 13),
    ),
    "whatever our CA has signed": (
        NOT_ON_THE_LIST,
        ids("CERT", 23, 24, *range(27, 35), 39, 40, 42, 43, 45, 47),
    ),
    "numbers that have a listed one in them": (
        instead(r'"([0-9A-F]{20,})/\w+" "alice"', r'"~\1.*/" "alice"'),
        ids("CERT", 24, 30, 31, 32, 40, 42, 47),
    ),
    "the serial number alone": (
        instead(r'"([0-9A-F]{20,})/\w+" "alice"', r'"~^\1/" "alice"'),
        ids("CERT", 24, 40, 42, 47),
    ),
    "tickets": (
        instead("ssl_session_tickets off", "ssl_session_tickets on"),
        ids("RESUME", 2, 3, 6),
    ),
    "sessions are remembered": (
        instead("ssl_session_cache off", "ssl_session_cache shared:all:1m"),
        ids("RESUME", 1, 2, 3, 4, 5, 6),
    ),
    "old versions and weak suites": (
        both(
            instead("ssl_protocols .*;", "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;"),
            instead("ssl_ciphers .*;", "ssl_ciphers ALL:@SECLEVEL=0;"),
        ),
        ["CERT-35", "CERT-38", *ids("TLS", 2, 3, 7, 19)],
    ),
    "no TLS 1.2": (
        instead("TLSv1.2 TLSv1.3", "TLSv1.3"),
        ["CERT-01", "RESUME-01", "RESUME-02", *ids("TLS", 4, 5, 7, 11, 12)],
    ),
    "no TLS 1.3": (
        instead("TLSv1.2 TLSv1.3", "TLSv1.2"),
        ["CERT-02", "CERT-40", "RESUME-03", *ids("TLS", 6, 8, 9, 10)],
    ),
    "more curves": (
        instead("ssl_ecdh_curve .*;", "ssl_ecdh_curve X25519:prime256v1:secp521r1:ffdhe2048;"),
        ["CERT-41", *ids("TLS", 9, 10, 19)],
    ),
    "any name is answered": (
        instead(
            "ssl_reject_handshake on;",
            "ssl_certificate server.crt; ssl_certificate_key server.key;",
        ),
        ids("TLS", 13, 14, 15),
    ),
    "HTTP/2": (instead(r"listen (\d+) ssl", r"listen \1 ssl http2"), ids("TLS", 16, 17)),
}


def test_a_copy_that_was_not_changed_differs_nowhere(endpoint: Endpoint, tmp_path: Path) -> None:
    everything = sorted({id_ for _, listed in MUTATIONS.values() for id_ in listed})

    with sidecar(endpoint, tmp_path) as copy:
        assert differing(copy, everything) == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_what_is_worse_is_seen(endpoint: Endpoint, tmp_path: Path, mutation: str) -> None:
    change, listed = MUTATIONS[mutation]

    with sidecar(endpoint, tmp_path, change) as copy:
        assert differing(copy, listed) == listed


def showing(endpoint: Endpoint, certificate: Authority) -> Change:
    """The sidecar with another server certificate."""
    file = shown(replace(certificate, folder=endpoint.folder)).file
    return both(
        instead("ssl_certificate server.crt", f"ssl_certificate {file}"),
        instead("ssl_certificate_key server.key", f"ssl_certificate_key {file}"),
    )


@pytest.mark.parametrize(
    ("name", "usage", "seen"),
    [
        ("other.example", ExtendedKeyUsageOID.SERVER_AUTH, "another name"),
        ("localhost", ExtendedKeyUsageOID.CLIENT_AUTH, "not for servers"),
        ("localhost", ExtendedKeyUsageOID.SERVER_AUTH, "verified"),
    ],
)
def test_an_endpoint_with_another_certificate_is_seen(
    endpoint: Endpoint, tmp_path: Path, name: str, usage: x509.ObjectIdentifier, seen: str
) -> None:
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    made = forged(endpoint.authority, usages=(usage,), extension=(names, False))

    with sidecar(endpoint, tmp_path, showing(endpoint, made)) as copy:
        # Without a look at the model's log, where only verified requests arrive.
        unseen = replace(copy, model_log=tmp_path / "none")
        result = run(CASES["NAME-01"], unseen)
        linted = run(CASES["TLS-21"], unseen)

    assert result.observed.came_back == f"Python: {seen}, openssl: {seen}"
    assert linted.differs


def test_a_bundle_with_another_ca_is_seen(endpoint: Endpoint, tmp_path: Path) -> None:
    other = Authority.new(tmp_path, x509.Name.from_rfc4514_string("CN=another CA"))
    (tmp_path / "ca.crt").write_bytes(other.certificate.public_bytes(Encoding.PEM))
    misled = replace(endpoint, ca_file=tmp_path / "ca.crt", model_log=tmp_path / "none")
    listed = ids("NAME", 1, 4, 5, 6, 7, 9, 10, 11, 12)

    assert differing(misled, listed) == listed


def test_a_directive_that_lets_a_client_write_headers_is_found(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    shutil.copytree(endpoint.group / "volumes", tmp_path / "volumes")
    configuration = tmp_path / "volumes/nginx-sidecar/nginx.conf"
    text = configuration.read_text()
    configuration.write_text(text.replace("$ssl_client_serial;", "$uri;"))
    other = replace(endpoint, model_log=tmp_path / "logs/model.log")

    assert "http_splitting" in run(CASES["TLS-24"], other).observed.came_back
