"""docs/pipelines.md: its commands give each identity what the text says, and no more."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from common.names import PROJECT

BLOCKS = re.findall(r"(?ms)^```bash\n(.*?)^```$", (PROJECT / "docs" / "pipelines.md").read_text())


def assigned(environment: str, folder: Path) -> set[tuple[str, str]]:
    """The roles and scopes that `az` is asked for when an environment's identity is made."""
    (block,) = [block for block in BLOCKS if "az identity create" in block]
    script = re.sub(r"(?m)^environment=.*$", f"environment={environment}", block)
    assert script != block or environment == "prod"
    az = folder / "az"
    az.write_text(f"#!/bin/sh\nprintf '%s|' \"$@\" >> {folder}/said; echo >> {folder}/said\n")
    az.chmod(0o755)
    gh = folder / "gh"
    gh.write_text("#!/bin/sh\necho repo:o@1/r@2\n")
    gh.chmod(0o755)
    given = {"container": "CONTAINER", "vault_id": "VAULT", "location": "x", "repository": "o/r"}
    path = f"{folder}:{os.environ['PATH']}"
    bash = ["/bin/bash", "-eu", "-c", script]
    subprocess.run(bash, check=True, env={**given, "PATH": path})
    words = [line.split("|") for line in (folder / "said").read_text().splitlines()]
    subjects = [said[said.index("--subject") + 1] for said in words if "--subject" in said]
    assert subjects == [f"repo:o@1/r@2:environment:{environment}"]
    return {
        (said[said.index("--role") + 1], said[said.index("--scope") + 1])
        for said in words
        if said[:3] == ["role", "assignment", "create"]
    }


def test_what_runs_before_the_approval_cannot_write_the_state(tmp_path: Path) -> None:
    assert assigned("prod-plan", tmp_path) == {
        ("Storage Blob Data Reader", "CONTAINER"),
        ("Key Vault Crypto User", "VAULT/keys/pulumi"),
    }


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_what_deploys_writes_its_state(environment: str, tmp_path: Path) -> None:
    assert ("Storage Blob Data Contributor", "CONTAINER") in assigned(environment, tmp_path)
