"""The package as others install it."""

from __future__ import annotations

import subprocess
import tomllib
import zipfile
from pathlib import Path

from common.names import PROJECT

PACKAGE = PROJECT / "clients/python"


def test_the_wheel_has_the_code_its_types_and_what_it_needs(tmp_path: Path) -> None:
    build = ["uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(PACKAGE)]
    subprocess.run(build, check=True)

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        metadata = packed.read(next(n for n in names if n.endswith("/METADATA"))).decode()
    source = {f"mtls_model_client/{file.name}" for file in PACKAGE.glob("src/*/*.py")}
    assert names >= {*source, "mtls_model_client/py.typed"}
    needed = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["dependencies"]
    assert all(f"Requires-Dist: {requirement}" in metadata for requirement in needed)
    assert "License-Expression: MIT" in metadata
    assert any(name.endswith("/licenses/LICENSE") for name in names)
