#!/usr/bin/env bash
# Java: the tests run a bundle's sample for it, and keytool. The machine's own if it is new enough,
# else the distribution's, installed without a desktop.
. "$(dirname "$0")/lib.sh"

wanted=11.0.12 # 11.0.11 does not know HmacPBESHA256, with which client.p12 is protected

java_version() { java -version 2>&1 | sed -n 's/.* version "\([0-9.]*\).*/\1/p'; }

usable() {
  command -v java >/dev/null && command -v keytool >/dev/null &&
    version_at_least "$(java_version)" "$wanted"
}

if usable; then exit; fi
by_hand="install Java $wanted or newer by hand (Debian: apt-get install default-jre-headless) and run make again."
command -v apt-get >/dev/null ||
  fail "Java could not be installed because this is not a Debian or Ubuntu: $by_hand"
ask_for_root
step java "Installing Java, which the tests call the endpoint with" "Java could not be installed" \
  "$by_hand" apt_install default-jre-headless
usable || fail "Java could not be installed because the one on PATH is still older than $wanted: $by_hand"
