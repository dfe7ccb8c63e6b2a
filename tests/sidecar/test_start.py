"""How the sidecar's container starts: after the model, as nobody special, within its memory."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.names import PROJECT
from conformance.actors.ports import unused_ports
from conformance.local import Deployment

START = PROJECT / "nginx/start-sidecar"
NGINX_WAS_STARTED = "nginx was started"
COMMAND = ["sh", "-c", f"echo {NGINX_WAS_STARTED}; ulimit -d"]
READY = "/v1/models/demo"


class _Model(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == READY else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def model(port: int, status: int = 200) -> Iterator[None]:
    handler = type("Handler", (_Model,), {"status": status})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def port() -> int:
    return unused_ports(1)[0]


def started(port: int, *, wait: int = 60, command: list[str] = COMMAND) -> subprocess.Popen[str]:
    variables = {
        "PATH": os.environ["PATH"],
        "MODEL_READY": f"{port}{READY}",
        "WAIT_SECONDS": str(wait),
        "DATA_LIMIT_KB": "425984",
    }
    # As a container engine starts its first process: which signals it ignores is not ours to say.
    return subprocess.Popen(
        [str(START), *command],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_nginx_starts_when_the_model_is_ready_and_not_before(port: int) -> None:
    process = started(port)
    time.sleep(2.5)
    assert process.poll() is None
    with model(port, status=503):
        time.sleep(0.5)
        assert process.poll() is None
    with model(port):
        out, said = process.communicate(timeout=10)

    assert process.returncode == 0
    assert NGINX_WAS_STARTED in out
    assert "waiting for the model to be ready" in said


def test_nginx_may_allocate_no_more_than_it_is_given(port: int) -> None:
    with model(port):
        out, _ = started(port).communicate(timeout=10)

    assert out.split()[-1] == "425984"


def test_the_wait_has_an_end_and_nginx_says_itself_that_the_model_does_not_answer(
    port: int,
) -> None:
    out, said = started(port, wait=1).communicate(timeout=10)

    assert NGINX_WAS_STARTED in out
    assert "the model is not ready" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT])
def test_a_container_that_waits_ends_when_it_is_told_to(port: int, number: int) -> None:
    """As process 1, which has no default action for signals."""
    unshare = ["unshare", "--fork", "--pid", "--kill-child", *_as_root_somewhere()]
    variables = ["MODEL_READY=" + str(port) + READY, "WAIT_SECONDS=60", "DATA_LIMIT_KB=425984"]
    process = subprocess.Popen(
        # A shell's background jobs ignore two of them, and a container's process does not.
        [*unshare, "env", "--default-signal=INT,QUIT", *variables, str(START), *COMMAND],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        first = _first_child(process.pid)
        time.sleep(0.5)
        os.kill(first, number)
        began = time.monotonic()
        out, _ = process.communicate(timeout=10)
    finally:
        process.kill()

    assert NGINX_WAS_STARTED not in out
    assert time.monotonic() - began < 10


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has anything to give up")
@pytest.mark.parametrize(
    ("unprivileged_from", "capabilities"), [(0, 0), (1024, 1 << 10)], ids=["443 free", "443 not"]
)
def test_in_a_container_nginx_is_not_root_and_writes_below_tmp_alone(
    deployment: Deployment, tmp_path: Path, unprivileged_from: int, capabilities: int
) -> None:
    """A read-only root, the capabilities that Docker gives, port 443; built under umask 077."""
    seen = in_a_container(deployment, tmp_path, unprivileged_from)

    assert len(seen) == 2, (tmp_path / "said").read_text()
    for process in seen:
        assert process["Uid"].split() == ["101"] * 4
        assert process["Groups"].strip() == ""
        assert process["NoNewPrivs"].strip() == "1"
        for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            assert int(process[kind], 16) == capabilities


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_nginx_starts_as_user_101_without_any_rights(
    deployment: Deployment, tmp_path: Path
) -> None:
    seen = in_a_container(deployment, tmp_path, 0, user=101)

    assert [p["Uid"].split()[0] for p in seen] == ["101", "101"], (tmp_path / "said").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has anything to keep")
def test_where_only_root_can_read_the_volume_nginx_stays_root_and_says_so(
    deployment: Deployment, tmp_path: Path
) -> None:
    seen = in_a_container(deployment, tmp_path, 0, volume_mode=0o700)

    assert seen[0]["Uid"].split()[0] == "0"
    assert "stays root" in (tmp_path / "said").read_text()


CONTAINER = """
set -eu
ip link set lo up
echo "$UNPRIVILEGED_FROM" >/proc/sys/net/ipv4/ip_unprivileged_port_start
mount --make-rprivate /
mount --bind / "$HERE/root"
mount -o remount,ro,bind "$HERE/root"
mount --bind "$HERE/image" "$HERE/root/opt"
mount --bind "$HERE/volume" "$HERE/root/mnt"
mount --bind "$HERE/writable" "$HERE/root/tmp"
mount --bind /dev "$HERE/root/dev"
mount -t proc proc "$HERE/root/proc"
cd "$HERE"
python3 -m http.server --bind 127.0.0.1 --directory ready "$PORT" >/dev/null 2>&1 &
if [ "$USER_ID" = 0 ]; then
    start="setpriv --inh-caps -all --bounding-set -all,+chown,+dac_override,+fowner,+fsetid,+kill"
    start="$start,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod"
