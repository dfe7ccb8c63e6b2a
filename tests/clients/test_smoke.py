"""The call after a deployment: against the real endpoint, and against one that does not answer."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from clients import contract, smoke
from clients.bundle import Bundle
from common.refusal import Refusal
from tests.clients.made import MadeStack, remember_key, run_clients
from tests.conftest import Deployment


def test_a_client_of_the_stack_is_let_in_and_its_key_is_gone_afterwards(
    deployment: Deployment, tmp_path: Path
) -> None:
    outputs, temporary = tmp_path / "outputs.json", tmp_path / "tmp"
    outputs.write_text(json.dumps(deployment.outputs))
    temporary.mkdir()
    for entry in deployment.outputs["clientCertificates"].values():
        remember_key(entry["privateKeyPem"])

    given = ("smoke", "--outputs", outputs, "--client", "alice")
    ran = run_clients(*given, env={"TMPDIR": str(temporary)})

    assert (ran.code, ran.err) == (0, "")
    assert "let alice in; the model has version" in ran.out
    assert os.listdir(temporary) == []


def test_an_endpoint_that_does_not_answer_is_tried_again_and_then_said(
    stack: MadeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = os.listdir(tmp_path)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"https://localhost:{nobody.getsockname()[1]}"
        told = {"url": url, "predictUrl": f"{url}/v1/models/demo:predict"}
        public = {**stack.outputs["endpoint"], **told}
        issued = contract.client_certificate(stack.outputs, "alice").of_generation(None, "alice")
        made = Bundle.checked("alice", public, issued)

        with pytest.raises(Refusal, match=url):
            smoke.call(made, attempts=2)

    assert os.listdir(tmp_path) == before
