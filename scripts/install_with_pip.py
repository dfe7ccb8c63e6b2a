"""Installs packages beside the Python that runs this, from where the user's pip gets its packages.

A user's pip.conf and PIP_* also say into which folder pip installs, and whether it does at all. So
only what says where packages come from is taken over.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys

KEPT = {
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host"),
    *("cert", "client-cert", "proxy", "keyring-provider", "timeout", "default-timeout", "retries"),
}
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def _name(variable: str) -> str:
    return variable.removeprefix("PIP_").lower().replace("_", "-")


def environment() -> dict[str, str]:
    """Returns the variables to run pip with."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PIP_") or name == "PIP_CONFIG_FILE" or _name(name) in KEPT
    }
    listed = subprocess.run(
        [*PIP, "config", "list"], env=kept, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout
    for line in sorted(listed.splitlines()):  # `global` before `install`, which wins
        place, _, value = line.partition("=")
        section, _, name = place.rpartition(".")
        variable = f"PIP_{name.upper().replace('-', '_')}"
        if section in ("global", "install") and name in KEPT and variable not in os.environ:
            kept[variable] = " ".join(str(ast.literal_eval(value)).split())
    return {**kept, "PIP_CONFIG_FILE": os.devnull}


if __name__ == "__main__":
    os.execve(  # noqa: S606  pip, by the Python that runs this
        sys.executable, [*PIP, "install", "--no-cache-dir", *sys.argv[1:]], environment()
    )
