#!/usr/bin/env bash
# The Pulumi CLI: the machine's own if it is new enough, else built from the pinned Go module.
. "$(dirname "$0")/lib.sh"

module=tools/pulumi-cli
wanted=$(awk '$1 == "github.com/pulumi/pulumi/pkg/v3" {print $2}' "$module/go.mod")
go_cache=$LOCAL/cache/go

stamp=$TOOLS/pulumi.complete
pinned=$(fingerprint "$module/go.mod" "$module/go.sum")
if [ -x "$BIN/pulumi" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$pinned" ]; then exit; fi

# Even `pulumi version` writes a log into PULUMI_HOME and looks for newer versions.
version_of() {
  PULUMI_HOME=$LOCAL/cache/pulumi PULUMI_SKIP_UPDATE_CHECK=true "$1" version 2>/dev/null || true
}

if found=$(command -v pulumi) && version_at_least "$(version_of "$found")" "$wanted"; then
  link "$found" pulumi
  printf '%s' "$pinned" >"$stamp"
  exit
fi

by_hand="install Pulumi ${wanted#v} or newer by hand (https://www.pulumi.com/docs/iac/download-install/) and run make again."

. scripts/find_go.sh

# The version has to be given at link time: the Automation API refuses a CLI without one.
step pulumi "Building the Pulumi CLI $wanted, once (3 to 6 minutes on two cores)" \
  "The Pulumi CLI could not be built" "$by_hand" \
  go_build -v -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$wanted" \
  -o "$BIN/pulumi.new" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi

# Only a complete CLI gets the name, so an interrupted build is done again.
rm -f "$BIN/pulumi"
mv "$BIN/pulumi.new" "$BIN/pulumi"
printf '%s' "$pinned" >"$stamp"
# Some 3 GB that nothing needs any more.
rm -rf "$go_cache" "$LOCAL/cache/tmp"
