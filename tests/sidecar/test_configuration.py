"""nginx accepts what is rendered for every committed stack, with every kind of key."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from clients.bundle import write_bundle
from clients.predict import predict
from common.names import PROJECT
from components import nginx_example
from localcloud.home import Home
from localcloud.stack import opened, plain
from tests.conftest import free_ports, shared_home
from tests.unit.refused.names import LONG_NAME


def write_alices(folder: Path, outputs: dict[str, Any]) -> None:
    clients = outputs["clientCertificates"]
    write_bundle(folder / "alice", "alice", outputs["endpoint"], clients["alice"])


def nginx_t(folder: Path, volume: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name, value in volume.items():
        (folder / name).write_bytes(base64.b64decode(value))
    command = ["nginx", "-t", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def volume_of(home: Home, stack: str, config: dict[str, Any]) -> dict[str, str]:
    with opened(stack, home=home, config=config, records_only=True) as local:
        local.up()
        (volume,) = local.container_groups()[0].inputs["volumes"]
    return dict(volume["secret"])


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_nginx_accepts_the_configuration_of_a_committed_stack(tmp_path: Path, stack: str) -> None:
    volume = volume_of(shared_home(tmp_path / "home"), stack, {})

    checked = nginx_t(tmp_path, volume)

    assert set(volume) == {"nginx.conf", "server.crt", "server.key", "ca.crt"}
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


def test_nginx_accepts_many_clients_and_long_names(tmp_path: Path) -> None:
    names = [{"name": f"{'n' * 60}{i:04}"} for i in range(40)]
    config = {"dnsLabel": "l" * 56, "serverNames": [f"{'s' * 63}.{'t' * 63}.example.com"]}
    volume = volume_of(shared_home(tmp_path / "h"), "dev", {**config, "clients": names})

    checked = nginx_t(tmp_path, volume)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("word", ["default", "include", "hostnames", "volatile"])
def test_nginx_accepts_clients_that_are_called_like_a_word_of_its_own(
    tmp_path: Path, word: str
) -> None:
    client = {"name": word, "paths": ["/openapi.json"], "requestsPerSecond": 1}
    volume = volume_of(shared_home(tmp_path / "h"), "dev", {"clients": [client]})

    checked = nginx_t(tmp_path, volume)

    assert checked.returncode == 0, checked.stderr


LONG_NAMES = [f"n{i:02}{LONG_NAME[3:]}" for i in range(99)]
"""As many of the longest as are taken, beside another one."""


def test_nginx_accepts_as_many_and_as_long_names_as_the_settings(tmp_path: Path) -> None:
    config = {"serverNames": ["localhost", *LONG_NAMES], "endpointPort": 65535}
    volume = volume_of(shared_home(tmp_path / "h"), "dev", config)

    checked = nginx_t(tmp_path, volume)

    assert checked.returncode == 0, checked.stderr


def test_clients_shake_hands_with_a_certificate_for_as_many_and_as_long_names(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tmp_path = tmp_path_factory.mktemp("n")  # sockets take no long paths
    config = {**free_ports(), "serverNames": ["localhost", *LONG_NAMES]}
    with opened("local", home=shared_home(tmp_path / "h"), config=config) as local:
        local.up()
        outputs = plain(local.stack.outputs())
        (volume,) = local.container_groups()[0].inputs["volumes"]
        try:
            write_alices(tmp_path, outputs)
            assert predict(tmp_path / "alice", [[10.0]]) == [[19.0]]
        finally:
            local.stack.destroy()
            local.remove()
    server = x509.load_pem_x509_certificate(base64.b64decode(volume["secret"]["server.crt"]))
    # What Java's clients take, with room for the user's CAs.
    assert len(server.public_bytes(Encoding.DER)) < 25_000


def build(destination: Path, volume: str) -> subprocess.CompletedProcess[str]:
    """What the sidecar's image is built with."""
    environment = {**os.environ, "DESTDIR": str(destination), "EXAMPLE_VOLUME": volume}
    command = [str(PROJECT / "nginx/build.sh")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_image_is_built_where_nginx_accepts_the_example_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = build(tmp_path, nginx_example.volume())
    monkeypatch.setitem(nginx_example.VARIABLES, "accepted", {'0A" "': "two words too many"})
    refused = build(tmp_path, nginx_example.volume())

    assert accepted.returncode == 0, accepted.stderr
    assert "warn" not in accepted.stderr
    assert refused.returncode != 0
    assert "emerg" in refused.stderr


@pytest.mark.parametrize("algorithm", ["RSA-2048", "ECDSA-P384"])
def test_the_other_kinds_of_keys_shake_hands(
    tmp_path_factory: pytest.TempPathFactory, algorithm: str
) -> None:
    tmp_path = tmp_path_factory.mktemp("k")  # sockets take no long paths
    home = shared_home(tmp_path / "h")
    config = {**free_ports(), "certificates": {"keyAlgorithm": algorithm}}
    with opened("local", home=home, config=config) as local:
        local.up()
        outputs = plain(local.stack.outputs())
        try:
            write_alices(tmp_path, outputs)
            assert predict(tmp_path / "alice", [[10.0], [9.0]]) == [[19.0], [17.0]]
        finally:
            local.stack.destroy()
            local.remove()
