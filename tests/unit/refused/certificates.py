"""What may not be said of certificates: validity, windows, CAs, the gate; the user's CA apart."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.refused.words import Cases, put, remove, write, wrong

ALGORITHM = "one of ECDSA-P256, ECDSA-P384, RSA-2048, RSA-3072, RSA-4096"
DAYS = "a whole number of days from 2 to 36500"
WINDOW = "a whole number of days from 1, and less than the certificate's validity"
GATE = "a whole number of days from 0 to 3650"
MINUTES = "a whole number of minutes from 0 to 60"
GENERATION = "a whole number from 1: raise it by one to rotate"
GENERATIONS = "a list of different whole numbers from 1"
UNTRUSTED = "what an untrusted CA signs is refused (certificates.ca.trusted)"
KEYS = (
    "an object with keyAlgorithm, validityDays, renewBeforeDays, serverGeneration, ca, authority, "
    "alsoTrust, expiry, clockSkewMinutes"
)
Case = tuple[dict[str, Any], list[str]]


def certificates(**values: object) -> dict[str, Any]:
    return {"certificates": values}


def validity(**days: object) -> dict[str, Any]:
    return certificates(validityDays=days)


def one(key: str, value: object, allowed: str, good: object) -> Case:
    """A single value that is wrong in itself, as `expiry.failDays`."""
    *sections, last = key.split(".")
    given: Any = {last: value}
    for section in reversed(sections):
        given = {section: given}
    path = f"certificates.{key}"
    return {"certificates": given}, [wrong(path, value, allowed, put(path, good))]


def outlives(role: str, value: int, window: int, typed: str = "") -> str:
    key = f"certificates.validityDays.{role}"
    allowed = (
        f"at most certificates.renewBeforeDays.ca = {window}: issued just before the CA is "
        "renewed, it would outlive it, and is worth nothing after its CA's end"
    )
    return wrong(key, value, allowed, typed or put(key, window))


def too_wide(role: str, value: int, validity_days: int) -> str:
    key = f"certificates.renewBeforeDays.{role}"
    allowed = (
        f"less than certificates.validityDays.{role} = {validity_days}: a window as long as the "
        "validity replaces the certificate at every up, for ever"
    )
    return wrong(key, value, allowed, put(key, max(1, validity_days // 3)))


def too_late(role: str, window: int, fail: int, typed: str) -> Case:
    given = certificates(renewBeforeDays={role: window}, expiry={"failDays": fail})
    allowed = (
        f"more than certificates.expiry.failDays = {fail}: an up has to renew before previews fail"
    )
    return given, [wrong(f"certificates.renewBeforeDays.{role}", window, allowed, typed)]


def ca(given: dict[str, Any], key: str, value: object, allowed: str, typed: str) -> Case:
    return certificates(ca=given), [wrong(f"certificates.ca.{key}", value, allowed, typed)]


NUMBERS: dict[str, tuple[str, object, tuple[object, ...]]] = {
    "validityDays.ca": (DAYS, 365, (True, "ten")),
    "validityDays.server": (DAYS, 365, (0, 1, True)),
    "validityDays.client": (DAYS, 365, (0, 1, 1.5)),
    "renewBeforeDays.ca": (WINDOW, 30, (True, "ten")),
    "renewBeforeDays.server": (WINDOW, 30, (0, 1.5)),
    "renewBeforeDays.client": (WINDOW, 30, (0, True)),
    "expiry.warnDays": (GATE, 30, (-1, True, "soon", 1.5)),
    "expiry.failDays": (GATE, 30, (3651, True, "late")),
    "clockSkewMinutes": (MINUTES, 5, (True, "five")),
    "serverGeneration": (GENERATION, 1, (0, -1, True, "two", 1.5)),
    "ca.issuing": (GENERATION, 1, (0, True, "first")),
    "keyAlgorithm": (ALGORITHM, "ECDSA-P256", ("RSA", "ecdsa-p256", 256)),
}
"""The next number that is taken would only be refused beside the others, or there is none."""
NEAREST: dict[str, tuple[str, dict[object, object]]] = {
    "validityDays.ca": (DAYS, {0: 2, 1: 2, -1: 2, 1.5: 2, 36501: 36500}),
    "renewBeforeDays.ca": (WINDOW, {0: 1, -1: 1, 36501: 36500}),
    "expiry.warnDays": (GATE, {3651: 3650}),
    "expiry.failDays": (GATE, {-1: 0}),
    "clockSkewMinutes": (MINUTES, {-1: 0, 61: 60, 0.5: 0, "90 minutes": 60}),
    "serverGeneration": (GENERATION, {1_000_001: 1_000_000, "3rd": 3}),
    "keyAlgorithm": (ALGORITHM, {"ECDSA-P383": "ECDSA-P384", "rsa-4096": "RSA-4096"}),
}
CASES: Cases = {
    "a client's window as narrow as the gate": too_late(
        "client", 7, 7, put("certificates.renewBeforeDays.client", 8)
    ),
    "the server's window narrower than the gate": too_late(
        "server", 3, 20, put("certificates.renewBeforeDays.server", 21)
    ),
    **{
        f"{key} {json.dumps(value)}": one(key, value, allowed, good)
        for key, (allowed, good, values) in NUMBERS.items()
        for value in values
    },
    **{
        f"{key} {json.dumps(value)}": one(key, value, allowed, good)
        for key, (allowed, values) in NEAREST.items()
        for value, good in values.items()
    },
    "days without a role": (
        certificates(validityDays=30),
        [
            wrong(
                "certificates.validityDays",
                30,
                "an object with ca, server, client",
                write("certificates.validityDays", {}),
            )
        ],
    ),
    "gate as a number": (
        certificates(expiry=7),
        [
            wrong(
                "certificates.expiry",
                7,
                "an object with warnDays, failDays",
                write("certificates.expiry", {}),
            )
        ],
    ),
    "certificates as text": (
        {"certificates": "RSA-2048"},
        [wrong("certificates", "RSA-2048", KEYS, write("certificates", {}))],
    ),
    # A leaf is issued for as long as it may be, and the CA may be about to be renewed.
    "server beyond its CA": (
        validity(ca=300, server=101, client=100),
        [outlives("server", 101, 100)],
    ),
    "client beyond its CA": (
        validity(ca=900, server=300, client=301),
        [outlives("client", 301, 300)],
    ),
    "CA shorter than what is usual": (validity(ca=30), [outlives("server", 365, 10)]),
    "leaves as long as their CA": (
        validity(ca=9, server=9, client=9),
        [outlives("server", 9, 3)],
    ),
    "CA too short for any leaf": (
        validity(ca=5, server=2, client=2),
        [outlives("server", 2, 1, put("certificates.validityDays.ca", 8))],
    ),
    "CA renewed too late for any leaf": (
        certificates(renewBeforeDays={"ca": 1}),
        [outlives("server", 365, 1, remove("certificates.renewBeforeDays.ca"))],
    ),
    "CA too short for a leaf of a century": (
        validity(ca=5, server=36500, client=2),
        [outlives("server", 36500, 1, put("certificates.validityDays.ca", 36500))],
    ),
    "window as long as the validity": (
        certificates(validityDays={"client": 90}, renewBeforeDays={"client": 90}),
        [too_wide("client", 90, 90)],
    ),
    "window longer than the validity": (
        certificates(renewBeforeDays={"server": 400}),
        [too_wide("server", 400, 365)],
    ),
    "window of a CA as long as its validity": (
        certificates(renewBeforeDays={"ca": 3650}),
        [too_wide("ca", 3650, 3650)],
    ),
    "window of the shortest validity": (
        certificates(validityDays={"client": 2}, renewBeforeDays={"client": 2}),
        [too_wide("client", 2, 2)],
    ),
    "gate that closes before it warns": (
        certificates(expiry={"warnDays": 5, "failDays": 6}),
        [
            wrong(
                "certificates.expiry.failDays",
                6,
                "at most certificates.expiry.warnDays = 5",
                put("certificates.expiry.failDays", 5),
            )
        ],
    ),
    "gate that warns too late for the usual end": (
        certificates(expiry={"warnDays": 3}),
        [
            wrong(
                "certificates.expiry.failDays",
                7,
                "at most certificates.expiry.warnDays = 3",
                put("certificates.expiry.failDays", 3),
            )
        ],
    ),
    # Which of the stack's own CAs count.
    "no CA is trusted": ca(
        {"trusted": []},
        "trusted",
        [],
        "at least one generation when there is no certificates.authority",
        put("certificates.ca.trusted[0]", 1),
    ),
    "a CA twice": ca(
        {"trusted": [1, 1], "issuing": 1},
        "trusted",
        [1, 1],
        GENERATIONS,
        remove("certificates.ca.trusted[1]"),
    ),
    "a CA twice among others": ca(
        {"trusted": [3, 2, 3, 1], "issuing": 2},
        "trusted",
        [3, 2, 3, 1],
        GENERATIONS,
        remove("certificates.ca.trusted[2]"),
    ),
    "several CAs and none that signs": ca(
        {"trusted": [3, 2]},
        "issuing",
        None,
        "3 or 2: with several trusted CAs it has to be said which one signs",
        put("certificates.ca.issuing", 2),
    ),
    "a CA signs that is not trusted": ca(
        {"trusted": [2, 3], "issuing": 1},
        "issuing",
        1,
        f"2 or 3: {UNTRUSTED}",
        put("certificates.ca.issuing", 2),
    ),
    "a CA signs that nobody mentioned": ca(
        {"issuing": 2}, "issuing", 2, f"1: {UNTRUSTED}", put("certificates.ca.issuing", 1)
    ),
    "CA number 0": ca(
        {"trusted": [0]}, "trusted[0]", 0, GENERATION, put("certificates.ca.trusted[0]", 1)
    ),
    "a CA that is yes": ca(
        {"trusted": [True]}, "trusted[0]", True, GENERATION, put("certificates.ca.trusted[0]", 1)
    ),
    "CAs as a number": ca(
        {"trusted": 1}, "trusted", 1, GENERATIONS, write("certificates.ca.trusted", [1])
    ),
    "CA as a number": (
        certificates(ca=2),
        [
            wrong(
                "certificates.ca",
                2,
                "an object with trusted, issuing",
                write("certificates.ca", {}),
            )
        ],
    ),
}
