"""Guardrails that look into files and between resources: what passes, what does not, unknowns."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from common import names
from components import nginx_example, nginx_sidecar
from components.certificates import fingerprint_sha1
from policy.guardrails import GUARDRAILS
from policy.guardrails.rule import UNKNOWN, Resource, ResourceGuardrail, StackGuardrail
from tests.unit.cas import Ca, make_ca

RULES = {rule.name: rule for rule in GUARDRAILS}
CA, OTHER = make_ca("the stack's"), make_ca("another")


def leaf(issuer: Ca = CA, days: int = 90) -> x509.Certificate:
    """A client's, signed by a CA."""
    return make_ca("alice", issuer=issuer, starts=0, ends=days, is_ca=False).certificate


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


ALICE = leaf()
SERIAL = f"{ALICE.serial_number:X}"
LISTED = nginx_sidecar.listed_as(f"0{SERIAL}", fingerprint_sha1(pem(ALICE)))
CONF = nginx_sidecar.render({**nginx_example.VARIABLES, "accepted": {LISTED: "alice"}})


# --- what is in a volume ---------------------------------------------------------------------


def group(**files: Any) -> Resource:
    """A container group with a sidecar and its volume; UNKNOWN stays what it is."""
    given = {"nginx.conf": CONF, "server.crt": pem(ALICE), "ca.crt": CA.pem, **files}
    secret = {
        name: text if text is UNKNOWN else base64.b64encode(text.encode()).decode()
        for name, text in given.items()
        if text is not None
    }
    props = {"containers": [{"command": ["nginx"]}], "volumes": [{"secret": secret}]}
    return Resource(names.CONTAINER_GROUP, "it", props)


def conf(old: str, new: str) -> dict[str, str]:
    assert old in CONF
    return {"nginx.conf": CONF.replace(old, new, 1)}


VOLUMES: dict[str, tuple[str, dict[str, Any], str]] = {
    "no nginx.conf": ("nginx-insists", {"nginx.conf": None}, "no nginx.conf in its volume"),
    "certificate optional": (
        "nginx-insists",
        conf("ssl_verify_client on", "ssl_verify_client optional"),
        "does not insist",
    ),
    "one more server that does not ask": (
        "nginx-insists",
        conf("    server {", "    server {\n        ssl_verify_client off;\n    }\n    server {"),
        "does not insist",
    ),
    "one more server that says nothing of certificates": (
        "nginx-insists",
        conf("    server {", "    server {\n        listen 8443 ssl;\n    }\n    server {"),
        "does not insist",
    ),
    "one more server, in plain text and on one line": (
        "nginx-insists",
        conf(
            "    server {",
            "    server { listen 80; location / { proxy_pass http://model; } }\n    server {",
        ),
        "does not insist",
    ),
    "a location that does not ask": (
        "nginx-insists",
        conf("location / {", "location / {\n            ssl_verify_client off;"),
        "does not insist",
    ),
    "a serial number alone": (
        "nginx-insists",
        conf(f'"{LISTED}"', f'"~^{LISTED.partition("/")[0]}/"'),
        "lets in more",
    ),
    "TLS 1.0": ("nginx-insists", conf("TLSv1.2", "TLSv1 TLSv1.2"), "allows TLSv1"),
    "tickets": ("nginx-insists", conf("tickets off", "tickets on"), "session tickets"),
    "sessions": (
        "nginx-insists",
        conf("ssl_session_cache off", "ssl_session_cache shared:a:1m"),
        "keeps sessions",
    ),
    "everybody is mallory": (
        "nginx-insists",
        conf('$client_name {\n        default ""', '$client_name {\n        default "mallory"'),
        "lets in more",
    ),
    "every number": (
        "nginx-insists",
        conf(f'"{LISTED}" "alice"', '"~.*" "alice"'),
        "lets in more",
    ),
    "a CA's key": ("no-ca-key-in-volume", {"server.key": CA.key_pem}, "private key of a CA"),
    "a CA's certificate": ("server-is-no-ca", {"server.crt": CA.pem}, "a CA's certificate"),
}


@pytest.mark.parametrize("case", VOLUMES)
def test_a_defect_in_a_volume_is_found(case: str) -> None:
    name, files, words = VOLUMES[case]
    rule = RULES[name]
    assert isinstance(rule, ResourceGuardrail)

    assert rule.findings(group()) == []
    assert any(words in finding for finding in rule.findings(group(**files)))


@pytest.mark.parametrize("name", ["nginx-insists", "no-ca-key-in-volume", "server-is-no-ca"])
def test_a_volume_that_nobody_knows_is_no_finding(name: str) -> None:
    rule, sidecar = RULES[name], {"containers": [{"command": ["nginx"]}]}
    assert isinstance(rule, ResourceGuardrail)
    unknown = dict.fromkeys(("nginx.conf", "server.crt", "server.key", "ca.crt"), UNKNOWN)

    assert rule.findings(group(**unknown)) == []
    for props in ({}, {"volumes": UNKNOWN, **sidecar}, {"volumes": [{"secret": UNKNOWN}]}):
        assert rule.findings(Resource(names.CONTAINER_GROUP, "it", props)) == []


