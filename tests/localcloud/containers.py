"""Small real containers: shell scripts that supervisord runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from localcloud.processes import Container, Probe

FOREVER = "while :; do sleep 0.1; done"


def container(folder: Path, script: str, *, name: str = "app", **more: Any) -> Container:
    """A container whose working directory is the group's folder.

    Not to be started again unless said otherwise: supervisord watches one that is for a second
    before it calls it running.
    """
    given: dict[str, Any] = {
        "name": name,
        "command": ["sh", "-c", script],
        "environment": {},
        "search_path": [],
        "scratch": folder / "containers" / name,
        "restart_policy": "Never",
    }
    return Container(**{**given, **more})


def asking(script: str = "true", *, url: str | None = None, **more: int) -> Probe:
    """A probe that is put every half a second, the most often there is."""
    numbers = {
        "initial_delay_seconds": 0,
        "period_seconds": 0,
        "timeout_seconds": 1,
        "failure_threshold": 1,
    }
    command = [] if url else ["sh", "-c", script]
    return Probe(url=url, command=command, **{**numbers, **more})


def running_in(folder: Path) -> list[psutil.Process]:
    """What runs in a folder or below it."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) and process.status() != "zombie":
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def eventually(is_so: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0
