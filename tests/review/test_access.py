"""Who gains and who loses access, and which certificates change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.refusal import Refusal
from review.access import Access, Client
from review.report import markdown
from tests.review.recordings import (
    document,
    issued_at,
    preview,
    records,
    renewing,
    review,
    step,
)


def client(name: str, access: Access) -> Client:
    (found,) = (client for client in access.clients if client.name == name)
    return found


def test_a_new_client_gains_access_and_one_taken_out_loses_it() -> None:
    access = review(document()).access

    assert client("carol", access).gains
    assert client("ci-smoke-test", access).loses
    assert not client("alice", access).gains
    assert not client("alice", access).loses


def test_another_generation_takes_nothing_from_the_first() -> None:
    alice = client("alice", review(document()).access)

    assert [record.generation for record in alice.kept] == [1]
    assert [certificate.generation for certificate in alice.issued] == [2]


def test_nothing_changes_for_anybody_if_nothing_is_planned() -> None:
    reviewed = review(document("unchanged"))

    assert not any(client.changes for client in reviewed.access.clients)
    assert reviewed.findings == []


@pytest.mark.parametrize(
    ("name", "op"),
    [
        pytest.param("client-alice@1-key", "replace", id="its key is replaced"),
        pytest.param("client-alice@1-certificate", "delete", id="its generation is taken out"),
        pytest.param("ca@1-certificate", "delete", id="its CA is no longer trusted"),
        pytest.param("ca@1-key", "replace", id="the key of its CA is replaced"),
    ],
)
def test_a_client_loses_access_when(name: str, op: str) -> None:
    of = document("unchanged")
    renewing(of, name, op)

    reviewed = review(of)

    assert client("alice", reviewed.access).loses
    assert any("`alice` loses access" in finding for finding in reviewed.findings)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("client-alice@1-certificate", id="its certificate is renewed"),
        pytest.param("ca@1-certificate", id="the certificate of its CA is renewed"),
        pytest.param("server-key", id="the server gets another key"),
    ],
)
def test_a_client_keeps_access_when(name: str) -> None:
    of = document("unchanged")
    renewing(of, name, "replace")

    assert not client("alice", review(of).access).loses


def test_a_generation_that_goes_while_a_later_one_is_out_locks_nobody_out() -> None:
    of = document("unchanged")
    (first,) = (record for record in records(of) if record["name"] == "alice")
    step(of, "mtls-model-endpoint-dev")["oldState"]["outputs"]["certificates"].append(
        {**first, "generation": 2, "serialNumber": "02", "publicKeySha256": "02"}
    )
    renewing(of, "client-alice@1-certificate", "delete")

    reviewed = review(of)

    assert not client("alice", reviewed.access).loses
    assert [r.generation for r in client("alice", reviewed.access).refused] == [1]
    assert reviewed.findings == []
    assert "keeps access with what was handed out later" in markdown(reviewed)


def test_what_was_revoked_before_is_no_access_and_no_loss() -> None:
    of = document("unchanged")
    for record in records(of):
        if record["name"] == "alice":
            record["status"] = "revoked"

    assert [c.name for c in review(of).access.clients] == ["ci-smoke-test"]


def test_certificates_of_a_foreign_ca_are_not_said_to_be_safe() -> None:
    of = document()
    for record in records(of):
        record["issuer"] = "Example Root CA"
    step(of, "endpoint-group")["detailedDiff"]["volumes[0].secret.ca.crt"] = {"kind": "update"}

    assert any("cannot be seen here" in finding for finding in review(of).findings)


def test_without_tls_anybody_may_call() -> None:
    of = document("unchanged")
    of["config"]["mtls-model-endpoint:tls"] = "none"

    reviewed = review(of)

    assert any("Anybody may call" in finding for finding in reviewed.findings)
    assert "Anybody: with `tls: none`" in markdown(reviewed)


def test_the_end_of_a_new_certificate_is_its_validity_from_now() -> None:
    of = document()
    now = issued_at(of)
    (carol,) = (c for c in review(of, now).access.certificates if c.name == "carol")

    assert carol.change == "issued"
    assert carol.ends_about == now + timedelta(days=90)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(59, 0, id="one day before the gate"),
        pytest.param(60, 3, id="within the gate"),
        pytest.param(95, 3, id="after they ended"),
    ],
)
def test_a_certificate_that_nobody_renews_is_a_finding_within_the_gate(
    days: int, expected: int
) -> None:
    """Those of the server and of two clients; the CA's lasts for a year."""
    of = document("unchanged")
    found = review(of, issued_at(of) + timedelta(days=days)).findings

    assert sum("ends in" in text or "ended on" in text for text in found) == expected


def test_a_certificate_that_is_renewed_is_no_finding() -> None:
    of = document("unchanged")
    for name in ("server", "client-alice@1", "client-ci-smoke-test@1"):
        renewing(of, f"{name}-certificate", "replace")

    assert review(of, issued_at(of) + timedelta(days=80)).findings == []


def test_the_gate_is_the_stack_files() -> None:
    of = document("unchanged")
    of["config"]["mtls-model-endpoint:certificates"] = '{"expiry": {"warnDays": 5}}'

    assert review(of, issued_at(of) + timedelta(days=80)).findings == []


def test_outputs_of_an_older_version_are_refused() -> None:
    of = document()
    for record in records(of):
        del record["publicKeySha256"]

    with pytest.raises(Refusal, match=r"of an older version: certificates\[0\] has no"):
        review(of)


def test_outputs_of_a_later_version_are_refused() -> None:
    of = document()
    step(of, "mtls-model-endpoint-dev")["oldState"]["outputs"]["endpoint"]["version"] = 2

    with pytest.raises(Refusal, match="are of version 2"):
        review(of)


@pytest.mark.parametrize("value", ["[secret]", {"alice": 1}, 5])
def test_records_that_are_no_list_are_refused(value: object) -> None:
    of = document()
    now = issued_at(of)
    step(of, "mtls-model-endpoint-dev")["oldState"]["outputs"]["certificates"] = value

    with pytest.raises(Refusal, match="no list"):
        review(of, now)


def test_a_first_deployment_lets_everybody_in() -> None:
    of = document("unchanged")
    for planned in of["steps"]:
        planned["op"] = "create"
        planned.pop("oldState", None)

    reviewed = review(of, issued_at(document()))

    assert [c.gains for c in reviewed.access.clients] == [True, True]
    assert reviewed.findings == []
    assert preview("unchanged").is_first is False
    assert reviewed.preview.is_first