# --- what holds between resources ------------------------------------------------------------


def sidecar(listed: str = LISTED, bundle: Any = CA.pem) -> Resource:
    told = {"enforces": {"accepted": {listed: "alice"}, "trustBundlePem": bundle}}
    return Resource(names.SIDECAR, "sidecar", told)


def issued(certificate: Any = ALICE, client: str = "alice") -> Resource:
    text = pem(certificate) if isinstance(certificate, x509.Certificate) else certificate
    type_ = names.LOCALLY_SIGNED_CERT
    return Resource(type_, f"client-{client}@1-certificate", {"certPem": text})


def records(serial: Any) -> Resource:
    """What the stack says of a certificate that it issued to alice."""
    listed = [{"role": "client", "name": "alice", "serialNumber": serial}]
    return Resource(names.STACK, "stack", {"certificates": listed})


def named(*dns: str) -> Resource:
    type_ = names.CERT_REQUEST
    return Resource(type_, "server-request", {"dnsNames": list(dns)})


def hashed(scope: str) -> Resource:
    address = {"dnsNameLabel": "demo", "autoGeneratedDomainNameLabelScope": scope}
    return Resource(names.CONTAINER_GROUP, "it", {"ipAddress": address})


def pulls(server: Any) -> Resource:
    props = {"imageRegistryCredentials": [{"server": server, "identity": "id"}]}
    return Resource(names.CONTAINER_GROUP, "it", props)


def registry(server: Any) -> Resource:
    return Resource(names.REGISTRY, "it", {"loginServer": server})


def ca_key(**options: Any) -> Resource:
    return Resource(names.PRIVATE_KEY, "ca@1-key", {}, **options)


PROTECT = {"protect": True}
Resources = list[Resource]
STACKS: dict[str, tuple[str, Resources, Resources, str, Any]] = {
    "signed by another": (
        "accepted-are-signed-by-trusted",
        [sidecar(), issued()],
        [sidecar(bundle=OTHER.pem), issued()],
        "no trusted CA signed it",
        None,
    ),
    "two CAs": (
        "no-ca-left-over",
        [sidecar()],
        [sidecar(bundle=CA.pem + OTHER.pem)],
        "2 CAs are trusted",
        None,
    ),
    "a stranger": (
        "accepted-are-clients",
        [sidecar(), issued()],
        [sidecar(), issued(client="bob")],
        "alice is let in, and the stack has no such client",
        None,
    ),
    "a client's name for another certificate": (
        "accepted-are-clients",
        [sidecar(), issued(), records(f"0{SERIAL}")],
        [sidecar(LISTED.replace(SERIAL, "A11CF")), issued(), records(f"0{SERIAL}")],
        "alice is let in with certificate A11CF, which the stack never issued",
        None,
    ),
    "twenty days": (
        "clients-can-keep-up",
        [issued()],
        [issued(leaf(days=20))],
        "valid for 20 days",
        None,
    ),
    "another registry": (
        "registry-is-the-stacks",
        [registry("a.azurecr.io"), pulls("a.azurecr.io")],
        [registry("a.azurecr.io"), pulls("b.azurecr.io")],
        "pulls from b.azurecr.io",
        None,
    ),
    "a hash in the only name": (
        "certificate-without-a-hash",
        [named("model.example.com", "demo.westeurope.azurecontainer.io"), hashed("TenantReuse")],
        [named("demo.westeurope.azurecontainer.io"), hashed("TenantReuse")],
        "scope is TenantReuse: its hash is in no server certificate",
        None,
    ),
    "a key that may go": (
        "signing-key-protected",
        [ca_key(protected=True), ca_key()],
        [ca_key()],
        "can be deleted by a slip",
        PROTECT,
    ),
}


def of_stack(case: str) -> tuple[Callable[[Resources], list[str]], Resources, Resources, str]:
    name, good, bad, words, given = STACKS[case]
    rule = RULES[name]
    assert isinstance(rule, StackGuardrail)
    return lambda resources: rule.findings(resources, given), good, bad, words


@pytest.mark.parametrize("case", STACKS)
def test_a_defect_between_resources_is_found(case: str) -> None:
    findings, good, bad, words = of_stack(case)

    assert findings(good) == []
    (finding,) = findings(bad)
    assert words in finding


@pytest.mark.parametrize("case", [c for c in STACKS if STACKS[c][4] is None])
def test_between_resources_what_nobody_knows_is_no_finding(case: str) -> None:
    findings, _, bad, _ = of_stack(case)

    unknown = [Resource(r.type, r.name, dict.fromkeys(r.props, UNKNOWN)) for r in bad]
    assert findings(unknown) == []
    assert findings([Resource(r.type, r.name, {}) for r in bad]) == []


def test_a_key_is_protected_where_that_is_asked_for() -> None:
    rule = RULES["signing-key-protected"]
    assert isinstance(rule, StackGuardrail)

    assert rule.findings([ca_key()]) == []
    assert rule.findings([], PROTECT) == [], "the CA may be the user's"
