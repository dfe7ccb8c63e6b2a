"""A number on the list is worth nothing in a certificate that the stack's CA did not sign."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conformance.forgery import HOUR, forged, holder, shown
from conformance.peers import Authority, Endpoint, Identity


def refusal(endpoint: Endpoint, identity: Identity) -> tuple[int, str]:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.predict(identity)
    assert arrived == []
    return answer.status, answer.error


@pytest.fixture
def stranger(endpoint: Endpoint) -> Authority:
    """A CA with the name of the stack's."""
    return Authority.new(endpoint.folder, endpoint.authority.certificate.subject)


def test_a_listed_number_from_another_ca_of_the_same_name_is_refused(
    endpoint: Endpoint, stranger: Authority
) -> None:
    forgery = forged(stranger, serial=endpoint.serials["alice"])

    status, error = refusal(endpoint, shown(forgery))

    assert status == 400
    assert error.startswith("the client certificate was not accepted: FAILED:unable to verify")


def test_sending_the_other_ca_along_does_not_make_it_trusted(
    endpoint: Endpoint, stranger: Authority
) -> None:
    forgery = forged(stranger, serial=endpoint.serials["alice"])

    status, error = refusal(endpoint, shown(forgery, stranger.certificate))

    assert status == 400
    assert error.endswith("FAILED:self-signed certificate in certificate chain")


@pytest.mark.parametrize(
    ("starts_in", "ends_in", "reason"),
    [
        (timedelta(days=-2), timedelta(seconds=-5), "certificate has expired"),
        (timedelta(hours=1), timedelta(hours=2), "certificate is not yet valid"),
    ],
)
def test_being_on_the_list_does_not_lengthen_a_certificates_life(
    endpoint: Endpoint, starts_in: timedelta, ends_in: timedelta, reason: str
) -> None:
    out_of_time = forged(
        endpoint.authority,
        serial=endpoint.serials["alice"],
        starts_in=starts_in,
        ends_in=ends_in,
    )

    assert refusal(endpoint, shown(out_of_time)) == (
        400,
        f"the client certificate was not accepted: FAILED:{reason}",
    )


def test_a_client_cannot_sign_a_certificate_for_somebody_else(endpoint: Endpoint) -> None:
    bob = holder(endpoint.bob)
    forgery = forged(bob, serial=endpoint.serials["alice"])

    status, error = refusal(endpoint, shown(forgery, bob.certificate))

    assert status == 400
    assert error.startswith("the client certificate was not accepted: FAILED:")


def test_a_certificate_of_a_ca_below_the_stacks_is_refused(endpoint: Endpoint) -> None:
    below = forged(endpoint.authority, common_name="CA below", is_ca=True)
    leaf = forged(below)

    assert refusal(endpoint, shown(leaf)) == (
        400,
        "the client certificate was not accepted: FAILED:unable to verify the first certificate",
    )
    # Sent along, the chain holds: what is left is the list.
    assert refusal(endpoint, shown(leaf, below.certificate))[0] == 403


def test_a_listed_certificate_sent_behind_another_lends_it_nothing(endpoint: Endpoint) -> None:
    unlisted = forged(endpoint.authority)

    assert refusal(endpoint, shown(unlisted, holder(endpoint.alice).certificate)) == (
        403,
        "the client certificate is not on the list of this endpoint",
    )


def test_the_number_decides_and_not_how_it_is_padded(endpoint: Endpoint) -> None:
    """Ends or begins like a listed one; the map compares the whole number."""
    serial = endpoint.serials["alice"]

    for lookalike in (serial[2:], serial[:-2], f"01{serial}", f"{serial}00"):
        identity = shown(forged(endpoint.authority, serial=lookalike, ends_in=HOUR))
        assert refusal(endpoint, identity)[0] == 403
