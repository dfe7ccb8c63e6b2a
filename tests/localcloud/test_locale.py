"""A stack file is UTF-8, and what it says can be shown, whatever the locale of the machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.clone import Clone

OWNER = "Zoë ✓"
ASCII_ONLY = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale without these letters. With LC_ALL=C alone Python takes UTF-8 by itself, but not with
ISO-8859-1, which is installed on few machines that run tests."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone(tmp_path_factory.mktemp("locale"))
    clone.configure(tags={"owner": OWNER})
    file = clone.folder / "Pulumi.dev.yaml"
    file.write_bytes(file.read_bytes().replace(b'"Zo\\xEB \\u2713"', OWNER.encode()))
    assert OWNER.encode() in file.read_bytes()
    clone.commit()
    return clone


COMMANDS = {
    "preview": ["localcloud", "preview", "--stack", "dev"],
    "preview with every property": ["localcloud", "preview", "--stack", "dev", "--diff"],
    "review": ["review", "--local", "--stack", "dev", "--markdown", "review.md"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_stack_file_with_letters_of_any_language_is_previewed(command: str, clone: Clone) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *COMMANDS[command]],
        cwd=clone.folder,
        env={**os.environ, **ASCII_ONLY},
        capture_output=True,
        check=False,
    )

    said = (done.stdout + done.stderr).decode()
    assert "Traceback" not in said
    assert done.returncode == 0
    assert OWNER in said if "--diff" in COMMANDS[command] else "create" in said


SHOW = "python3 -c 'import sys; print(sys.flags.utf8_mode)'"


@pytest.mark.parametrize(
    "command",
    [
        ["make", "--silent", f"--eval=shown: ; @{SHOW}", "shown"],
        ["bash", "-c", f". scripts/lib.sh && {SHOW}"],
    ],
)
def test_every_python_that_make_starts_reads_utf_8(command: list[str], clone: Clone) -> None:
    environment = {**os.environ, **ASCII_ONLY}
    done = subprocess.run(command, cwd=clone.folder, env=environment, stdout=-1, check=True)

    assert done.stdout == b"1\n"
