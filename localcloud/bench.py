"""`make bench`: what docs/limits.md says about speed, measured on this machine.

Whole processes, both sides in turn in one run; medians and the ratio of each pair. Nothing here
is a test: a busy machine must not fail a build.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common.names import PROJECT
from localcloud.home import Home

# Away from what a user of this machine may have running with `make up`.
_CONFIG: dict[str, Any] = {"endpointPort": 18443, "modelPort": 18501, "healthPort": 18502}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", choices=("empty", "stack", "first"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        SIDES[arguments.side](arguments.folder)
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=_parent()))
    try:
        _measure(folder, arguments.rounds)
    finally:
        _down(folder)
        shutil.rmtree(folder)


def _measure(folder: Path, rounds: int) -> None:
    first = _time("first", folder)
    print(f"`up` of the stack local from nothing to the first prediction: {first:.1f} s")
    print("(images are built if .local/images has none of them yet)\n")
    _time("empty", folder)  # makes its stack; not counted
    pairs = []
    print("`up` without changes:")
    print(f"{'round':>5} {'empty program':>14} {'stack local':>12} {'ratio':>6}")
    for number in range(1, rounds + 1):
        empty, stack = _time("empty", folder), _time("stack", folder)
        pairs.append((empty, stack))
        print(f"{number:>5} {empty:>12.2f} s {stack:>10.2f} s {stack / empty:>6.2f}")
    empty, stack = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(s / e for e, s in pairs)
    print(f"{'':>5} {empty:>12.2f} s {stack:>10.2f} s {ratio:>6.2f}   median")


def _time(side: str, folder: Path) -> float:
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "localcloud.bench", "--side", side, "--folder", str(folder)],
        cwd=PROJECT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - started


def empty_program(folder: Path) -> None:
    """The least that the same engine can do, through the same API."""
    from pulumi import automation  # noqa: PLC0415  part of what is measured

    from localcloud import engine  # noqa: PLC0415  as above

    environment = Home(folder / "empty").engine_environment()
    (folder / "empty/work").mkdir(exist_ok=True)
    stack = automation.create_or_select_stack(
        "empty",
        project_name="empty",
        program=lambda: None,
        opts=automation.LocalWorkspaceOptions(
            work_dir=str(folder / "empty/work"),
            env_vars=environment,
            pulumi_home=environment["PULUMI_HOME"],
        ),
    )
    engine.deploy(stack)


def stack(folder: Path) -> None:
    from localcloud.stack import opened  # noqa: PLC0415  not paid for by the empty side

    with opened("local", home=_home(folder), config=_CONFIG) as local:
        local.up()


def first(folder: Path) -> None:
    from clients.bundle import write_bundle  # noqa: PLC0415
    from clients.predict import predict  # noqa: PLC0415
    from localcloud.stack import opened, plain  # noqa: PLC0415

    with opened("local", home=_home(folder), config=_CONFIG) as local:
        local.up()
        outputs = plain(local.stack.outputs())
    client, certificate = next(iter(outputs["clientCertificates"].items()))
    write_bundle(folder / "bundle", client, outputs["endpoint"], certificate)
    predict(folder / "bundle", [[10.0]])


SIDES = {"empty": empty_program, "stack": stack, "first": first}


def _down(folder: Path) -> None:
    from localcloud.stack import opened  # noqa: PLC0415

    with opened("local", home=_home(folder), config=_CONFIG) as local:
        local.stack.destroy()
        local.remove()


def _home(folder: Path) -> Home:
    return Home(folder / "cloud", images=PROJECT / ".local/images")


def _parent() -> Path:
    parent = PROJECT / ".local/bench"
    parent.mkdir(parents=True, exist_ok=True)
    return parent


if __name__ == "__main__":
    main()
