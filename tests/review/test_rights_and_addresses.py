"""Reviews of changes after which clients are let in, and may do less, or find nobody there.

The stack `dev`, under the real engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcloud.stack import plain as values
from review.report import markdown, summary
from tests.engine.engine import recorded
from tests.review.test_real_changes import ALICE, SMOKE, deployed, reviewed

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
            {**ALICE, "requestsPerSecond": 5, "maxConnections": 1},
            [
                "`alice` is limited to 5 requests a second (not limited so far), is limited to 5 "
                "requests in a burst (not limited so far) and is limited to 1 connection at once "
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
    paths = [PREDICT, "/v2/models/demo/infer", "/v2/health/ready"]
    mine = {"clients": [{**ALICE, "paths": paths}, SMOKE]}
    others = [path.replace("demo", "other") for path in paths]
    renamed = {"clients": [{**ALICE, "paths": others}, SMOKE]}
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


def test_a_label_that_becomes_nobody_elses_is_another_name_of_a_new_group(
    deployed_dev: Path,
) -> None:
    own = {"serverNames": ["a.example.com"]}
    deployed(deployed_dev, config=own)
    safe = {**own, "dnsLabelScope": "TenantReuse"}
    review = reviewed(deployed_dev, config=safe)
    deployed(deployed_dev, config=safe)
    again = reviewed(deployed_dev, config=safe)
    moved = reviewed(deployed_dev, config={**safe, "dnsLabel": "demo-two"})

    for changed in (review, moved):
        (finding,) = (f for f in changed.findings if "no longer leads to the endpoint" in f)
        assert "`demo-dev-" in finding
        assert finding.endswith("A DNS record that points to it has to be changed.")
    assert "`endpoint-group`" in markdown(review).partition("eplace")[2]
    assert again.findings == []
    assert "every client needs the new address" not in summary(review)
