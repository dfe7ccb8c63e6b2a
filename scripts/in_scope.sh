#!/bin/sh
# Run a command in a scope of systemd's, below which a user who is not root may make control groups:
#   scripts/in_scope.sh COMMAND ARGUMENT...
# Where there is no such scope, or no need for one, the command runs as it is.
set -eu

has_scopes() {
  systemd-run --user --scope --quiet true 2>/dev/null
}

if [ "$(id -u)" != 0 ] && command -v systemd-run >/dev/null; then
  export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
  # On a machine that runs pipelines nobody has logged in, so its user has no systemd yet.
  [ -z "${CI:-}${TF_BUILD:-}" ] || has_scopes ||
    sudo -n systemctl start "user@$(id -u).service" || true
  if has_scopes; then
    # conformance/control_groups.py knows it by its name.
    set -- systemd-run --user --scope --quiet --collect -p Delegate=yes \
      --unit="mtls-model-endpoint-$$" "$@"
  fi
fi
exec "$@"
