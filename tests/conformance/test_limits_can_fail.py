"""Cases that need limits differ when a container needs more, or stands less, than it should."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import conformance.cases  # noqa: F401  adds the cases
from common.command import DONE, REFUSED
from conformance import control_groups
from conformance.__main__ import main
from conformance.actors.liveness import watching_liveness
from conformance.actors.peers import Endpoint
from conformance.actors.witness import Change
from conformance.case import CASES
from conformance.cases import memory
from conformance.local import Deployment, deployed
from conformance.run import run
from tests.conformance.worse import changed, instead, server_with

SPOOLING_OFF = instead(r"client_body_buffer_size \w+", "client_body_buffer_size 64m")
# On a busy machine the first strangers have gone before the last ones come.
PATIENT = instead("client_header_timeout 5s", "client_header_timeout 60s")
UNBOUNDED = instead(r"DATA_LIMIT_KB=\w+", "DATA_LIMIT_KB=99999999")
NGINX = "volumes/nginx-sidecar/nginx.conf"
FREELY = """
from model_server import memory
memory.COST = 1
"""
ONE_PROCESS = """
import os
from model_server.pool import Pool
Pool._forget = lambda *_: os._exit(1)
"""
LATE = "import time; time.sleep(1)"
LYING = """
from model_server.pool import Pool
async def ready(self): pass
Pool.ready = ready
"""


@pytest.mark.parametrize(
    ("id_", "container", "files", "seen"),
    [
        pytest.param(
            "MEMORY-01",
            "sidecar",
            {NGINX: SPOOLING_OFF, "sidecar.sh": UNBOUNDED},
            "sidecar 1",
            id="bodies are held in memory",
        ),
        pytest.param(
            "MEMORY-04",
            "sidecar",
            {NGINX: PATIENT, "sidecar.sh": UNBOUNDED},
            "sidecar 1",
            id="no limit for nginx",
        ),
        pytest.param(
            "MEMORY-05",
            "model",
            {"model.sh": lambda text: server_with(FREELY)(instead("CPUS=1", "CPUS=8")(text))},
            "for want of memory: model",
            id="bodies are taken whatever they cost",
        ),
        pytest.param(
            "FAULT-06",
            "model",
            {"model.sh": instead(r"echo \$\$ .*\n", "")},
            "nothing bounds the memory of: model",
            id="a container runs outside its limits",
        ),
        pytest.param(
            "FAULT-04",
            "sidecar",
            {NGINX: instead(r"\$pid", "1")},
            "then 429",
            id="what counts outlives the worker",
        ),
        pytest.param(
            "FAULT-06",
            "model",
            {"model.sh": server_with(ONE_PROCESS)},
            "a container ended",
            id="a crash takes the server along",
        ),
        pytest.param(
            "FAULT-07",
            "model",
            {"model.sh": server_with(LATE)},
            "does not end after SIGTERM at 0.05 s",
            id="SIGTERM is handled late",
        ),
        pytest.param(
            "FAULT-08",
            "model",
            {"model.sh": server_with(LYING)},
            "ready, 200",
            id="readiness tells nothing",
        ),
    ],
)
def test_what_is_worse_is_seen(
    limited: Endpoint, id_: str, container: str, files: dict[str, Change], seen: str
) -> None:
    with changed(limited, container, files):
        result = run(CASES[id_], limited)

    assert seen in result.observed.came_back
    assert result.differs


def test_the_largest_bodies_held_in_memory_are_seen(
    limited: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def worse(*given: Any, **named: Any) -> Iterator[Deployment]:
        with deployed(*given, **named) as deployment:
            endpoint = deployment.endpoint(deployment.folder)
            files: dict[str, Change] = {NGINX: SPOOLING_OFF, "sidecar.sh": UNBOUNDED}
            with changed(endpoint, "sidecar", files):
                yield deployment

    monkeypatch.setattr(memory, "deployed", worse)

    assert "sidecar 1" in run(CASES["MEMORY-02"], limited).observed.came_back


def test_what_the_platform_would_restart_is_seen(limited: Endpoint, tmp_path: Path) -> None:
    """Its liveness probe fails as often as it may, one time after another."""
    probes = json.loads((limited.group / "probes.json").read_text())
    probes["model"]["liveness"]["url"] = "http://127.0.0.1:1/health/live"
    (tmp_path / "probes.json").write_text(json.dumps(probes))
    (tmp_path / "logs").mkdir()
    with watching_liveness(replace(limited, model_log=tmp_path / "logs/model.log")) as live:
        time.sleep(2)

    assert live.words.startswith("not alive")
    assert live.threshold == 6


def test_less_memory_than_strangers_need_is_seen(limited: Endpoint) -> None:
    sidecar = limited.limits["sidecar"]
    patient: dict[str, Change] = {NGINX: PATIENT}
    with changed(limited, "sidecar", patient):
        sidecar.hold(48)
        try:
            result = run(CASES["MEMORY-03"], limited)
        finally:
            sidecar.hold(sidecar.limit_in_mb)

    assert "for want of memory" in result.observed.came_back


def test_a_process_that_was_killed_is_seen_though_everything_is_served(limited: Endpoint) -> None:
    group = limited.limits["sidecar"]
    greedy = f"import os; open({str(group.memory / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))"
    with memory.standing(limited) as stood:
        subprocess.run([sys.executable, "-c", f"{greedy}; bytearray(600 << 20)"], check=False)
        assert limited.predict(limited.alice).status == 200

    assert stood.words == "killed for want of memory: model 0, sidecar 1"


def test_without_control_groups_nothing_is_run_and_the_reason_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)

    assert main(["--only", "CERT-01,MEMORY-03,FAULT-06"]) == REFUSED
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "or leave MEMORY-03, FAULT-06 out: make conformance ARGS=--without-limits" in said.err


def test_what_needs_limits_is_never_passed_without_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)
    reports = {kind: tmp_path / f"report.{kind}" for kind in ("markdown", "junit")}
    files = [word for kind, file in reports.items() for word in (f"--{kind}", str(file))]

    assert main(["--only", "MEMORY-03", "--without-limits", *files]) == DONE
    assert "0 of 0 as expected; 1 not run" in reports["markdown"].read_text()
    assert "needs limits on the containers' memory" in reports["markdown"].read_text()
    assert 'skipped="1"' in reports["junit"].read_text()
