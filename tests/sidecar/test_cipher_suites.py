"""Which cipher suites and groups the endpoint agrees to: those of the list, and no other."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path

import pytest

from conformance.peers import Endpoint

# Mozilla's intermediate configuration without DHE; the server's key is ECDSA, so no RSA suites.
# https://wiki.mozilla.org/Security/Server_Side_TLS
TLS_1_2 = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
}
TLS_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}


def known_to_openssl() -> list[str]:
    """Everything this OpenSSL can still be talked into before TLS 1.3."""
    command = ["openssl", "ciphers", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.strip().split(":") if not name.startswith("TLS_")]


def test_tls_1_2_agrees_to_exactly_the_suites_of_the_list(endpoint: Endpoint) -> None:
    accepted, reasons = set(), set()
    offered = known_to_openssl()
    for suite in offered:
        context = endpoint.context(endpoint.alice)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{suite}:@SECLEVEL=0")
        try:
            with endpoint.connect(endpoint.alice, context=context) as connection:
                agreed = connection.cipher()
        except ssl.SSLError as refused:
            reasons.add(refused.reason)
        else:
            assert agreed is not None
            accepted.add(agreed[0])

    assert len(offered) > 50
    assert accepted == TLS_1_2
    assert "SSLV3_ALERT_HANDSHAKE_FAILURE" in reasons
    # The other reason is the client's own: a suite that it knows, but not how to speak.
    assert reasons <= {"SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_CIPHERS_AVAILABLE"}


def s_client(endpoint: Endpoint, *options: str) -> str:
    """What `openssl s_client` shows of a handshake; the server is verified."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{endpoint.port}"]
    command += ["-servername", endpoint.name, "-CAfile", str(endpoint.ca_file)]
    command += ["-verify_return_error", "-verify_hostname", endpoint.name]
    command += ["-cert", str(endpoint.alice.file), "-key", str(endpoint.alice.file)]
    request = endpoint.request("GET", "/v1/models/demo")
    done = subprocess.run(
        [*command, "-ign_eof", *options],
        input=request,
        capture_output=True,
        timeout=20,
        check=False,
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def agreed(shown: str) -> set[str]:
    return set(re.findall(r"^New, TLSv1\.\d, Cipher is (\S+)$", shown, re.MULTILINE))


@pytest.mark.parametrize("suite", sorted(TLS_1_3))
def test_tls_1_3_agrees_to_its_three_suites(endpoint: Endpoint, suite: str) -> None:
    assert agreed(s_client(endpoint, "-tls1_3", "-ciphersuites", suite)) == {suite}


def test_tls_1_3_does_not_agree_to_a_suite_without_a_full_tag(endpoint: Endpoint) -> None:
    shown = s_client(endpoint, "-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256")

    assert "alert handshake failure" in shown
    assert agreed(shown) <= {"(NONE)"}


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

    shown = s_client(endpoint, version, "-groups", groups)

    assert f"Server Temp Key: {key}" in shown
    assert "HTTP/1.1 200 OK" in shown


@pytest.mark.parametrize("group", ["P-521", "X448", "ffdhe2048"])
def test_keys_are_not_agreed_on_in_another_group(endpoint: Endpoint, group: str) -> None:
    shown = s_client(endpoint, "-tls1_3", "-groups", group)

    assert "alert handshake failure" in shown
    assert "HTTP/1.1 " not in shown


def test_over_tls_1_2_a_client_is_given_no_session_that_it_could_come_back_with(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    kept = tmp_path / "session.pem"

    shown = s_client(endpoint, "-tls1_2", "-sess_out", str(kept))

    assert "HTTP/1.1 200 OK" in shown
    assert not kept.exists()


def test_what_a_client_is_given_over_tls_1_3_is_worth_nothing_when_it_comes_back(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """OpenSSL hands out a number of the session even where none is remembered."""
    kept = tmp_path / "session.pem"
    s_client(endpoint, "-tls1_3", "-sess_out", str(kept))
    assert kept.exists()

    again = s_client(endpoint, "-tls1_3", "-sess_in", str(kept))

    assert "HTTP/1.1 200 OK" in again
    assert "New, TLSv1.3" in again
    assert "Reused" not in again


def test_nothing_is_compressed_and_renegotiation_would_be_secure(endpoint: Endpoint) -> None:
    shown = s_client(endpoint, "-tls1_2")

    assert "Compression: NONE" in shown
    assert "Secure Renegotiation IS supported" in shown


@pytest.mark.parametrize("name", ["example.com", "localhost.example.com"])
def test_a_client_that_expects_another_name_does_not_go_on(endpoint: Endpoint, name: str) -> None:
    """The name asked for is right, so the endpoint answers; what it shows is not for this name."""
    shown = s_client(endpoint, "-verify_hostname", name)

    assert "verify error:num=62:hostname mismatch" in shown.lower()
    assert "HTTP/1.1 " not in shown
