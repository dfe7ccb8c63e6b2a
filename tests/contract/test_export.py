"""The program itself refuses to export what breaks the contract."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit import plugins
from tests.unit.program import config_of, run_committed


def answering(
    monkeypatch: pytest.MonkeyPatch, type_: str, answer: dict[str, Any], only: str = ""
) -> None:
    """Have a plugin say something else about its resources, or about one of them."""
    usual = plugins.ANSWERS[type_]

    def changed(name: str, inputs: dict[str, Any]) -> plugins.Answer:
        id_, outputs = usual(name, inputs)
        return id_, {**outputs, **answer} if only in ("", name) else outputs

    monkeypatch.setitem(plugins.ANSWERS, type_, changed)


def refusal() -> str:
    """What the program says instead of exporting."""
    error = run_committed("dev", config_of("dev")).error
    assert error is not None, "it was exported"
    assert type(error).__name__ == "RunError"  # printed without a traceback
    return str(error)


def test_an_endpoint_that_breaks_its_promise_is_not_exported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, "Image", {"repoDigest": "demo.azurecr.io/model:latest"})

    assert refusal().startswith(
        "the output endpoint is not what version 1 of the contract promises: "
        "endpoint.modelImage: its value does not match"
    )


def test_a_clients_entry_that_breaks_its_promise_is_not_exported_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(
        monkeypatch, "PrivateKey", {"privateKeyPem": "hush"}, only="client-ci-smoke-test@1-key"
    )

    told = refusal()

    assert told.startswith(
        "the output clientCertificates is not what version 1 of the contract promises: "
        "clientCertificates.ci-smoke-test.privateKeyPem: its value does not match"
    )
    assert "hush" not in told


def test_what_keeps_its_promise_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "PrivateKey", {"something": "more"})

    assert run_committed("dev", config_of("dev")).error is None
