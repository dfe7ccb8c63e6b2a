#!/usr/bin/env bash
# actionlint: the machine's own if it is new enough, else built from the pinned Go module. Its
# package on PyPI is a script that downloads.
. "$(dirname "$0")/lib.sh"

module=tools/actionlint
wanted=$(awk '$1 == "github.com/rhysd/actionlint" {print $2}' "$module/go.mod")
go_cache=$LOCAL/cache/go

actionlint_version() { "$1" -version 2>/dev/null | head -n 1; }

if version_at_least "$(actionlint_version "$BIN/actionlint")" "$wanted"; then exit; fi
if found=$(command -v actionlint) && version_at_least "$(actionlint_version "$found")" "$wanted"; then
  link "$found" actionlint
  exit
fi

. scripts/find_go.sh

step actionlint "Building actionlint $wanted, once" "actionlint could not be built" \
  "install actionlint ${wanted#v} or newer (https://github.com/rhysd/actionlint) and run make again." \
  go_build -ldflags "-s -w -X github.com/rhysd/actionlint.version=${wanted#v}" \
  -o "$BIN/actionlint.new" github.com/rhysd/actionlint/cmd/actionlint
mv "$BIN/actionlint.new" "$BIN/actionlint"
rm -rf "$go_cache" "$LOCAL/cache/tmp"
