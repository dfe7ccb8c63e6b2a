#!/usr/bin/env bash
# openssl: the tests open a bundle's client.p12 with it. The distribution's, installed.
. "$(dirname "$0")/lib.sh"

if command -v openssl >/dev/null; then exit; fi
by_hand="install it by hand (Debian: apt-get install openssl) and run make again."
command -v apt-get >/dev/null ||
  fail "openssl could not be installed because this is not a Debian or Ubuntu: $by_hand"
ask_for_root
step openssl "Installing openssl, which the tests open keystores with" \
  "openssl could not be installed" "$by_hand" apt_install openssl
