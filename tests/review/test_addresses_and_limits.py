"""Reviews of changes after which a client is let in, and cannot do what it could before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components import nginx_example, nginx_sidecar
from review.limits import Limits, parsed
from review.report import markdown, summary
from tests.review.test_real_changes import ALICE, SMOKE, deployed, reviewed

PREDICT, STATUS = "/v1/models/demo:predict", "/v1/models/demo"
LIMITED = {**ALICE, "paths": [PREDICT, STATUS], "requestsPerSecond": 10, "maxConnections": 4}
ADDRESS = "every client needs the new address"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"modelName": "other"}, "/v1/models/other:predict`"),
        ({"endpointPort": 8443}, ":8443/v1/models/demo:predict`"),
        ({"serverNames": ["model.example.com"]}, "`https://model.example.com/v1/models/demo:"),
        ({"dnsLabel": "another-name"}, "The endpoint gets another name"),
        ({"azure-native:location": "northeurope"}, "The endpoint gets another name"),
    ],
    ids=["model", "port", "server name", "label", "region"],
)
def test_another_address_is_what_clients_have_to_be_told(
    deployed_dev: Path, config: dict[str, Any], words: str
) -> None:
    review = reviewed(deployed_dev, config=config)

    assert any(words in finding for finding in review.findings), review.findings
    assert ADDRESS in summary(review)


def test_a_further_name_changes_no_address(deployed_dev: Path) -> None:
    first = {"serverNames": ["model.example.com"]}
    deployed(deployed_dev, config=first)

    for names in (["model.example.com"], ["model.example.com", "too.example.com"]):
        review = reviewed(deployed_dev, config={"serverNames": names})
        assert review.findings == []
        assert ADDRESS not in summary(review)


@pytest.mark.parametrize(
    ("before", "after", "words", "narrower"),
    [
        (ALICE, {**ALICE, "paths": [PREDICT]}, f"may ask for `{PREDICT}` only", True),
        (LIMITED, {**LIMITED, "paths": [PREDICT]}, f"may no longer ask for `{STATUS}`", True),
        (LIMITED, {**LIMITED, "paths": None}, "may ask for every path", False),
        (
            {**LIMITED, "paths": [PREDICT]},
            LIMITED,
            f"may ask for `{STATUS}`, too",
            False,
        ),
        (
            ALICE,
            {**ALICE, "requestsPerSecond": 5},
            "at most 5 requests a second (before: no limit)",
            True,
        ),
        (
            LIMITED,
            {**LIMITED, "maxConnections": 2},
            "at most 2 connections (before: 4)",
            True,
        ),
        (LIMITED, {**LIMITED, "burst": 20}, "at most 20 requests at once (before: 10)", False),
        (
            LIMITED,
            {**LIMITED, "maxConnections": None},
            "no limit on connections (before: 4)",
            False,
        ),
    ],
)
def test_what_a_client_may_do_is_compared(
    deployed_dev: Path, before: dict[str, Any], after: dict[str, Any], words: str, narrower: bool
) -> None:
    deployed(deployed_dev, config={"clients": [before, SMOKE]})
    written = {key: value for key, value in after.items() if value is not None}

    review = reviewed(deployed_dev, config={"clients": [written, SMOKE]})

    assert f"`alice` | {'**less**' if narrower else 'more'} | {words} |" in markdown(review)
    assert any(f"`alice`: {words}." in finding for finding in review.findings) == narrower


def test_nothing_is_said_of_limits_that_stay(deployed_dev: Path) -> None:
    deployed(deployed_dev, config={"clients": [LIMITED, SMOKE]})

    review = reviewed(deployed_dev, config={"clients": [LIMITED, {"name": "carol"}]})

    assert "What a client may do" not in markdown(review)


def test_limits_are_read_as_the_sidecar_writes_them() -> None:
    assert parsed(nginx_sidecar.render(nginx_example.VARIABLES)) == {
        "everything": Limits(),
        "limited": Limits(
            paths=frozenset(["/v1/models/example:predict"]),
            requests_per_second=10,
            burst=20,
            max_connections=4,
        ),
    }
