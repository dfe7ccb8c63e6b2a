"""The outputs `certificates` and `clientCertificates`: what they tell of each certificate."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from components.certificates import fingerprint_sha1, public_key_sha256, serial_number
from tests.unit.cas import make_ca
from tests.unit.plugins import (
    after,
    certificate_pem,
    digits,
    private_key_pem,
    public_key_pem,
)
from tests.unit.program import STACKS, deploy
from tests.unit.properties import Secret, strings

CLIENTS = {
    "local": ["alice"],
    "dev": ["alice", "ci-smoke-test"],
    "prod": ["billing", "web-shop"],
}
VALIDITY = {"local": (3650, 365, 365), "dev": (365, 90, 90), "prod": (3650, 365, 180)}
TWO = {"clients": [{"name": "alice", "generations": [2, 1, 5]}, {"name": "bob"}]}


def row(role: str, name: str, resource: str, days: int, **others: Any) -> dict[str, Any]:
    return {
        "role": role,
        "name": name,
        "generation": 1,
        "status": "current",
        "issuer": "ca@1",
        "serialNumber": serial_number(digits(f"{resource}-certificate")),
        "fingerprintSha1": fingerprint_sha1(certificate_pem(f"{resource}-certificate")),
        "publicKeySha256": public_key_sha256(public_key_pem(f"{resource}-key")),
        "notBefore": after(days=0),
        "notAfter": after(days=days),
        "renewsFrom": after(days=days - days // 3),
        "daysLeft": days - 1,  # whole days: it was made a moment ago
        **others,
    }


@pytest.mark.parametrize("stack", STACKS)
def test_the_table_of_certificates_lists_all_of_them(stack: str) -> None:
    ca, server, client = VALIDITY[stack]

    assert deploy(stack).exports["certificates"] == [
        row("ca", "demo CA", "ca@1", ca, status="issuing"),
        row("server", "demo", "server", server),
        *(row("client", n, f"client-{n}@1", client) for n in CLIENTS[stack]),
    ]


def test_the_newest_generation_is_current_and_those_before_it_are_accepted() -> None:
    clients = [r for r in deploy("dev", TWO).exports["certificates"] if r["role"] == "client"]

    assert [(r["name"], r["generation"], r["status"]) for r in clients] == [
        ("alice", 1, "accepted"),
        ("alice", 2, "accepted"),
        ("alice", 5, "current"),
        ("bob", 1, "current"),
    ]


def test_generations_of_the_server_and_the_cas_are_told_too() -> None:
    given = {"ca": {"trusted": [2, 4], "issuing": 2}, "serverGeneration": 3}
    records = deploy("dev", {"certificates": given}).exports["certificates"]

    assert [(r["role"], r["name"], r["generation"], r["status"], r["issuer"]) for r in records] == [
        ("ca", "demo CA 2", 2, "issuing", "ca@2"),
        ("ca", "demo CA 4", 4, "trusted", "ca@4"),
        ("server", "demo", 3, "current", "ca@2"),
        ("client", "alice", 1, "current", "ca@2"),
        ("client", "ci-smoke-test", 1, "current", "ca@2"),
    ]


def test_the_day_of_renewal_is_the_one_that_the_plugin_renews_on() -> None:
    days = {"ca": 400, "server": 20, "client": 10}
    deployment = deploy("dev", {"certificates": {"renewBeforeDays": days}})
    records = {r["role"]: r for r in deployment.exports["certificates"]}

    assert records["ca"]["renewsFrom"] == after(days=3650 - 400)
    assert records["server"]["renewsFrom"] == after(days=365 - 20)
    assert records["client"]["renewsFrom"] == after(days=365 - 10)


def test_a_ca_of_the_users_is_told_by_its_own_certificate() -> None:
    theirs, other = make_ca("Theirs", ends=800), make_ca("Other", ends=900)
    authority = {"certificatePem": theirs.pem, "privateKeyPem": theirs.key_pem}
    given = {"certificates": {"authority": authority, "alsoTrust": [other.pem]}}

    records = deploy("dev", given).exports["certificates"]

    for record, ca, status, days in (
        (records[0], theirs, "issuing", 799),
        (records[1], other, "trusted", 899),
    ):
        key = public_key_sha256(_public_pem(ca.key))
        certificate = ca.certificate
        assert record == {
            "role": "ca",
            "name": ca.name.removeprefix("CN="),
            "generation": None,
            "status": status,
            "issuer": record["issuer"],
            "serialNumber": serial_number(str(certificate.serial_number)),
            "fingerprintSha1": certificate.fingerprint(hashes.SHA1()).hex(),  # noqa: S303  which nginx takes
            "publicKeySha256": key,
            "notBefore": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            "notAfter": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            "renewsFrom": None,
            "daysLeft": days,
        }
    assert re.fullmatch("external@[0-9a-f]{16}", records[0]["issuer"])
    assert records[0]["issuer"] != records[1]["issuer"]
    assert {r["issuer"] for r in records[2:]} == {records[0]["issuer"]}


def _public_pem(key: Any) -> str:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    public = key.public_key()
    encoded: bytes = public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


@pytest.mark.parametrize("overrides", [{}, TWO])
def test_nothing_in_the_table_is_secret_and_nothing_ought_to_be(overrides: dict[str, Any]) -> None:
    records = deploy("dev", overrides).exports["certificates"]

    assert not [text for _, text, secret in strings(records) if secret]
    assert not [text for _, text, _ in strings(records) if "-----" in text]


@pytest.mark.parametrize("stack", STACKS)
def test_each_client_finds_its_certificate_and_key_by_its_name(stack: str) -> None:
    assert deploy(stack).exports["clientCertificates"] == Secret(
        {
            name: {**bundle(name, 1, VALIDITY[stack][2]), "earlierGenerations": []}
            for name in CLIENTS[stack]
        }
    )


def test_the_newest_generation_is_the_one_to_use_and_the_others_are_beside_it() -> None:
    assert deploy("dev", TWO).exports["clientCertificates"] == Secret(
        {
            "alice": {
                **bundle("alice", 5, 90),
                "earlierGenerations": [bundle("alice", 1, 90), bundle("alice", 2, 90)],
            },
            "bob": {**bundle("bob", 1, 90), "earlierGenerations": []},
        }
    )


def bundle(name: str, generation: int, days: int) -> dict[str, Any]:
    resource = f"client-{name}@{generation}"
    return {
        "generation": generation,
        "certificatePem": certificate_pem(f"{resource}-certificate"),
        "privateKeyPem": private_key_pem(f"{resource}-key"),
        "serialNumber": serial_number(digits(f"{resource}-certificate")),
        "notAfter": after(days=days),
    }
