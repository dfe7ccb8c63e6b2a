"""Cases of the groups AVAIL and FAULT differ when the sidecar is told something worse.

The quick ones; what takes a minute to see was tried by hand.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import conformance.cases.availability
import conformance.cases.faults_of_the_model  # noqa: F401  both add their cases
from conformance.actors.peers import Endpoint
from conformance.actors.witness import sidecar
from conformance.case import CASES
from conformance.run import run


@pytest.mark.parametrize(
    ("id_", "old", "new"),
    [
        pytest.param("AVAIL-01", "connections 8192", "connections 256", id="few connections"),
        pytest.param("AVAIL-07", r"of_client \d+;", "of_client 5000;", id="a share without end"),
        pytest.param(
            "AVAIL-08", r"\$client_name\" zone", '$server_name" zone', id="a share for all"
        ),
        pytest.param("AVAIL-09", "body_size 8m", "body_size 64m", id="bodies of any size"),
        pytest.param("AVAIL-10", "connections 8192", "connections 24", id="hardly a connection"),
    ],
)
def test_an_attack_that_succeeds_is_seen(
    endpoint: Endpoint, tmp_path: Path, id_: str, old: str, new: str
) -> None:
    with sidecar(endpoint, tmp_path, lambda text: re.sub(old, new, text)) as copy:
        assert run(CASES[id_], copy).differs


@pytest.mark.parametrize(
    ("id_", "old", "new"),
    [
        pytest.param("FAULT-11", " 503 504 505 /_error", " /_error", id="errors of nginx's own"),
        pytest.param(
            "FAULT-16",
            "(proxy_connect_timeout)",
            r"proxy_next_upstream error timeout non_idempotent; \1",
            id="predictions are asked for twice",
        ),
        pytest.param(
            "FAULT-17",
            "(proxy_connect_timeout)",
            r"proxy_next_upstream off; \1",
            id="nothing is asked for twice",
        ),
    ],
)
def test_a_fault_that_is_handled_worse_is_seen(
    endpoint: Endpoint, tmp_path: Path, id_: str, old: str, new: str
) -> None:
    shutil.copytree(endpoint.group / "volumes", tmp_path / "volumes")
    configuration = tmp_path / "volumes/nginx-sidecar/nginx.conf"
    text = configuration.read_text()
    configuration.write_text(re.sub(old, new, text))
    assert configuration.read_text() != text
    # Its group is looked for around its log.
    other = replace(endpoint, model_log=tmp_path / "logs/model.log")

    assert run(CASES[id_], other).differs
