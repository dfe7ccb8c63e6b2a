"""Certificates that are about to end, and the one that has just begun."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, timedelta
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from common.certificate_record import Record
from components.certificates import ClientCertificate, LeafCertificate, ServerCertificate
from program import continuity
from program.continuity import ContinuityError, check_expiry
from program.settings.certificates import ExpiryGate
from tests.unit.cas import make_ca
from tests.unit.clock import Clock
from tests.unit.plugins import certificate_pem
from tests.unit.program import Deployment, Records, config_of, deploy, run, run_committed
from tests.unit.properties import UNKNOWN, plain
from tests.unit.records import NOW, ca, client, end, server

GATE = ExpiryGate(warnDays=30, failDays=7)
THEIRS = "external@0123456789abcdef"


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


@pytest.mark.parametrize("days", [365, 31, 31.9])
def test_a_certificate_with_time_left_is_told_how_much(days: float, warnings: list[str]) -> None:
    assert check_expiry(client("A1", days=days), GATE).days_left == math.floor(days)
    assert warnings == []


@pytest.mark.parametrize("days", [30, 30.9, 8, 8.9])
def test_one_that_ends_soon_is_worth_a_warning(days: float, warnings: list[str]) -> None:
    check_expiry(client("A1", days=days), GATE)

    assert warnings == [
        f"The certificate of client alice ends in {math.floor(days)} days, on {end(days)}, and "
        f"this deployment does not renew it. It is not due before {end(days - 121)}; to renew it "
        "now, raise certificates.renewBeforeDays.client."
    ]


@pytest.mark.parametrize(("days", "words"), [(7, "ends in 7 days"), (-3, "ended")])
@pytest.mark.parametrize("make", [client, server, ca], ids=["client", "server", "ca"])
def test_one_that_ends_very_soon_stops_the_deployment(
    days: int, words: str, make: Callable[..., Record]
) -> None:
    record = make(days=days) if make is ca else make("A1", days=days)

    with pytest.raises(ContinuityError) as refused:
        check_expiry(record, GATE)

    assert str(refused.value).startswith(f"The certificate of {record.role} {record.name} {words}")
    assert f"on {end(days)}, and this deployment does not renew it." in str(refused.value)
    assert str(refused.value).endswith(f"certificates.renewBeforeDays.{record.role}.")


def test_a_ca_of_the_users_is_the_users_to_renew() -> None:
    with pytest.raises(ContinuityError) as refused:
        check_expiry(ca(THEIRS, days=5), GATE)

    assert str(refused.value) == (
        f"The certificate of ca name of {THEIRS} ends in 5 days, on {end(5)}, and this deployment "
        "does not renew it. The CA is yours: see 'Replace the CA' in docs/operations.md."
    )


@pytest.mark.parametrize(("days", "stops"), [(0, True), (1, False)])
def test_a_gate_of_0_days_stops_on_the_last_day(
    days: int, stops: bool, warnings: list[str]
) -> None:
    gate = ExpiryGate(warnDays=0, failDays=0)

    if stops:
        with pytest.raises(ContinuityError):
            check_expiry(client("A1", days=days), gate)
    else:
        check_expiry(client("A1", days=days), gate)
    assert warnings == []


def test_a_stack_whose_users_ca_is_about_to_end_is_not_deployed() -> None:
    theirs = make_ca("Theirs", ends=5.2)

    with pytest.raises(ContinuityError, match=r"^The certificate of ca Theirs ends in 5 days"):
        deploy("dev", {"certificates": {"alsoTrust": [theirs.pem]}})


def test_the_group_is_not_touched_when_the_gate_is_closed() -> None:
    theirs = make_ca("Theirs", ends=5.2)
    given = {"certificates": {"alsoTrust": [theirs.pem]}}

    deployment = run_to_the_end(given)

    assert isinstance(deployment.error, ContinuityError)
    assert "endpoint-group" not in deployment.names


def run_to_the_end(overrides: dict[str, Any], previous: Records | None = None) -> Deployment:
    from tests.unit.program import config_of, run_committed  # noqa: PLC0415

    return run_committed("dev", config_of("dev", overrides), previous=previous)


def test_a_certificate_that_was_just_made_is_let_through_however_short_its_life() -> None:
    """The shortest that the settings take; nobody could do anything about it."""
    days = {"ca": 6, "server": 2, "client": 2}
    deploy("dev", {"certificates": {"validityDays": days, "expiry": {"failDays": 0}}})


# --- new certificates wait for slow clocks ----------------------------------------------------


def leaf(kind: type[LeafCertificate], serial: str, not_before: str) -> LeafCertificate:
    """As much of one as counts here."""
    made = kind.__new__(kind)
    made.certificate_pem = pulumi.Output.from_input(certificate_pem(serial))
    made.serial_number = pulumi.Output.from_input(serial)
    certificate: Any = SimpleNamespace(validity_start_time=pulumi.Output.from_input(not_before))
    made.certificate = certificate
    return made


def shown(
    serial: str,
    previous: list[Record],
    *,
    kind: type[LeafCertificate] = ServerCertificate,
    not_before: str = "",
    minutes: float = 5,
    **how: Any,
) -> Any:
    """The certificate that is put into use or handed out."""

    def program() -> None:
        new = leaf(kind, serial, not_before or end(0))
        pulumi.export("x", continuity.settled(new, "bob", previous, timedelta(minutes=minutes)))

    deployment = run(program, **how)
    assert deployment.error is None, repr(deployment.error)
    return deployment.exports["x"]


def test_a_new_server_certificate_is_shown_when_slow_clocks_take_it(naps: list[float]) -> None:
    assert shown("NEW", [ca(), server("OLD")]) == certificate_pem("NEW")

    assert sum(naps) == 5 * 60
    assert max(naps) <= 30, "progress is shown in between"
    assert NOW + timedelta(minutes=5) == Clock.now(UTC)


def test_what_was_made_earlier_waits_for_the_rest_only(naps: list[float]) -> None:
    shown("NEW", [server("OLD")], not_before=end(-3 / 24 / 60))

    assert sum(naps) == 2 * 60


@pytest.mark.parametrize(
    ("previous", "serial"),
    [
        ([], "NEW"),
        ([ca(), client("A1")], "NEW"),
        ([ca(), server("SAME")], "SAME"),
    ],
    ids=["the first deployment", "no TLS before", "nothing new"],
)
def test_nobody_waits_without_a_need(
    previous: list[Record], serial: str, naps: list[float]
) -> None:
    assert shown(serial, previous) == certificate_pem(serial)
    assert naps == []


def test_nobody_waits_where_clocks_agree_nor_in_a_preview(naps: list[float]) -> None:
    shown("NEW", [server("OLD")], minutes=0)
    shown("NEW", [server("OLD")], preview=True)
    shown("NEW", [server("OLD")], not_before=end(-1))

    assert naps == []


def test_the_wait_is_told_with_its_reason(
    naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", said.append)

    shown("NEW", [server("OLD")], minutes=1)

    assert said == [
        f"The new server certificate is put into use in {seconds} s, when it is valid for clients "
        "whose clock is behind, too (certificates.clockSkewMinutes)"
        for seconds in (60, 30)
    ]


def test_a_clients_new_certificate_is_handed_out_when_a_slow_endpoint_takes_it(
    naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", said.append)

    assert shown("NEW", [ca(), client("A1")], kind=ClientCertificate) == certificate_pem("NEW")

    assert sum(naps) == 5 * 60
    assert said[0] == (
        "The new certificate of client bob is handed out in 300 s, when it is valid for an "
        "endpoint whose clock is behind, too (certificates.clockSkewMinutes)"
    )


@pytest.mark.parametrize(
    ("previous", "serial"),
    [([], "NEW"), ([ca(), server("S1")], "NEW"), ([client("A1"), client("SAME", "bob")], "SAME")],
    ids=["the first deployment", "no clients before", "nothing new"],
)
def test_nobody_waits_for_a_client_without_a_need(
    previous: list[Record], serial: str, naps: list[float]
) -> None:
    assert shown(serial, previous, kind=ClientCertificate) == certificate_pem(serial)
    assert naps == []


def test_nothing_is_handed_out_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the outputs as in the vault; the endpoint has to know the certificates before."""

    def unknown(it: LeafCertificate, *_: Any, **__: Any) -> pulumi.Output[str]:
        if isinstance(it, ServerCertificate):
            return it.certificate_pem
        no_news: asyncio.Future[Any] = asyncio.Future()
        no_news.set_result(None)
        not_known: asyncio.Future[bool] = asyncio.Future()
        not_known.set_result(False)
        return pulumi.Output(set(), no_news, not_known)

    monkeypatch.setattr(continuity, "settled", unknown)
    reader = "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c11"
    config = config_of("dev", {"clients": [{"name": "alice", "readers": [reader]}]})

    deployment = run_committed("dev", config)

    assert deployment.error is None
    (secret,) = deployment.of("Secret").values()
    group = deployment.of("ContainerGroup")["endpoint-group"]
    assert plain(secret.inputs["properties"])["value"] is UNKNOWN
    assert plain(deployment.exports["clientCertificates"]) is UNKNOWN
    assert plain(group.inputs["volumes"])[0]["secret"] is not UNKNOWN
