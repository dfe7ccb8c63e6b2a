#!/bin/sh
# What the sidecar's Dockerfile runs, and what the local cloud runs with DESTDIR set to the
# image's root folder.
set -eu
# The modes of the image are not the deployer's.
umask 022

if ! nginx=$(command -v nginx); then
    echo "nginx/build.sh: no nginx on PATH: type make up, or install Debian's package nginx" >&2
    exit 1
fi
if [ -n "${DESTDIR:-}" ]; then
    mkdir -p "$DESTDIR/usr/sbin"
    rm -f "$DESTDIR/usr/sbin/nginx"
    # Started by root, nginx gives its workers to somebody who cannot get at root's own folders,
    # where bodies wait on this machine. In the container that folder is everybody's /tmp.
    cat >"$DESTDIR/usr/sbin/nginx" <<WRAPPER
#!/bin/sh
if [ "\$(id -u)" = 0 ]; then
    for argument; do
        shift
        [ "\$argument" != "daemon off;" ] || argument="daemon off; user root;"
        set -- "\$@" "\$argument"
    done
fi
exec "$nginx" "\$@"
WRAPPER
    chmod 755 "$DESTDIR/usr/sbin/nginx"
else
    # The default site and the entrypoint's tuning scripts: nothing of ours uses them.
    rm -rf /etc/nginx/conf.d /docker-entrypoint.d
fi
install -m 0755 "$(dirname "$0")/start-sidecar" "${DESTDIR:-}/usr/sbin/start-sidecar"
"$nginx" -v

# What it will have to run, as an example: what it does not take must not get any further.
if [ -n "${EXAMPLE_VOLUME:-}" ]; then
    volume=$(mktemp -d)
    trap 'rm -rf "$volume"' EXIT
    echo "$EXAMPLE_VOLUME" | base64 -d | tar -x -C "$volume"
    "$nginx" -t -p "$volume" -c "$volume/nginx.conf"
fi
