"""The CA is replaced in steps that clients can follow, and in no other way.

Trust the new one, let it sign, stop trusting the old one: each a line in the stack file and one
`up`. The stack `dev` in recording mode, under the real engine.
"""

from __future__ import annotations

import base64
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pulumi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from components.certificates import serial_number
from localcloud.stack import LocalStack, plain
from tests.engine.brought import brought, secrets
from tests.engine.engine import changing, failing_preview, failing_up, preview, recorded, up
from tests.unit.cas import Ca

VALIDITY = {"ca": 365, "server": 90, "client": 90}
CLIENTS = ["alice", "ci-smoke-test"]


def certificates(**values: Any) -> dict[str, Any]:
    return {"certificates": {"validityDays": VALIDITY, "clockSkewMinutes": 0, **values}}


TRUST = certificates(ca={"trusted": [1, 2], "issuing": 1})
ISSUE = certificates(ca={"trusted": [1, 2], "issuing": 2})
STOP = certificates(ca={"trusted": [2]})


def trusted(local: LocalStack) -> list[x509.Certificate]:
    bundle = plain(local.stack.outputs())["endpoint"]["caCertificatesPem"]
    return x509.load_pem_x509_certificates(bundle.encode())


def volume(local: LocalStack) -> dict[str, str]:
    """The files of the sidecar's volume, as the platform was given them."""
    (group,) = local.container_groups()
    files = group.inputs["volumes"][0]["secret"]
    return {name: base64.b64decode(content).decode() for name, content in files.items()}


def clients(local: LocalStack) -> dict[str, x509.Certificate]:
    return {
        name: x509.load_pem_x509_certificate(bundle["certificatePem"].encode())
        for name, bundle in plain(local.stack.outputs())["clientCertificates"].items()
    }


def urns(local: LocalStack) -> set[str]:
    exported = local.stack.export_stack().deployment or {}
    return {resource["urn"] for resource in exported["resources"]}


def is_listed(local: LocalStack, certificate: x509.Certificate) -> bool:
    """Whether the sidecar lets it in: it is on the list, its CA in the bundle."""
    accepted = volume(local)["nginx.conf"].partition("$revoked_client {")[0]
    sha1 = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303  which nginx takes
    serial = serial_number(str(certificate.serial_number))
    return f'"{serial}/{sha1}" "' in accepted and any(
        certificate.issuer == ca.subject
        for ca in x509.load_pem_x509_certificates(volume(local)["ca.crt"].encode())
    )


def test_clients_with_the_old_certificate_are_served_until_the_last_step(
    deployed_dev: Path,
) -> None:
    with recorded(deployed_dev) as local:
        old = clients(local)
        (first,) = trusted(local)
    with recorded(deployed_dev, config=TRUST) as local:
        assert preview(local).operations == (step := up(local).operations)
        assert step == {
            **dict.fromkeys(("ca@2", "ca@2-key", "ca@2-certificate"), "create"),
            "endpoint-group": "update",
        }
        assert clients(local) == old
        assert len(trusted(local)) == 2
        assert trusted(local)[0] == first
        assert volume(local)["ca.crt"].count("BEGIN CERTIFICATE") == 2
    with recorded(deployed_dev, config=ISSUE) as local:
        assert preview(local).operations == (step := up(local).operations)
        replaced = ["server", *(f"client-{name}@1" for name in CLIENTS)]
        assert step == {
            **{f"{name}-certificate": "replace" for name in replaced},
            "endpoint-group": "update",
        }
        new = clients(local)
        second = trusted(local)[1]
        for name in CLIENTS:
            new[name].verify_directly_issued_by(second)
            assert new[name].public_key() == old[name].public_key()
            assert is_listed(local, new[name])
            assert is_listed(local, old[name])
        server = x509.load_pem_x509_certificate(volume(local)["server.crt"].encode())
        server.verify_directly_issued_by(second)
    with recorded(deployed_dev, config=STOP) as local:
        assert preview(local).operations == (step := up(local).operations)
        assert step == {
            **dict.fromkeys(("ca@1", "ca@1-key", "ca@1-certificate"), "delete"),
            "endpoint-group": "update",
        }
        assert trusted(local) == [second]
        assert clients(local) == new
        assert all(is_listed(local, certificate) for certificate in new.values())
        assert not any(is_listed(local, certificate) for certificate in old.values())
        assert up(local).operations == {}


@pytest.mark.parametrize(
    ("before", "jump", "why"),
    [
        (None, STOP, "ca@1 signed the certificates that clients hold today"),
        (None, ISSUE, "ca@2 is to sign, and clients were never told to trust it"),
        (TRUST, STOP, "ca@1 signed the certificates that clients hold today"),
        (
            TRUST,
            certificates(ca={"trusted": [1, 2, 3], "issuing": 3}),
            "ca@3 is to sign, and clients were never told to trust it",
        ),
        (
            TRUST,
            certificates(ca={"trusted": [2, 3], "issuing": 2}),
            "ca@1 signed the certificates that clients hold today",
        ),
    ],
    ids=["all at once", "without trust", "without issuing", "a third", "the old one early"],
)
def test_a_jump_is_refused_and_the_endpoint_stays_as_it_is(
    deployed_dev: Path, before: dict[str, Any] | None, jump: dict[str, Any], why: str
) -> None:
    if before:
        with recorded(deployed_dev, config=before) as local:
            up(local)
    with recorded(deployed_dev, config=jump) as local:
        files, told, there = volume(local), plain(local.stack.outputs()), urns(local)
        previewed = failing_preview(local)
        errors = failing_up(local)
        assert volume(local) == files
        assert plain(local.stack.outputs()) == told
        assert urns(local) == there
    with recorded(deployed_dev, config=before) as local:
        up(local)
        assert volume(local) == files

    assert why in previewed
    assert why in errors
    assert "docs/operations.md" in errors


