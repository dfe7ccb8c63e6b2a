"""Where the user has the real tls and random plugins, the engine is given those."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from common.names import PROJECT
from tests.engine.engine import recorded, up

# Prints its port as a plugin does, and leaves a mark that it was asked.
PLUGIN = """\
#!{python}
import pathlib, sys, threading
sys.path.insert(0, {project!r})
from localcloud.plugins.base import serve
from localcloud.plugins.{module} import {plugin}

class Installed({plugin}):
    def create(self, urn, inputs):
        pathlib.Path({mark!r}).touch()
        return super().create(urn, inputs)

server, port = serve(Installed())
print(port, flush=True)
server.wait_for_termination()
"""


def install(pulumi_home: Path, module: str, plugin: str, its_version: str) -> Path:
    mark = pulumi_home / f"{module}-was-used"
    folder = pulumi_home / "plugins" / f"resource-{module}-v{its_version}"
    folder.mkdir(parents=True)
    executable = folder / f"pulumi-resource-{module}"
    executable.write_text(
        PLUGIN.format(
            python=sys.executable,
            project=str(PROJECT),
            module=module,
            plugin=plugin,
            mark=str(mark),
        )
    )
    executable.chmod(0o755)
    return mark


def test_installed_plugins_of_the_sdks_version_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi_home = tmp_path / "users-pulumi-home"
    tls = install(pulumi_home, "tls", "Tls", version("pulumi-tls"))
    random = install(pulumi_home, "random", "Random", version("pulumi-random"))
    monkeypatch.setenv("PULUMI_HOME", str(pulumi_home))

    with recorded(tmp_path / "home") as local:
        assert set(up(local).operations.values()) == {"create"}
        assert up(local).operations == {}

    assert tls.exists()
    assert random.exists()


def test_a_plugin_of_another_version_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi_home = tmp_path / "users-pulumi-home"
    tls = install(pulumi_home, "tls", "Tls", "1.0.0")
    monkeypatch.setenv("PULUMI_HOME", str(pulumi_home))

    with recorded(tmp_path / "home") as local:
        assert set(up(local).operations.values()) == {"create"}

    assert not tls.exists()
