"""Who is told what when the places are taken, and what becomes of places of dead workers."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from conformance.actors.attackers import holding
from conformance.actors.peers import Endpoint
from conformance.actors.witness import sidecar


@pytest.mark.parametrize(
    ("zone", "status", "error"),
    [
        ("client", 429, "too many requests or connections of this client"),
        ("all", 503, "the endpoint has as many requests under way as it can hold"),
    ],
)
def test_who_has_used_up_its_own_share_is_told_so_and_who_finds_no_place_is_told_that(
    endpoint: Endpoint, tmp_path: Path, zone: str, status: int, error: str
) -> None:
    def two_places(text: str) -> str:
        return re.sub(
            rf"limit_conn connections_of_{zone} \d+", f"limit_conn connections_of_{zone} 2", text
        )

    with sidecar(endpoint, tmp_path, two_places) as small, contextlib.ExitStack() as held:
        for _ in range(2):
            held.enter_context(holding(small, small.bob))
        time.sleep(0.2)
        refused = small.get(small.bob)
        other = small.get(small.alice)
        held.close()
        time.sleep(0.2)

        assert (refused.status, refused.error) == (status, error)
        assert refused.headers["retry-after"] == "1"
        assert "x-request-id" in refused.headers
        assert "strict-transport-security" in refused.headers
        assert other.status == (200 if zone == "client" else 503)
        assert small.get(small.bob).status == 200


def test_where_counts_of_dead_workers_fill_the_zone_the_probe_fails_and_a_new_start_helps(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """Each death with requests under way leaves an entry that nobody removes."""
    with sidecar(endpoint, tmp_path) as copy:
        (master,) = [
            p for p in psutil.process_iter() if p.ppid() == os.getpid() and _is_nginx(p, tmp_path)
        ]
        health = _health_port(tmp_path)
        assert _health(health) == 200
        deaths = 0
        while _health(health) == 200:
            assert deaths < 1000, "the zone never fills"
            with contextlib.suppress(OSError), holding(copy, copy.bob):
                time.sleep(0.03)
                for worker in master.children():
                    os.kill(worker.pid, signal.SIGKILL)
            deaths += 1
            _until_answers(health)

        assert deaths > 100, "the platform would start the container anew too often"
        assert copy.get(copy.alice).status in (429, 503)


def _is_nginx(process: psutil.Process, folder: Path) -> bool:
    return "nginx" in process.name() and str(folder) in " ".join(process.cmdline())


def _health_port(folder: Path) -> int:
    text = (folder / "volume/nginx.conf").read_text()
    return int(re.findall(r"listen (\d+) default_server", text)[0])


def _health(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        return answer.code


def _until_answers(port: int) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            _health(port)
            return
        time.sleep(0.01)
