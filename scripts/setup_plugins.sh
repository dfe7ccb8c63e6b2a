#!/usr/bin/env bash
# The provider plugins of the SDKs' versions, where Pulumi keeps its plugins. Apart from
# setup_pulumi.sh: the local cloud has stand-ins for them, and they are large.
. "$(dirname "$0")/lib.sh"

plugins() {
  .venv/bin/python - <<'PYTHON'
import json, pathlib, sysconfig

for file in sorted(pathlib.Path(sysconfig.get_path("purelib")).glob("pulumi_*/pulumi-plugin.json")):
    about = json.loads(file.read_text())
    if about["resource"]:
        print(about["name"], about["version"])
PYTHON
}

download() {
  plugins | while read -r name version; do
    PULUMI_SKIP_UPDATE_CHECK=true "$BIN/pulumi" plugin install resource "$name" "$version" </dev/null
  done
}

step plugins "Fetching the provider plugins" "The provider plugins could not be fetched" \
  "check the network and run make again." download
