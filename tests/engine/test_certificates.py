"""Certificates through the years: renewed, rotated, revoked, and the CA replaced.

The stack `dev` in recording mode, under the real engine. Each step is one line in the stack file
and one `up`, and its preview tells the truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from conformance.actors.years import aged
from localcloud.stack import LocalStack, plain
from tests.engine.brought import brought
from tests.engine.engine import Operations, failing_preview, preview, recorded, up

RESTARTED: Operations = {"endpoint-group": "update"}
ALICE = {"name": "alice"}
SMOKE_TEST = {"name": "ci-smoke-test"}
VALIDITY = {"ca": 365, "server": 90, "client": 90}


def certificates(**values: Any) -> dict[str, Any]:
    return {"validityDays": VALIDITY, "clockSkewMinutes": 0, **values}


def clients(**alice: Any) -> list[dict[str, Any]]:
    return [{**ALICE, **alice}, SMOKE_TEST]


def records(local: LocalStack, role: str = "client", name: str = "alice") -> dict[str, str]:
    """Serial numbers of certificates to their standing."""
    return {
        r["serialNumber"]: r["status"]
        for r in plain(local.stack.outputs())["certificates"]
        if (r["role"], r["name"]) == (role, name)
    }


def handed_out(local: LocalStack, client: str = "alice") -> dict[str, Any]:
    return dict(plain(local.stack.outputs())["clientCertificates"][client])


def certificate(bundle: dict[str, Any]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(bundle["certificatePem"].encode())


def changed(operations: Operations) -> Operations:
    """Without components, which have nothing to change."""
    return {name: op for name, op in operations.items() if not name.endswith(("@1", "@2"))}


def test_a_certificate_in_its_window_is_renewed_and_the_old_one_goes_on(
    deployed_dev: Path,
) -> None:
    with recorded(deployed_dev) as local:
        before = handed_out(local)
        aged(local, "client-alice@1-certificate", days_left=29)
        previewed = preview(local)
        deployed = up(local)
        again = up(local)
        after = handed_out(local)
        standing = records(local)

    assert previewed.operations == deployed.operations
    assert deployed.operations == {"client-alice@1-certificate": "replace", **RESTARTED}
    assert again.operations == {}
    assert after["privateKeyPem"] == before["privateKeyPem"]
    assert standing == {after["serialNumber"]: "current", before["serialNumber"]: "renewed"}


def test_a_certificate_before_its_window_is_left_alone(deployed_dev: Path) -> None:
    with recorded(deployed_dev) as local:
        for name in ("client-alice@1", "server", "ca@1"):
            aged(local, f"{name}-certificate", days_left=31 if name != "ca@1" else 122)

        assert up(local).operations == {}


def test_a_renewed_ca_keeps_its_key_and_both_certificates_verify_both_leaves(
    deployed_dev: Path,
) -> None:
    with recorded(deployed_dev) as local:
        old_ca = plain(local.stack.outputs())["endpoint"]["caCertificatesPem"]
        old = handed_out(local)
        aged(local, "ca@1-certificate", days_left=100)
        operations = up(local).operations
        new_ca = plain(local.stack.outputs())["endpoint"]["caCertificatesPem"]
        new = handed_out(local)

    assert operations == {
        "ca@1-certificate": "replace",
        "server-certificate": "replace",
        "client-alice@1-certificate": "replace",
        "client-ci-smoke-test@1-certificate": "replace",
        **RESTARTED,
    }
    assert new_ca != old_ca
    for ca in (old_ca, new_ca):
        for leaf in (old, new):
            issuer = x509.load_pem_x509_certificate(ca.encode())
            certificate(leaf).verify_directly_issued_by(issuer)


def test_a_new_generation_is_accepted_beside_the_old_until_that_is_dropped(
    deployed_dev: Path,
) -> None:
    with recorded(deployed_dev) as local:
        first = handed_out(local)
    with recorded(deployed_dev, config={"clients": clients(generations=[1, 2])}) as local:
        assert preview(local).operations == (rotating := up(local).operations)
        both = handed_out(local)
        standing = records(local)
    with recorded(deployed_dev, config={"clients": clients(generations=[2])}) as local:
        assert preview(local).operations == (dropping := up(local).operations)
        last = handed_out(local)
        final = records(local)

    new = [f"client-alice@2{part}" for part in ("", "-key", "-request", "-certificate")]
    assert rotating == {**dict.fromkeys(new, "create"), **RESTARTED}
    assert both["generation"] == 2
    assert both["privateKeyPem"] != first["privateKeyPem"]
    (earlier,) = both["earlierGenerations"]
    assert earlier["privateKeyPem"] == first["privateKeyPem"]
    assert standing == {both["serialNumber"]: "current", first["serialNumber"]: "accepted"}
    assert dropping == {
        **{name.replace("@2", "@1"): "delete" for name in new},
        **RESTARTED,
    }
    assert last["earlierGenerations"] == []
    assert final == {both["serialNumber"]: "current", first["serialNumber"]: "revoked"}


def test_a_client_that_comes_back_has_another_key_and_the_old_one_stays_revoked(
    deployed_dev: Path,
) -> None:
    with recorded(deployed_dev) as local:
        old = handed_out(local)
    with recorded(deployed_dev, config={"clients": [SMOKE_TEST]}) as local:
        up(local)
        assert records(local) == {old["serialNumber"]: "revoked"}
    with recorded(deployed_dev) as local:
        up(local)
        new = handed_out(local)
        assert records(local) == {
            new["serialNumber"]: "current",
            old["serialNumber"]: "revoked",
        }
        assert up(local).operations == {}

    assert new["privateKeyPem"] != old["privateKeyPem"]


@pytest.mark.parametrize(
    "certs",
    [
        {"serverGeneration": 2},
        {"keyAlgorithm": "RSA-2048"},
    ],
    ids=["another generation", "another kind of key"],
)
def test_the_servers_key_is_replaced_and_nobody_elses(
    deployed_dev: Path, certs: dict[str, Any]
) -> None:
    with recorded(deployed_dev, config={"certificates": certificates(**certs)}) as local:
        operations = up(local).operations

    assert operations == {
        **{f"server-{part}": "replace" for part in ("key", "request", "certificate")},
        **RESTARTED,
    }


def test_a_new_kind_of_key_is_for_the_next_generation(deployed_dev: Path) -> None:
    config = {
        "clients": clients(generations=[1, 2]),
        "certificates": certificates(keyAlgorithm="RSA-2048"),
    }
    with recorded(deployed_dev, config=config) as local:
        up(local)
        bundle = handed_out(local)

    assert "BEGIN RSA" in bundle["privateKeyPem"]
    assert "BEGIN EC" in bundle["earlierGenerations"][0]["privateKeyPem"]


@pytest.mark.parametrize("days_left", [5, -3])
def test_what_ends_soon_is_no_error_where_this_up_renews_it(
    deployed_dev: Path, days_left: float
) -> None:
    with recorded(deployed_dev) as local:
        aged(local, "server-certificate", days_left)
        preview(local)
        assert up(local).operations == {"server-certificate": "replace", **RESTARTED}


def test_what_ends_soon_and_is_not_renewed_is_a_warning_and_then_an_error(
    deployed_dev: Path,
) -> None:
    early = certificates(expiry={"warnDays": 80, "failDays": 29})
    with recorded(deployed_dev, config={"certificates": early}) as local:
        aged(local, "server-certificate", days_left=40.5)
        assert any("server demo ends in 40 days" in w for w in preview(local).warnings)
    theirs = brought("Theirs", days=25.5)
    too_late = certificates(expiry=early["expiry"], alsoTrust=[theirs.pem])
    with recorded(deployed_dev, config={"certificates": too_late}) as local:
        errors = failing_preview(local)

    assert "The certificate of ca Theirs ends in 25 days" in errors
    assert "The CA is yours" in errors
