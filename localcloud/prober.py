"""Asks the containers of a group how they are, and restarts one whose liveness probe fails.

Runs under the same supervisord as the containers: `python -m localcloud.prober probes.json`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from localcloud.processes import Group, Probe

_OK = range(200, 400)


def succeeds(probe: Probe) -> bool:
    """Put the question once."""
    if probe.url is not None:
        try:
            with urllib.request.urlopen(probe.url, timeout=probe.timeout_seconds) as answer:  # noqa: S310
                return answer.status in _OK
        except urllib.error.HTTPError as answer:
            return answer.code in _OK  # one of the 3xx that is no redirection
        except (OSError, HTTPException):
            return False
    try:
        done = subprocess.run(
            probe.command, timeout=probe.timeout_seconds, capture_output=True, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main(path: Path) -> None:
    group = Group(path.resolve().parent)
    liveness = {
        name: Probe(**probes["liveness"])
        for name, probes in json.loads(path.read_text(encoding="utf-8")).items()
        if "liveness" in probes
    }
    started = time.monotonic()
    due = {name: started + probe.initial_delay_seconds for name, probe in liveness.items()}
    failures = dict.fromkeys(liveness, 0)
    while True:
        for name, probe in liveness.items():
            if time.monotonic() < due[name]:
                continue
            due[name] = time.monotonic() + probe.period_seconds
            failures[name] = 0 if succeeds(probe) else failures[name] + 1
            if failures[name] >= probe.failure_threshold:
                print(f"{name}: liveness probe failed {failures[name]} times: restarting it")
                sys.stdout.flush()
                group.restart(name)
                failures[name] = 0
                due[name] = time.monotonic() + probe.initial_delay_seconds
        time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
