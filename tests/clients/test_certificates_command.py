"""The table of certificates, and its exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clients.made import MadeStack, Ran, refused, run_clients

SERIAL = "0A" * 20


def entry(role: str, name: str, left: timedelta, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "role": role,
        "name": name,
        "generation": None,
        "status": "issuing" if role == "ca" else "current",
        "issuer": "ca@1",
        "serialNumber": SERIAL,
        "fingerprintSha1": "",
        "publicKeySha256": "",
        "notBefore": f"{now - timedelta(days=100):%Y-%m-%dT%H:%M:%SZ}",
        "notAfter": f"{now + left:%Y-%m-%dT%H:%M:%SZ}",
        "renewsFrom": None,
        "daysLeft": 0,
        **more,
    }


def certificates(stack: MadeStack, *entries: dict[str, Any], options: str = "") -> Ran:
    stack.outputs["certificates"] = list(entries)
    return run_clients("certificates", "--outputs", stack.file, *options.split())


FAR = timedelta(days=300, hours=1)


def test_every_certificate_is_a_line_with_all_there_is_to_know(stack: MadeStack) -> None:
    now = datetime.now(UTC)
    listed = [
        entry("ca", "demo CA", timedelta(days=3000, hours=1), status="issuing"),
        entry("server", "demo", FAR, generation=1.0, status="current", daysLeft=12345),
        entry("client", "alice", FAR, generation=2, status="current", renewsFrom=rfc(now + FAR)),
        entry("client", "alice", FAR, generation=1, status="accepted", renewsFrom=rfc(now)),
    ]

    ran = certificates(stack, *listed)

    assert (ran.code, ran.err) == (0, "")
    heading, *lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert heading == (
        "role name generation status serial number valid from valid until days left renewed from"
    )
    start, end = minute(listed[1]["notBefore"]), minute(listed[1]["notAfter"])
    assert lines == [
        f"ca demo CA - issuing {SERIAL} {start} {minute(listed[0]['notAfter'])} 3000 -",
        f"server demo 1 current {SERIAL} {start} {end} 300 -",
        f"client alice 2 current {SERIAL} {start} {end} 300 {minute(listed[2]['renewsFrom'])}",
        f"client alice 1 accepted {SERIAL} {start} {end} 300 the next up",
    ]


@pytest.mark.parametrize(
    ("left", "options", "words", "code"),
    [
        (timedelta(seconds=-5), "", "EXPIRED", 1),
        (timedelta(days=7, seconds=-5), "", "FAIL: ends in 6 days", 1),
        (timedelta(days=7, minutes=1), "", "WARNING: ends in 7 days", 0),
        (timedelta(days=30, seconds=-5), "", "WARNING: ends in 29 days", 0),
        (timedelta(days=30, minutes=1), "", "", 0),
        (timedelta(days=1, hours=1), "--fail-days 1", "WARNING: ends in 1 day", 0),
        (timedelta(days=9), "--fail-days 10 --warn-days 5", "FAIL: ends in 8 days", 1),
        (timedelta(days=9), "--warn-days 5", "", 0),
        (timedelta(seconds=-5), "--fail-days 0 --warn-days 0", "EXPIRED", 1),
    ],
)
def test_what_ends_soon_is_said_in_words(
    stack: MadeStack, left: timedelta, options: str, words: str, code: int
) -> None:
    ran = certificates(
        stack, entry("ca", "demo CA", FAR), entry("client", "alice", left), options=options
    )

    assert ran.code == code, ran
    assert ran.out.splitlines()[-1].endswith(words or " -")
    assert ("WARNING" in ran.out, "FAIL" in ran.out or "EXPIRED" in ran.out) == (
        words.startswith("WARNING"),
        code == 1,
    )


@pytest.mark.parametrize("status", ["issuing", "trusted", "current", "accepted"])
def test_what_somebody_relies_on_matters(stack: MadeStack, status: str) -> None:
    ran = certificates(stack, entry("ca", "demo CA", timedelta(days=-1), status=status))

    assert ran.code == 1
    assert "EXPIRED" in ran.out


@pytest.mark.parametrize("status", ["revoked", "renewed"])
def test_what_has_been_replaced_or_revoked_worries_nobody(stack: MadeStack, status: str) -> None:
    ran = certificates(stack, entry("client", "bob", timedelta(days=-1), status=status))

    assert ran.code == 0
    assert "EXPIRED" not in ran.out
    assert status in ran.out


def test_programs_get_the_same_as_json(stack: MadeStack) -> None:
    listed = [
        entry("client", "alice", timedelta(days=5, hours=1), generation=2, status="current"),
        entry("client", "bob", timedelta(days=20, hours=1), renewsFrom=None),
        entry("client", "carol", FAR, daysLeft=1),
    ]

    ran = certificates(stack, *listed, options="--json")

    assert ran.code == 1
    alice, bob, carol = json.loads(ran.out)
    left_out = {"issuer", "fingerprintSha1", "publicKeySha256", "daysLeft"}
    assert {k: v for k, v in listed[0].items() if k not in left_out}.items() <= alice.items()
    assert (alice["daysLeft"], alice["finding"]) == (5, "fail")
    assert (bob["daysLeft"], bob["finding"], bob["status"]) == (20, "warning", "current")
    assert (carol["daysLeft"], carol["finding"]) == (300, "none")


def test_times_of_any_zone_are_shown_in_one(stack: MadeStack) -> None:
    ran = certificates(stack, {**entry("ca", "x", FAR), "notAfter": "2099-01-01T01:30:00+02:00"})

    assert "2098-12-31T23:30Z" in ran.out


def test_a_stack_without_certificates_says_why(stack: MadeStack) -> None:
    ran = certificates(stack)

    assert ran.code == 0
    assert "plain HTTP" in ran.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"certificates": "[secret]"}, ["certificates is hidden"]),
        ({"certificates": {"a": 1}}, ["not a list"]),
        ({"certificates": [{"role": "ca"}]}, ["certificates[0].name: field required"]),
        ({"certificates": [entry("ca", "x", FAR, notAfter="soon")]}, ["certificates[0].notAfter"]),
        ({"endpoint": {"version": 2}}, ['version "2"']),
    ],
)
def test_outputs_that_are_none_are_bad_input(
    stack: MadeStack, change: dict[str, Any], words: list[str]
) -> None:
    stack.outputs.update(change)

    refused(run_clients("certificates", "--outputs", stack.file), *words)


def test_a_missing_list_and_odd_days_are_bad_input(stack: MadeStack, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("{}")
    given = ("--outputs", tmp_path / "empty.json")

    refused(run_clients("certificates", *given), "no output certificates")
    for days in ("-1", "1.5", "x", ""):
        ran = run_clients("certificates", *given, f"--fail-days={days}")
        assert ran.code == 2
        assert "whole number of days" in ran.err


def rfc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def minute(moment: str) -> str:
    return f"{moment[:16]}Z"
