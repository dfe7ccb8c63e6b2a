#!/usr/bin/env bash
# uv: the machine's own if it is new enough, else a pinned one from PyPI.
. "$(dirname "$0")/lib.sh"

wanted=0.13 # as tool.uv.required-version in pyproject.toml
pinned=0.13.8
by_hand="install uv $wanted or newer (https://docs.astral.sh/uv/getting-started/installation/) and run make again."

uv_version() { "$1" --version 2>/dev/null | awk '{print $2}'; }

if version_at_least "$(uv_version "$BIN/uv")" "$wanted"; then exit; fi

if found=$(command -v uv) && version_at_least "$(uv_version "$found")" "$wanted"; then
  link "$found" uv
  exit
fi

command -v python3 >/dev/null ||
  fail "uv could not be installed because there is no python3 on this machine: install Python 3.11 or newer and run make again."

# Debian's python3 comes without what `python3 -m venv` needs.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  command -v apt-get >/dev/null ||
    fail "uv could not be installed because this machine's Python has no venv module: $by_hand"
  ask_for_root
  step apt "Installing python3-venv" "python3-venv could not be installed" \
    "run 'apt-get install python3-venv' as root and make again." apt_install python3-venv
fi

install_uv() {
  rm -rf "$TOOLS/uv"
  python3 -m venv "$TOOLS/uv"
  "$TOOLS/uv/bin/python" scripts/install_with_pip.py "uv==$pinned"
}

step uv "Installing uv $pinned" "uv $pinned could not be installed" "$by_hand" install_uv
link "$TOOLS/uv/bin/uv" uv
