"""The Open Inference Protocol through the door, as its own clients speak it."""

from __future__ import annotations

from conformance.actors.peers import Endpoint
from tests.open_inference_clients import tried_by_all


def test_clients_that_nobody_here_wrote_get_in_with_a_certificate(endpoint: Endpoint) -> None:
    tried_by_all(f"https://{endpoint.host}", str(endpoint.alice.file), str(endpoint.ca_file))
