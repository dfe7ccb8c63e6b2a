"""Cases of the group LIFE differ when good clients are refused, or refuse the endpoint."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from conformance.actors.good_clients import Asked, asking
from conformance.actors.peers import Authority, Endpoint
from conformance.cases.lifecycle import PROMISED, Story
from conformance.local import Deployment


def told(deployment: Deployment, folder: Path, *loads: Asked) -> str:
    story = Story(deployment, folder)
    story.loads += loads
    return story.told().came_back


def test_what_is_lost_in_a_restart_is_as_promised(deployment: Deployment, tmp_path: Path) -> None:
    assert told(deployment, tmp_path, Asked([200, 0, 502, 200]), Asked([200])) == PROMISED


def test_a_good_client_that_is_refused_is_seen(deployment: Deployment, tmp_path: Path) -> None:
    assert told(deployment, tmp_path, Asked([200, 403, 200])) != PROMISED


def test_an_endpoint_that_good_clients_do_not_believe_is_seen(
    deployment: Deployment, endpoint: Endpoint, tmp_path: Path
) -> None:
    """As after a change of the server's certificate that their CA bundle does not cover."""
    other = Authority.new(tmp_path, endpoint.authority.certificate.subject)
    bundle = tmp_path / "other.crt"
    bundle.write_bytes(other.certificate.public_bytes(Encoding.PEM))
    with asking(replace(endpoint, ca_file=bundle), endpoint.alice) as load:
        while not load.statuses:
            time.sleep(0.05)

    assert set(load.statuses) == {0}
    assert told(deployment, tmp_path, load) != PROMISED


def test_files_with_keys_are_their_owners_alone(deployment: Deployment, tmp_path: Path) -> None:
    deployment.endpoint(tmp_path)

    keys = [file for file in tmp_path.iterdir() if "PRIVATE KEY" in file.read_text()]
    assert len(keys) >= 2
    assert {file.stat().st_mode & 0o777 for file in keys} == {0o600}
