"""What was told something worse, and the cases that see it."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conformance.actors.peers import Endpoint
from conformance.actors.witness import Change
from conformance.case import CASES
from conformance.run import run
from localcloud.processes import Group


def instead(old: str, new: str) -> Change:
    return lambda text: re.sub(old, new, text)


def differing(endpoint: Endpoint, ids: list[str]) -> list[str]:
    return [id_ for id_ in ids if run(CASES[id_], endpoint).differs]


@contextmanager
def changed(endpoint: Endpoint, container: str, files: dict[str, Change]) -> Iterator[None]:
    """A container of the deployment, started again with something worse in the group's files."""
    before = {endpoint.group / name: (endpoint.group / name).read_text() for name in files}
    for (file, text), change in zip(before.items(), files.values(), strict=True):
        file.write_text(change(text))
        assert file.read_text() != text, f"nothing to change in {file.name}"
    try:
        _restart(endpoint, container)
        yield
    finally:
        for file, text in before.items():
            file.write_text(text)
        _restart(endpoint, container)


def _restart(endpoint: Endpoint, container: str) -> None:
    Group(endpoint.group).restart(container)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError):
            if endpoint.predict(endpoint.alice).status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"{container} does not serve again")


def server_with(code: str) -> Change:
    """The model server's command, with some code before it: for `model.sh`."""

    def change(script: str) -> str:
        before, _, command = script.rpartition("\nexec ")
        home = Path(command.strip()).parents[1]
        start = "from model_server import __main__\nsys.exit(__main__.main([]))"
        run = f"import sys; sys.path.insert(0, {str(home)!r})\n{code}\n{start}"
        return f"{before}\nexec {shlex.join([f'{home}/venv/bin/python', '-c', run])}\n"

    return change