def test_a_step_that_fails_is_not_believed(deployed_dev: Path) -> None:
    """Azure refuses the group: what clients hold is let in by the step before, tried again."""

    def forget(type_: str, props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        if type_ == "azure-native:containerinstance:ContainerGroup":
            props["image_registry_credentials"] = []

    for step in (TRUST, ISSUE):
        with recorded(deployed_dev, config=step) as local:
            up(local)
            files, told = volume(local), plain(local.stack.outputs())
    with recorded(deployed_dev, config=STOP, run=changing(forget)) as local:
        failing_up(local)
        assert plain(local.stack.outputs()) == told
    with recorded(deployed_dev, config=ISSUE) as local:
        up(local)
        assert volume(local) == files


def test_in_production_the_ca_that_signs_is_protected_and_the_old_one_can_go(
    tmp_path: Path,
) -> None:
    def protected(local: LocalStack) -> set[str]:
        exported = local.stack.export_stack().deployment or {}
        names = {r["urn"].split("::")[-1] for r in exported["resources"] if r.get("protect")}
        return {name for name in names if name.startswith("ca@")}

    for step in ({"trusted": [1]}, {"trusted": [1, 2], "issuing": 1}):
        with recorded(tmp_path, "prod", config=certificates(ca=step)) as local:
            up(local)
            assert protected(local) == {"ca@1-key"}
    for step in ({"trusted": [1, 2], "issuing": 2}, {"trusted": [2]}):
        with recorded(tmp_path, "prod", config=certificates(ca=step)) as local:
            up(local)
            assert protected(local) == {"ca@2-key"}


def test_a_ca_of_ones_own_takes_over_in_the_same_steps_and_another_after_it(
    deployed_dev: Path,
) -> None:
    corporate, next_one = brought("Corporate CA"), brought("Next corporate CA")
    steps = [
        (certificates(alsoTrust=[corporate.pem]), None),
        (certificates(ca={"trusted": [1]}, authority=corporate.public), corporate),
        (certificates(authority=corporate.public), corporate),
        (certificates(authority=corporate.public, alsoTrust=[next_one.pem]), corporate),
        (certificates(authority=next_one.public, alsoTrust=[corporate.pem]), next_one),
        (certificates(authority=next_one.public), next_one),
    ]
    issuers = []
    with recorded(deployed_dev) as local:
        held = clients(local)
    for config, signing in steps:
        with recorded(deployed_dev, config=config, secrets=secrets(signing)) as local:
            before = held
            up(local)
            held = clients(local)
            issuers.append(held["alice"].issuer)
            assert all(is_listed(local, certificate) for certificate in held.values())
            server = x509.load_pem_x509_certificate(volume(local)["server.crt"].encode())
            assert server.issuer == held["alice"].issuer
            if len(trusted(local)) == 2:  # not the last step, which ends the old one
                assert all(is_listed(local, certificate) for certificate in before.values())

    names = [n.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value for n in issuers]
    assert names == ["demo CA", *["Corporate CA"] * 3, *["Next corporate CA"] * 2]


def test_taking_a_ca_of_ones_own_at_once_is_refused(deployed_dev: Path) -> None:
    corporate = brought("Corporate CA")
    config = certificates(authority=corporate.public)
    with recorded(deployed_dev, config=config, secrets=secrets(corporate)) as local:
        errors = failing_up(local)

    assert "ca@1 signed the certificates that clients hold today" in errors


def test_a_ca_of_ones_own_is_renewed_at_once_and_renamed_in_steps(tmp_path: Path) -> None:
    first = brought("Corporate CA")
    renewed = brought("Corporate CA", key_of=first)
    renamed = brought("Renamed CA", key_of=first)

    def signing(ca: Ca, *also: Ca) -> AbstractContextManager[LocalStack]:
        config = certificates(authority=ca.public, alsoTrust=[other.pem for other in also])
        return recorded(tmp_path, config=config, secrets=secrets(ca))

    with signing(first) as local:
        up(local)
        held = clients(local)
    with signing(renewed) as local:
        up(local)
        assert all(is_listed(local, certificate) for certificate in held.values())
    with signing(renamed) as local:
        assert "signed the certificates that clients hold today" in failing_up(local)
    for ca, also in ((renewed, renamed), (renamed, renewed)):
        with signing(ca, also) as local:
            up(local)
            assert all(is_listed(local, certificate) for certificate in held.values())


def test_the_key_of_a_ca_of_ones_own_is_in_no_volume_output_or_readable_state(
    tmp_path: Path,
) -> None:
    corporate = brought("Corporate CA")
    lines = corporate.key_pem.splitlines()[1:-1]
    config = certificates(authority=corporate.public)
    with recorded(tmp_path, config=config, secrets=secrets(corporate)) as local:
        up(local)
        seen = [str(volume(local)), str(plain(local.stack.outputs()))]

    files = [f for f in (tmp_path / "pulumi/state").rglob("*") if f.is_file()]
    assert files
    seen += [file.read_text(errors="replace") for file in files]
    assert not [text for text in seen for line in lines if line in text]
