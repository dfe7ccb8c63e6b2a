"""Which suites of TLS 1.3 and which groups work; no other does, says the conformance suite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.actors.openssl import s_client
from conformance.actors.peers import Endpoint

TLS_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}


def agreed(shown: str) -> set[str]:
    return set(re.findall(r"^New, TLSv1\.\d, Cipher is (\S+)$", shown, re.MULTILINE))


@pytest.mark.parametrize("suite", sorted(TLS_1_3))
def test_tls_1_3_agrees_to_its_three_suites(endpoint: Endpoint, suite: str) -> None:
    assert agreed(s_client(endpoint, endpoint.alice, "-tls1_3", "-ciphersuites", suite)) == {suite}


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("X25519", "X25519, 253 bits"),
        ("P-256", "ECDH, prime256v1, 256 bits"),
        ("P-384", "ECDH, secp384r1, 384 bits"),
    ],
)
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_keys_are_agreed_on_in_a_group_of_the_list(
    endpoint: Endpoint, group: str, key: str, version: str
) -> None:
    # TLS 1.2 has one list for this and for the certificate's curve, which is P-256.
    groups = f"{group}:P-256" if version == "-tls1_2" and group != "P-256" else group

    shown = s_client(endpoint, endpoint.alice, version, "-groups", groups)

    assert f"Server Temp Key: {key}" in shown
    assert "HTTP/1.1 200 OK" in shown


def test_over_tls_1_2_a_client_is_given_no_session_that_it_could_come_back_with(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    kept = tmp_path / "session.pem"

    shown = s_client(endpoint, endpoint.alice, "-tls1_2", "-sess_out", str(kept))

    assert "HTTP/1.1 200 OK" in shown
    assert not kept.exists()


def test_renegotiation_would_be_secure(endpoint: Endpoint) -> None:
    shown = s_client(endpoint, endpoint.alice, "-tls1_2")

    assert "Secure Renegotiation IS supported" in shown
