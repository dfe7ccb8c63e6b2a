#!/usr/bin/env bash
# curl: for the test that runs the line which `make up` prints. The distribution's, installed.
. "$(dirname "$0")/lib.sh"

if command -v curl >/dev/null; then exit; fi
by_hand="install it by hand (Debian: apt-get install curl) and run make again."
command -v apt-get >/dev/null ||
  fail "curl could not be installed because this is not a Debian or Ubuntu: $by_hand"
ask_for_root
step curl "Installing curl, which the tests call the endpoint with" "curl could not be installed" \
  "$by_hand" apt_install curl
