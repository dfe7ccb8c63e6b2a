"""Reviews of real changes to the stack `dev`, under the real engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
import pytest

from clients.contract import Refusal
from localcloud.stack import plain as values
from review.__main__ import main
from review.local import from_local_cloud, preview
from review.report import Review, markdown, summary
from tests.engine.engine import changing, recorded, up

ALICE, SMOKE = {"name": "alice"}, {"name": "ci-smoke-test"}
VALIDITY = {"ca": 365, "server": 90, "client": 90}


def with_certificates(**given: Any) -> dict[str, Any]:
    return {"certificates": {"validityDays": VALIDITY, "clockSkewMinutes": 0, **given}}


def reviewed(home: Path, **options: Any) -> Review:
    with recorded(home, **options) as local:
        return Review.of(preview(local), datetime.now(UTC))


def deployed(home: Path, **options: Any) -> None:
    with recorded(home, **options) as local:
        up(local)


def test_who_may_fetch_a_bundle_is_said(deployed_dev: Path) -> None:
    one, two = ("0b1f6471-1bf0-4dda-aec3-cb9272f0959" + digit for digit in "01")
    first = {"clients": [{**ALICE, "readers": [one]}, SMOKE]}
    second = {"clients": [{**ALICE, "readerGroups": [two]}, SMOKE]}

    added = markdown(reviewed(deployed_dev, config=first))
    deployed(deployed_dev, config=first)
    swapped = markdown(reviewed(deployed_dev, config=second))

    assert f"| `{one}` | **gains** | `alice` |" in added
    assert f"| `{two}` | **gains** | `alice` |\n| `{one}` | loses | `alice` |" in swapped
    assert "nobody loses access" in swapped
    assert "key vault" not in markdown(reviewed(deployed_dev, config=first))


def test_nothing_changed(deployed_dev: Path) -> None:
    review = reviewed(deployed_dev)

    assert summary(review) == "No findings: nothing changes."
    assert "23 resources unchanged." in markdown(review)


def test_a_first_deployment(tmp_path: Path) -> None:
    review = reviewed(tmp_path)

    assert review.findings == []
    assert "the endpoint is created; `alice` and `ci-smoke-test` gain access" in summary(review)


@pytest.mark.parametrize(
    ("config", "findings", "said"),
    [
        pytest.param(
            {"clients": [ALICE, SMOKE, {"name": "carol"}]},
            [],
            "the containers restart in place; `carol` gains access, nobody loses access",
            id="a client added",
        ),
        pytest.param(
            {"clients": [ALICE]},
            ["`ci-smoke-test` loses access for good"],
            "the containers restart in place; `ci-smoke-test` loses access",
            id="a client removed",
        ),
        pytest.param(
            {"clients": [{**ALICE, "generations": [1, 2]}, SMOKE]},
            [],
            "the containers restart in place; nobody loses access",
            id="a generation added",
        ),
        pytest.param(
            {"clients": [{**ALICE, "generations": [2]}, SMOKE]},
            ["`alice` loses access until it uses the bundle of this deployment"],
            "the containers restart in place; `alice` loses access",
            id="a generation swapped in one go",
        ),
        pytest.param(
            {"resources": {"model": {"cpu": 2, "memoryInGB": 1.5}}},
            ["`endpoint-group` is replaced"],
            "the container group is replaced (new IP address, downtime); nobody loses access",
            id="CPU changed",
        ),
        pytest.param(
            {"tls": "none"},
            ["Anybody may call", "Every client has to be given", "`endpoint-group` is replaced"],
            "anybody may call",
            id="TLS taken away",
        ),
        pytest.param(
            {"registrySku": "Standard"},
            [],
            "nobody loses access; cost +15.21 USD a month",
            id="a larger registry",
        ),
        pytest.param(
            with_certificates(ca={"trusted": [1, 2], "issuing": 1}),
            [],
            "the containers restart in place; nobody loses access",
            id="another CA trusted",
        ),
        pytest.param(
            with_certificates(expiry={"warnDays": 400}),
            [
                "The certificate of ca `demo CA` ends in 364 days",
                "The certificate of server `demo` ends in 89 days",
                "The certificate of client `alice` ends in 89 days",
                "The certificate of client `ci-smoke-test` ends in 89 days",
            ],
            "",
            id="certificates within the gate",
        ),
    ],
)
def test_a_change(
    deployed_dev: Path, config: dict[str, Any], findings: list[str], said: str
) -> None:
    review = reviewed(deployed_dev, config=config)

    assert len(review.findings) == len(findings), review.findings
    assert all(a.startswith(b) for a, b in zip(review.findings, findings, strict=True))
    assert said in summary(review)


PREDICT, READ = "/v1/models/demo:predict", "/v1/models/demo"
FREE = {"clients": [ALICE, SMOKE]}


@pytest.mark.parametrize(
    ("before", "after", "findings", "said"),
    [
        pytest.param(
            {**ALICE, "paths": [PREDICT, READ]},
            {**ALICE, "paths": [PREDICT]},
            [f"`alice` may no longer ask for `{READ}`."],
            "`alice` may ask for less",
            id="paths narrowed",
        ),
        pytest.param(
            ALICE,
            {**ALICE, "paths": [PREDICT]},
            [f"`alice` may no longer ask for anything but `{PREDICT}`."],
            "`alice` may ask for less",
            id="paths added",
        ),
        pytest.param(
            ALICE,
            {**ALICE, "requestsPerSecond": 5, "maxConnections": 2},
            [
                "`alice` is limited to 5 requests a second (not limited so far), is limited to 5 "
                "requests in a burst (not limited so far) and is limited to 2 connections at once "
                "(not limited so far)."
            ],
            "`alice` may ask for less",
            id="a limit added",
        ),
        pytest.param(
            {**ALICE, "requestsPerSecond": 5, "burst": 20, "maxConnections": 4},
            {**ALICE, "requestsPerSecond": "9", "burst": "10", "maxConnections": "4"},
            ["`alice` is limited to 10 requests in a burst (20 so far)."],
            "`alice` may ask for less",
            id="a burst lowered where the rate is raised, in numbers that are text",
        ),
        pytest.param(
            {**ALICE, "requestsPerSecond": 5, "paths": [PREDICT]},
            ALICE,
            [],
            "nobody loses access",
            id="limits lifted",
        ),
        pytest.param(
            {**ALICE, "requestsPerSecond": 5, "paths": [PREDICT]},
            {**ALICE, "requestsPerSecond": 5, "paths": [PREDICT], "generations": [1, 2]},
            [],
            "nobody loses access",
            id="limits that stay",
        ),
    ],
)
def test_a_change_of_what_a_client_may_ask_for(
    deployed_dev: Path,
    before: dict[str, Any],
    after: dict[str, Any],
    findings: list[str],
    said: str,
) -> None:
    if before != ALICE:
        deployed(deployed_dev, config={"clients": [before, SMOKE]})
    review = reviewed(deployed_dev, config={"clients": [after, SMOKE]})

    assert review.findings == findings
    assert said in summary(review)
    assert "As before: `ci-smoke-test`." in markdown(review)
    assert ("nobody loses access" in summary(review)) == (not findings)


def test_what_a_client_gets_is_shown_and_is_no_finding(deployed_dev: Path) -> None:
    limited = {**ALICE, "requestsPerSecond": 5, "paths": [PREDICT]}
    deployed(deployed_dev, config={"clients": [limited, SMOKE]})
    wider = markdown(reviewed(deployed_dev, config=FREE))

    assert "may ask for every path; is no longer limited in requests a second (5 so far)" in wider


def test_smaller_requests_are_a_finding(deployed_dev: Path) -> None:
    review = reviewed(deployed_dev, config={"maxRequestBodyInMB": 4})

    assert "Requests of more than 4 MB are refused (8 MB so far)." in review.findings
    assert "large requests are refused" in summary(review)
    wider = reviewed(deployed_dev, config={"maxRequestBodyInMB": 9})
    assert wider.findings == []
    assert "nobody loses access" in summary(wider)


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        pytest.param(
            {},
            {
                "modelName": "other",
                "endpointPort": 8443,
                "dnsLabel": "demo-two",
                "azure-native:location": "northeurope",
            },
            "https://demo-dev-",
            ".northeurope.azurecontainer.io:8443/v1/models/other:predict",
            id="label, region, port and model",
        ),
        pytest.param(
            {"serverNames": ["a.example.com"]},
            {"serverNames": ["b.example.com"]},
            "https://a.example.com/v1/",
            "https://b.example.com/v1/",
            id="the first serverName",
        ),
        pytest.param({}, {"tls": "none"}, "https://", ":8501/v1/", id="tls"),
        pytest.param({"tls": "none"}, {}, ":8501/v1/", "https://", id="tls for the first time"),
    ],
)
def test_a_change_of_the_address_is_a_finding_and_comes_true(
    deployed_dev: Path, before: dict[str, Any], after: dict[str, Any], old: str, new: str
) -> None:
    def address() -> str:
        with recorded(deployed_dev) as local:
            return str(values(local.stack.outputs())["endpoint"]["predictUrl"])

    if before:
        deployed(deployed_dev, config=before)
    is_now = address()
    review = reviewed(deployed_dev, config=after)
    deployed(deployed_dev, config=after)
    then = address()

    finding = f"Every client has to be given the new address: `{is_now}` becomes `{then}`."
    assert finding in review.findings
    assert finding in markdown(review).partition("### Who may call")[2]
    assert old in is_now
    assert new in then
    assert "every client needs the new address" in summary(review)
    assert "nobody loses access" not in summary(review)


def test_a_path_with_the_models_new_name_is_the_same_right(deployed_dev: Path) -> None:
    mine = {"clients": [{**ALICE, "paths": [PREDICT]}, SMOKE]}
    renamed = {"clients": [{**ALICE, "paths": ["/v1/models/other:predict"]}, SMOKE]}
    deployed(deployed_dev, config=mine)
    review = reviewed(deployed_dev, config={**renamed, "modelName": "other"})

    assert not [finding for finding in review.findings if "`alice`" in finding]


def test_another_name_for_the_endpoint_breaks_nothing(deployed_dev: Path) -> None:
    one, two = {"serverNames": ["a.example.com"]}, {"serverNames": ["a.example.com", "b.example"]}
    first = reviewed(deployed_dev, config=one)
    deployed(deployed_dev, config=one)
    second = reviewed(deployed_dev, config=two)
    deployed(deployed_dev, config=two)
    swapped = reviewed(deployed_dev, config={"serverNames": ["b.example", "a.example.com"]})
    back = reviewed(deployed_dev, config=one)

    for review in (first, second, swapped):
        assert review.findings == []
        assert "nobody loses access" in summary(review)
    assert "The address in the outputs becomes `https://a.example.com/v1/" in markdown(first)
    assert "`b.example` leads to the endpoint, too." in markdown(second)
    assert back.findings == [
        "`b.example` no longer leads to the endpoint: clients that call it by that name cannot "
        "any more."
    ]
    assert "`b.example` no longer leads there" in summary(back)


def test_the_platforms_new_name_is_told_to_who_points_to_it(deployed_dev: Path) -> None:
    """A name of one's own is still served, but has to point to another one of Azure's."""
    own = {"serverNames": ["a.example.com"]}
    deployed(deployed_dev, config=own)
    review = reviewed(deployed_dev, config={**own, "dnsLabel": "demo-two"})

    (finding,) = (f for f in review.findings if "no longer leads to the endpoint" in f)
    assert "`demo-dev-" in finding
    assert finding.endswith("A DNS record that points to it has to be changed.")
    assert "nobody loses access" not in summary(review)


def test_what_is_said_of_access_comes_true(deployed_dev: Path) -> None:
    config = {"clients": [{**ALICE, "generations": [1, 2]}, {"name": "carol"}]}
    with recorded(deployed_dev, config=config) as local:
        clients = Review.of(preview(local), datetime.now(UTC)).access.clients
        kept = {record.serial for client in clients for record in client.kept}
        refused = {record.serial for client in clients for record in client.refused}
        issued = sum(len(client.issued) for client in clients)
        up(local)
        after = [r for r in values(local.stack.outputs())["certificates"] if r["role"] == "client"]

    accepted = {r["serialNumber"] for r in after if r["status"] != "revoked"}
    assert kept < accepted
    assert len(accepted - kept) == issued == 2
    assert refused == {r["serialNumber"] for r in after if r["status"] == "revoked"}


def test_rolling_the_ca(deployed_dev: Path) -> None:
    """Three steps, and nobody who follows is locked out; the first jump of all would do it."""
    trust = with_certificates(ca={"trusted": [1, 2], "issuing": 1})
    issue = with_certificates(ca={"trusted": [1, 2], "issuing": 2})
    stop = with_certificates(ca={"trusted": [2]})
    deployed(deployed_dev, config=trust)
    second = reviewed(deployed_dev, config=issue)
    deployed(deployed_dev, config=issue)
    third = reviewed(deployed_dev, config=stop)

    assert second.findings == third.findings == []
    assert "| client `alice` | 1 | renewed |" in markdown(second)
    assert "what it holds stays accepted" in markdown(second)
    assert "keeps access with what was handed out later" in markdown(third)
    assert "| ca `demo CA` | 1 | withdrawn |" in markdown(third)


def test_what_the_program_refuses_is_said_in_one_sentence(deployed_dev: Path) -> None:
    with pytest.raises(Refusal, match="ca@1 signed the certificates that clients hold") as refusal:
        reviewed(deployed_dev, config=with_certificates(ca={"trusted": [2]}))

    assert "\n" not in str(refusal.value)


def test_the_loss_of_what_is_protected_is_a_finding(deployed_dev: Path) -> None:
    """The engine stops at the first; what it said until then is reported."""

    def protect(_: str, __: dict[str, Any], options: pulumi.ResourceOptions) -> None:
        options.protect = True

    deployed(deployed_dev, run=changing(protect))
    review = reviewed(deployed_dev, run=lambda: None)

    assert review.findings[0].startswith("The engine refuses this, and says no more of the rest: ")
    assert '"endpoint-diagnostics" cannot be deleted' in review.findings[0]
    assert "known only in part" in summary(review)


def test_the_replacement_of_what_is_protected_is_a_finding(tmp_path: Path) -> None:
    deployed(tmp_path, stack="prod")
    moved = {"azure-native:location": "northeurope"}
    (said, *_) = reviewed(tmp_path, stack="prod", config=moved).findings
    assert "says no more of the rest: unable to replace" in said


def test_no_secret_of_the_stack_is_in_the_review(deployed_dev: Path) -> None:
    with recorded(deployed_dev, config={"clients": [ALICE]}) as local:
        exported = json.dumps(values(local.stack.outputs())["clientCertificates"])
        said = markdown(Review.of(preview(local), datetime.now(UTC)))

    keys = [line for line in exported.split("\\n") if len(line) == 64 and " " not in line]
    assert len(keys) > 4
    assert not any(line in said for line in keys)
    assert "-----BEGIN" not in said


def test_a_stack_of_this_machine_is_reviewed_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("localcloud.home.Home.__init__.__defaults__", (tmp_path, None))

    assert main(["--stack", "prod", "--local"]) == 0
    assert "## Review of stack `prod`" in capsys.readouterr().out
    assert "`billing` and `web-shop` gain access" in summary(
        Review.of(from_local_cloud("prod", None), datetime.now(UTC))
    )
