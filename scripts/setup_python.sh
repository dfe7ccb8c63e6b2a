#!/usr/bin/env bash
# .venv: the locked packages, including those of the local cloud and the tests.
. "$(dirname "$0")/lib.sh"

scripts/setup_uv.sh

stamp=.venv/.complete
locked=$(fingerprint pyproject.toml uv.lock)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$locked" ]; then exit; fi

"$BIN/uv" python find --quiet --no-project '>=3.11' >/dev/null 2>&1 ||
  fail "No Python 3.11 or newer was found on this machine: install one (on Debian 12: apt-get install python3) and run make again."

rm -f "$stamp"
use_own_tmp
# Compiled now, once: otherwise the first `pulumi preview` compiles some 100 MB of SDK.
step python "Installing and compiling the Python packages (up to a minute)" \
  "The Python packages could not be installed" "check the network or UV_DEFAULT_INDEX and run make again." \
  "$BIN/uv" sync --frozen --compile-bytecode
printf '%s' "$locked" >"$stamp"
