"""Property-based: whatever the OpenAPI document allows or forbids, the server does as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Not `positive_data_acceptance`: 3e38 is a float32, but twice that is not, which is a refusal.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
]


@pytest.mark.parametrize("which", ["server", "versions_server"])
def test_the_server_keeps_to_its_openapi_document(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Schemathesis as its own program: allowed and forbidden requests, the same in every run."""
    server = request.getfixturevalue(which)
    schemathesis = Path(sys.executable).with_name("schemathesis")
    run = subprocess.run(
        [
            *(schemathesis, "--no-color", "run", f"{server.url}/openapi.json"),
            *("--checks", ",".join(CHECKS)),
            *("--phases", "coverage,fuzzing", "--mode", "all"),
            *("--max-examples", "25", "--generation-deterministic", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
