"""Reviews of real changes to the stack `dev`, under the real engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
import pytest

from common.refusal import Refusal
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


def test_what_a_preview_cannot_know_is_not_promised(deployed_dev: Path) -> None:
    said = markdown(reviewed(deployed_dev, config={"registrySku": "Standard"}))
    tagged = markdown(reviewed(deployed_dev, config={"tags": {"owner": "somebody else"}}))

    assert "What Azure answers for `registry-acr` is not known before the update: what" in said
    assert "| replaced | `registry-acr-pull` |" in tagged
    assert "answers for `registry-acr` and `registry-pull-identity` is not known" in tagged
    assert "is not known before the update" not in markdown(reviewed(deployed_dev))


def test_what_is_said_of_access_comes_true(deployed_dev: Path) -> None:
    config = {"clients": [{**ALICE, "generations": [1, 2]}, {"name": "carol"}]}
    with recorded(deployed_dev, config=config) as local:
        clients = Review.of(preview(local), datetime.now(UTC)).access.clients
        kept = {record.serial_number for client in clients for record in client.kept}
        refused = {record.serial_number for client in clients for record in client.refused}
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
