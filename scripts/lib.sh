# shellcheck shell=bash
# What the setup scripts share: where things lie, and how they talk. Sourced, never run.

set -euo pipefail

# What these say is where somebody else's project, packages or tools are, or what may be installed:
# `uv sync` would empty an environment of the user's. Where packages come from stays the user's.
unset VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME PYTHONUSERBASE PYTHONSAFEPATH PYTHONSTARTUP \
  CDPATH BASH_ENV ENV
for variable in $(compgen -e UV_); do
  case $variable in
  UV_CACHE_DIR | UV_CONFIG_FILE | UV_CREDENTIALS_DIR | UV_KEYRING_PROVIDER | UV_INSECURE_HOST | UV_LINK_MODE) ;;
  UV_NATIVE_TLS | UV_SYSTEM_CERTS | UV_OFFLINE | UV_PYTHON_DOWNLOADS | UV_PYTHON_INSTALL_* | *INDEX* | *TIMEOUT | *_RETRIES | UV_CONCURRENT_*) ;;
  *) unset "$variable" ;;
  esac
done
# Stronger than what a uv.toml of the user's says.
export UV_PYTHON_PREFERENCE=system

# Text is UTF-8, whatever the machine's locale.
export PYTHONUTF8=1

cd "$(dirname "${BASH_SOURCE[0]}")/.."
case $PWD in
*:* | *$'\n'*)
  printf '%s is a folder that no PATH can hold: move the clone to one without a colon or line break in its path and run make again.\n' "$PWD" >&2
  exit 1
  ;;
esac
LOCAL=$PWD/.local
TOOLS=$LOCAL/tools
BIN=$TOOLS/bin

# Kept inside the clone so that deleting it leaves nothing behind; a cache the user chose is kept.
export UV_CACHE_DIR=${UV_CACHE_DIR:-$LOCAL/cache/uv}
# A Python fetched behind the user's back would hide that the machine's own is too old.
export UV_PYTHON_DOWNLOADS=${UV_PYTHON_DOWNLOADS:-never}

# Our own links must not be found when looking for what the machine has.
PATH=:$PATH:
PATH=${PATH//":$BIN:"/:}
PATH=${PATH#:}
PATH=${PATH%:}

mkdir -p "$BIN" "$LOCAL/logs"

say() { printf '%s\n' "$*"; }

fail() {
  printf '%s\n' "$*" >&2
  exit "${status:-1}"
}

# version_at_least HAVE WANT; HAVE may be empty, either may start with v.
version_at_least() {
  [ -n "$1" ] && [ "$(printf '%s\n' "${1#v}" "${2#v}" | sort -V | head -n 1)" = "${2#v}" ]
}

# Contents rather than dates: a git checkout touches files without changing them.
fingerprint() { cat "$@" | cksum; }

# link PROGRAM NAME: makes PROGRAM reachable as .local/tools/bin/NAME. Links inside the clone are
# relative, so that the clone can be moved.
link() { ln -sfn "${1/#"$TOOLS"/..}" "$BIN/$2"; }

# Builds leave gigabytes behind for a while, more than a /tmp in memory holds, and uv its lock files.
# Not for apt: it downloads as a user who may be unable to look in here.
use_own_tmp() {
  export TMPDIR=$LOCAL/cache/tmp
  mkdir -p "$TMPDIR"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "neither root nor sudo" >&2
    return 1
  fi
}

# Asks for sudo's password while the terminal is still ours; what follows may run in the background.
ask_for_root() {
  if [ "$(id -u)" != 0 ] && [ -t 0 ] && command -v sudo >/dev/null; then sudo -v || true; fi
}

apt_install() {
  # The lists are refreshed only where the first try shows that they are missing or out of date.
  local install=(env DEBIAN_FRONTEND=noninteractive
    apt-get install --yes --quiet --no-install-recommends "$@")
  as_root "${install[@]}" || { as_root apt-get update --quiet && as_root "${install[@]}"; }
}

# step NAME TITLE FAILURE BY_HAND COMMAND...: runs COMMAND with its output in
# .local/logs/setup-NAME.log and shows that it is alive: on a terminal every second on one line,
# elsewhere a line every 15 seconds. Ends the script with one sentence when COMMAND fails.
step() {
  local title=$2 failure=$3 by_hand=$4 log=$LOCAL/logs/setup-$1.log
  local started=$SECONDS shown=$SECONDS line
  shift 4
  say "$title ..."
  # Not inside an `if` or `||`: there bash would ignore `set -e` in COMMAND.
  # In a process group of its own: otherwise it ignores Ctrl-C and goes on by itself.
  set -m
  "$@" >"$log" 2>&1 </dev/null &
  running=$!
  set +m
  trap 'kill -- "-$running" 2>/dev/null; status=130 fail "Interrupted; the same make goes on where it stopped."' INT TERM
  while kill -0 "$running" 2>/dev/null; do
    sleep 0.2
    line=$(printf '  %3d s  %.60s' $((SECONDS - started)) "$(tail -n 1 "$log" | tr -dc '[:print:]')")
    if [ -t 1 ] && [ $((SECONDS - shown)) -ge 1 ]; then
      printf '\r\033[K%s' "$line"
      shown=$SECONDS
    elif [ $((SECONDS - shown)) -ge 15 ]; then
      say "$line"
      shown=$SECONDS
    fi
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
  # What the command said last is nearly always the reason; uv's hints come behind it.
  wait "$running" ||
    fail "$failure ($(grep -v -e '^[[:space:]]*$' -e '^hint: ' "$log" | tail -n 1 | sed 's/^ *//')): $by_hand"
  trap - INT TERM
  say "  done in $((SECONDS - started)) s"
}
