"""What every command does with its output."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from common.names import PROJECT

LONG = """
import sys
from common.command import finished

def run():
    sys.stdout.reconfigure(line_buffering=sys.stderr.isatty())
    for number in range(20_000):
        print("line", number, flush={flush})
        print("line", number, file=sys.stderr)
    open({done!r}, "w").close()
    return 0

sys.exit(finished(run))
"""


@pytest.mark.parametrize("flush", [True, False])
@pytest.mark.parametrize("mode", ["0", "1"], ids=["buffered", "unbuffered"])
def test_it_goes_on_when_nobody_reads_any_more(
    flush: bool, mode: str, tmp_path: os.PathLike[str]
) -> None:
    done = os.path.join(tmp_path, "done")
    script = LONG.format(flush=flush, done=done)
    environment = {**os.environ, **({"PYTHONUNBUFFERED": "1"} if mode == "1" else {})}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"line 0\n"
        process.stdout.close()

    assert process.returncode == 0
    assert os.path.exists(done)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_it_goes_on_when_its_output_is_closed_from_the_start(
    closed: str, tmp_path: os.PathLike[str]
) -> None:
    done = os.path.join(tmp_path, "done")
    script = LONG.format(flush=True, done=done)
    shell = ["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, script]

    run = subprocess.run(shell, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert run.returncode == 0
    assert os.path.exists(done)
    assert "Traceback" not in run.stderr
