#!/usr/bin/env bash
# setup.sh STEP...: makes sure that these are there: python nginx pulumi plugins curl openssl go java
# actionlint.
# Everything goes below .local/ and .venv/ (curl, openssl and java excepted: the distribution
# installs them); what is there already costs a few hundredths of a second.
. "$(dirname "$0")/lib.sh"

# Two `make` at once in one clone must not build the same thing twice.
if command -v flock >/dev/null; then
  exec 9>"$LOCAL/setup.lock"
  flock --nonblock 9 || { say "Waiting for another setup in this clone ..." && flock 9; }
fi

for step in "$@"; do
  case $step in
    python | nginx | pulumi | plugins | curl | openssl | go | java | actionlint) "scripts/setup_$step.sh" ;;
    *) fail "setup.sh knows python, nginx, pulumi, plugins, curl, openssl, go, java and actionlint, not '$step'." ;;
  esac
done
