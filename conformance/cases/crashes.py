"""The group FAULT, inside the model's container: what ends there, and when it has to.

The deployment's version 1 divides whole numbers, which the processor refuses for one pair of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psutil

from conformance.actors.good_clients import asking
from conformance.actors.liveness import probe_of
from conformance.actors.peers import Answer, Endpoint, Identity
from conformance.actors.ports import unused_ports
from conformance.case import Observed, case
from conformance.cases.faults import PATIENCE_SECONDS, container
from conformance.cases.memory import standing

CRASHING, HARMLESS = (-(2**63), -1), (6, 3)
GRACE_SECONDS = 10
"""Between SIGTERM and SIGKILL, in Docker and in the local cloud."""
MOMENTS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
"""Seconds from the start of the container's own command."""


@case(
    "FAULT-06",
    "20 requests crash inside the model's graph (SIGFPE) among 100 others to the same graph",
    "500 that says so for each; 200 for the others; served; the containers stand",
    reaches=None,
    needs=("stack", "limits"),
)
def crash_in_the_graph(endpoint: Endpoint) -> Observed:
    bob, dave, _ = endpoint.greedy
    with (
        standing(endpoint) as stood,
        asking(endpoint, endpoint.alice) as good,
        ThreadPoolExecutor(2) as one,
        ThreadPoolExecutor(4) as another,
    ):
        crashing = [one.submit(_divide, endpoint, bob, *CRASHING) for _ in range(20)]
        others = [another.submit(_divide, endpoint, dave, *HARMLESS) for _ in range(100)]
        crashed = {_crashed(answer.result()) for answer in crashing}
        answered = {answer.result().status for answer in others}
    statuses = ("/".join(map(str, sorted(found))) for found in (crashed, answered))
    words = "{} for each; {} for the others".format(*statuses)
    return Observed(f"{words}; {good.served}; {stood.words}", note=good.figures)


def _divide(endpoint: Endpoint, client: Identity, a: int, b: int) -> Answer:
    body = json.dumps({"inputs": {"a": [a], "b": [b]}}).encode()
    path = "/v1/models/demo/versions/1:predict"
    return endpoint.send(client, endpoint.request("POST", path, body))


def _crashed(answer: Answer) -> str:
    says_so = answer.status == 500 and "SIGFPE" in answer.error
    return f"{answer.status}{' that says so' * says_so}"


@case(
    "FAULT-07",
    "SIGTERM in the first 0.8 s of the model's container, to its first process",
    "it ends by itself each time",
    reaches=None,
    needs=("stack", "limits"),
)
def stopped_at_its_start(endpoint: Endpoint) -> Observed:
    """In a process namespace of its own, where a signal that is not handled is lost."""
    slowest = 0.0
    for moment in MOMENTS:
        code, seconds = _stopped(endpoint, moment)
        slowest = max(slowest, seconds)
        if code != 0:
            end = "does not end" if code is None else f"ends with {code}"
            return Observed(f"it {end} after SIGTERM at {moment} s")
    return Observed("it ends by itself each time", note=f"after {slowest:.2f} s at most")


def _stopped(endpoint: Endpoint, moment: float) -> tuple[int | None, float]:
    """The exit code, None where it had to be killed, and the seconds from SIGTERM on."""
    alone = "unshare --pid --fork --kill-child --mount-proc"
    if os.geteuid() != 0:
        alone += " --map-root-user"
    before, _, command = (
        (endpoint.group / "model.sh").read_text(encoding="utf-8").rpartition("\nexec ")
    )
    (port,) = unused_ports(1)
    script = f"{before}\nexport PORT={port}\nexec {alone} {command}"
    shell = ["sh", "-c", script]
    with subprocess.Popen(shell, stderr=subprocess.DEVNULL) as started:
        try:
            outside = psutil.Process(started.pid)
            while not (inside := outside.children()) or inside[0].exe() == outside.exe():
                assert started.poll() is None, f"it cannot be started: {alone}"
                time.sleep(0.001)
            time.sleep(moment)
            inside[0].terminate()
            told = time.monotonic()
            return started.wait(GRACE_SECONDS), time.monotonic() - told
        except subprocess.TimeoutExpired:
            return None, GRACE_SECONDS
        finally:
            started.kill()


@case(
    "FAULT-08",
    "the process that holds the model ends whenever it is started, for two seconds",
    "not ready, for that reason; then 200 by itself; the containers stand",
    reaches=None,
    needs=("stack", "limits"),
)
def crash_loop(endpoint: Endpoint) -> Observed:
    url = probe_of(endpoint, "model", "readiness").url
    assert url, "the readiness probe has no URL"
    with standing(endpoint) as stood:
        server = psutil.Process(container(endpoint, "model"))
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for loader in server.children():
                loader.kill()
            time.sleep(0.02)
            status, said = _asked(url)
        reason = "for that reason" if "ended with SIGKILL" in said else said
        words = f"not ready, {reason}" if status == 503 else f"ready, {status}"
        until = time.monotonic() + PATIENCE_SECONDS
        while (last := endpoint.predict(endpoint.alice).status) != 200:
            assert time.monotonic() < until, f"still {last}"
            time.sleep(0.1)
    return Observed(f"{words}; then {last} by itself; {stood.words}")


def _asked(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  the container's own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()
