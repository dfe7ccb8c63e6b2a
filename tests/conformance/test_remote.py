"""An endpoint elsewhere is judged with nothing but one client's bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.bundle import write_bundle
from common.command import DONE, REFUSED
from conformance.__main__ import main
from conformance.local import Deployment


@pytest.fixture
def bundle(deployment: Deployment, tmp_path: Path) -> Path:
    outputs = deployment.outputs
    alice = outputs["clientCertificates"]["alice"]
    write_bundle(tmp_path / "alice", "alice", outputs["endpoint"], alice)
    return tmp_path / "alice"


def against(url: str, bundle: Path, only: str) -> int:
    reports = bundle.parent
    return main(
        [
            *("--endpoint", url, "--bundle", str(bundle), "--only", only),
            *("--markdown", str(reports / "report.md"), "--junit", str(reports / "junit.xml")),
        ]
    )


def test_what_needs_no_more_than_a_bundle_is_as_expected(
    deployment: Deployment, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = deployment.outputs["endpoint"]["url"]

    code = against(url, bundle, "CERT,RESUME,TLS,NAME,HTTP,LIMIT")

    assert code == DONE, capsys.readouterr().out
    report = (bundle.parent / "report.md").read_text()
    assert "- CERT-17: needs the CA's key" in report
    assert "<skipped" in (bundle.parent / "junit.xml").read_text()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://localhost:1", "is no https URL"),
        ("https://localhost:1", "cannot be reached"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(
    bundle: Path, url: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert against(url, bundle, "CERT") == REFUSED
    assert words in capsys.readouterr().err


def test_an_incomplete_bundle_is_one_sentence(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / "client.key").unlink()

    assert against("https://localhost:1", bundle, "CERT") == REFUSED
    assert "is without client.key" in capsys.readouterr().err