else
    start="setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --no-new-privs"
    start="$start --inh-caps -all --bounding-set -all"
fi
{
    chown "$USER_ID" /proc/self/fd/1  # as container engines do
    # shellcheck disable=SC2086
    PATH="/opt/usr/sbin:$PATH" exec chroot root $start start-sidecar "$NGINX" -e stderr -p /tmp \
        -c /mnt/nginx.conf -g "daemon off;" 2>said
} | cat >log &
i=0
until curl -s "http://127.0.0.1:$HEALTH/health" | grep -q ok || [ $i = 100 ]; do
    i=$((i + 1))
    sleep 0.1
done
for status in /proc/[0-9]*/status; do
    if grep -q '^Name:.nginx' "$status"; then
        cat "$status"
        echo =
    fi
done >seen
"""
"""Ends with all of its processes, since it is the first of its process namespace."""
UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc")


def in_a_container(
    deployment: Deployment,
    folder: Path,
    unprivileged_from: int,
    *,
    user: int = 0,
    volume_mode: int = 0o755,
) -> list[Mapping[str, str]]:
    """The sidecar of the deployment as a container engine runs it; what nginx' processes are."""
    folder.chmod(0o755)
    for name in ("root", "ready", "writable"):
        (folder / name).mkdir()
    (folder / "writable").chmod(0o1777)
    (folder / "ready/index").write_text("")
    build = ["sh", "-c", f"umask 077; exec sh {PROJECT}/nginx/build.sh"]
    subprocess.run(
        build, env={**os.environ, "DESTDIR": str(folder / "image")}, check=True, capture_output=True
    )
    (folder / "image").chmod(0o755)
    # The local cloud's wrapper has no place in a container.
    nginx = folder / "image/usr/sbin/nginx"
    nginx.unlink()
    shutil.copy(str(shutil.which("nginx")), nginx)
    nginx.chmod(0o755)
    shutil.copytree(deployment.volume, folder / "volume")
    model_port = deployment.port("model")
    configuration = folder / "volume/nginx.conf"
    text = configuration.read_text().replace(f":{deployment.port('endpoint')}", ":443")
    text = text.replace(f"listen {deployment.port('endpoint')} ", "listen 443 ")
    configuration.write_text(text)
    for file in (folder / "volume").iterdir():
        file.chmod(0o644)
    (folder / "volume").chmod(volume_mode)
    variables = {
        "PATH": os.environ["PATH"],
        "HERE": str(folder),
        "UNPRIVILEGED_FROM": str(unprivileged_from),
        "USER_ID": str(user),
        "NGINX": "nginx",
        "PORT": str(model_port),
        "HEALTH": str(deployment.port("health")),
        "MODEL_READY": f"{model_port}/index",
        "WAIT_SECONDS": "20",
        "DATA_LIMIT_KB": "425984",
    }
    subprocess.run(
        [*UNSHARE, "sh", "-c", CONTAINER],
        env=variables,
        check=True,
        timeout=60,
    )
    return [
        dict(line.split(":", 1) for line in process.splitlines() if ":" in line)
        for process in (folder / "seen").read_text().split("=\n")
        if process.strip()
    ]


def test_what_the_image_runs_can_be_run_by_everybody_whatever_the_umask(tmp_path: Path) -> None:
    build = ["sh", "-c", f"umask 077; exec sh {PROJECT}/nginx/build.sh"]
    subprocess.run(
        build, env={**os.environ, "DESTDIR": str(tmp_path)}, check=True, capture_output=True
    )

    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "usr").rglob("*")}
    assert modes == {"sbin": 0o755, "nginx": 0o755, "start-sidecar": 0o755}


def _as_root_somewhere() -> list[str]:
    return [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


def _first_child(parent: int) -> int:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise AssertionError("it has no child")
