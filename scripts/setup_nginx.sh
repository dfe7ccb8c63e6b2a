#!/usr/bin/env bash
# nginx: the machine's own if it is new enough, else the distribution's package unpacked into
# .local/ rather than installed, so that no service starts and nothing of the system changes.
. "$(dirname "$0")/lib.sh"

wanted=1.22
by_hand="install nginx $wanted or newer with TLS support by hand (Debian: apt-get install nginx; others: https://nginx.org/en/linux_packages.html) and run make again."

usable() {
  local about
  about=$("$1" -V 2>&1) || return 1
  version_at_least "$(sed -n 's|^nginx version: [^/]*/\([0-9.]*\).*|\1|p' <<<"$about")" "$wanted" &&
    grep -q http_ssl_module <<<"$about"
}

if [ -x "$BIN/nginx" ] && usable "$BIN/nginx"; then exit; fi

# Debian leaves /usr/sbin out of an ordinary user's PATH.
for found in "$(command -v nginx || true)" /usr/sbin/nginx /usr/local/sbin/nginx; do
  if [ -x "$found" ] && usable "$found"; then
    link "$found" nginx
    exit
  fi
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  fail "nginx could not be installed because this is not a Debian or Ubuntu: $by_hand"
fi

download() {
  rm -rf "$LOCAL/cache/apt" "$TOOLS/nginx"
  mkdir -p "$LOCAL/cache/apt/lists" "$TOOLS/nginx"
  cd "$LOCAL/cache/apt"
  # Where the machine's package lists are missing or out of date, lists of our own need no root.
  apt-get download nginx || {
    rm -f -- *.deb
    apt-get -o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD" -o APT::Update::Error-Mode=any update
    apt-get -o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD" download nginx
  }
  dpkg-deb -x nginx_*.deb "$TOOLS/nginx"
}

libraries() {
  # Of what the package depends on only these: the rest would bring the service, or serves it.
  dpkg-deb -f "$LOCAL"/cache/apt/nginx_*.deb Depends | tr ',' '\n' | awk '$1 ~ /^z?lib/ {print $1}'
}

step nginx "Fetching nginx from the distribution" "nginx could not be downloaded" "$by_hand" download

unpacked=$TOOLS/nginx/usr/sbin/nginx
[ -x "$unpacked" ] ||
  fail "nginx could not be installed because this distribution's is older than $wanted: $by_hand"
if ! "$unpacked" -V >/dev/null 2>&1; then
  mapfile -t needed < <(libraries)
  ask_for_root
  step apt "Installing the libraries nginx needs" "The libraries of nginx could not be installed" \
    "$by_hand" apt_install "${needed[@]}"
fi
usable "$unpacked" ||
  fail "nginx could not be installed because this distribution's is older than $wanted or does not run here: $by_hand"
rm -rf "$LOCAL/cache/apt"
link "$unpacked" nginx
