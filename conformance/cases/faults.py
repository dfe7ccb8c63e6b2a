"""The group FAULT, on the deployment itself: its containers die while clients ask.

A container that dies takes all of its processes with it; so does what is killed here. What counts
as reaching the model is what reached it twice. Each case ends when all is well again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import psutil

from conformance.actors.attackers import holding
from conformance.actors.good_clients import Asked, asking
from conformance.actors.peers import Endpoint
from conformance.case import Observed, case

PATIENCE_SECONDS = 60


@case(
    "FAULT-01",
    "the model is killed while clients ask",
    "502, then 200 by itself",
    "502 and 503, then 200 by itself",
    needs=("stack", "logs"),
)
def model_killed(endpoint: Endpoint) -> Observed:
    return _disturbed(endpoint, _model, lambda pid: os.killpg(pid, signal.SIGKILL))


@case(
    "FAULT-02",
    "the sidecar is killed while clients ask",
    "no answer, then 200 by itself",
    needs=("stack", "logs"),
)
def sidecar_killed(endpoint: Endpoint) -> Observed:
    return _disturbed(endpoint, nginx, lambda pid: os.killpg(pid, signal.SIGKILL))


@case(
    "FAULT-03",
    "nginx's worker is killed while clients ask",
    "no answer, then 200 by itself",
    needs=("stack", "logs"),
)
def worker_killed(endpoint: Endpoint) -> Observed:
    return _disturbed(endpoint, _worker, lambda pid: os.kill(pid, signal.SIGKILL))


@case(
    "FAULT-04",
    "nginx's worker is killed while 25 slow bodies of a client are under way, three times",
    "429 for that client, then 200; then again; then again",
    reaches=None,
    needs=("stack", "logs", "limits"),
)
def worker_killed_with_bodies(endpoint: Endpoint) -> Observed:
    """What counts requests under way must not outlive the worker that had them."""
    words = [_killed_with_bodies(endpoint) for _ in range(3)]
    return Observed(words[0] + "".join("; then again" for w in words[1:] if w == words[0]))


def _killed_with_bodies(endpoint: Endpoint) -> str:
    before = _worker(endpoint)
    assert before, "nginx has no worker"
    with contextlib.ExitStack() as held:
        while (status := endpoint.get(endpoint.bob).status) == 200:
            held.enter_context(holding(endpoint, endpoint.bob))
        os.kill(before, signal.SIGKILL)
        _until(lambda: _runs_anew(endpoint, _worker, before), "nothing started it again")
        return f"{status} for that client, then {endpoint.get(endpoint.bob).status}"


@case(
    "FAULT-05",
    "both containers are killed while clients ask, as when the group is updated",
    "no answer, then 200 by itself",
    needs=("stack", "logs"),
)
def group_restarted(endpoint: Endpoint) -> Observed:
    """One gap, and not a second one of 502 while the model starts."""

    def both(model: int) -> None:
        sidecar = nginx(endpoint)
        assert sidecar, "it does not run"
        # Who answers clients goes first, or one of them sees the other's end.
        for container in (sidecar, model):
            os.killpg(container, signal.SIGKILL)

    return _disturbed(endpoint, _model, both)


def _disturbed(
    endpoint: Endpoint, process: Callable[[Endpoint], int | None], fault: Callable[[int], None]
) -> Observed:
    """What clients are answered from before the fault until the process runs anew and serves."""
    with endpoint.reaching_model() as arrived, asking(endpoint, endpoint.alice) as good:
        _until(lambda: len(good.statuses) > 4, "nobody is answered before the fault")
        before = process(endpoint)
        assert before, "it does not run"
        fault(before)
        broken = time.monotonic()
        _until(lambda: _runs_anew(endpoint, process, before), "nothing started it again")
        _until(lambda: _serves(endpoint), "it does not serve again")
        seconds = time.monotonic() - broken
        healthy_from = len(good.statuses)
        _until(lambda: len(good.statuses) > healthy_from + 4, "clients are not answered")
    twice = sum(n - 1 for n in Counter(e["request_id"] for e in arrived).values())
    return Observed(_in_words(good), twice, f"{good.figures}, served again after {seconds:.1f} s")


def _in_words(good: Asked) -> str:
    failed = sorted({status for status in good.statuses if status != 200})
    if not failed:
        return "served"
    if any(said.partition(" ")[2][:9] != '{"error":' for said in good.refusals if said[0] != "0"):
        return f"not all in JSON: {good.refusals}"
    words = [str(status) if status else "no answer" for status in failed]
    return f"{', '.join(words[:-1])}{' and ' * (len(words) > 1)}{words[-1]}, then 200 by itself"


def _serves(endpoint: Endpoint) -> bool:
    try:
        return endpoint.predict(endpoint.alice).status == 200
    except OSError:
        return False


def _runs_anew(
    endpoint: Endpoint, process: Callable[[Endpoint], int | None], before: int | None
) -> bool:
    return process(endpoint) not in (None, before)


def _until(is_so: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


def container(endpoint: Endpoint, name: str) -> int | None:
    """The first process of a container, which is what supervisord starts."""
    supervisor = psutil.Process(
        int((endpoint.group / "supervisord.pid").read_text(encoding="utf-8"))
    )
    for child in supervisor.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            words = " ".join(child.cmdline())
            sidecar = "nginx" in words or "sidecar.sh" in words
            if "prober" not in words and sidecar == (name == "sidecar"):
                return child.pid
    return None


def _model(endpoint: Endpoint) -> int | None:
    return container(endpoint, "model")


def nginx(endpoint: Endpoint) -> int | None:
    return container(endpoint, "sidecar")


def _worker(endpoint: Endpoint) -> int | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(nginx(endpoint)).children()
        return children[0].pid if children else None
    return None
