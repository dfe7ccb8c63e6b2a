"""The registry's token exchange, over real TLS."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from common.refusal import Refusal
from localcloud.azure.cloud import Cloud, Record
from localcloud.azure.registry import RegistryServers
from tests.localcloud.arm import REGISTRY


class Door:
    """One open registry."""

    def __init__(self, folder: Path) -> None:
        self.cloud = Cloud(folder / "resources.json")
        self.servers = RegistryServers(self.cloud, folder)
        self.login_server = self.servers.start()

    def ask(self, path: str = "/oauth2/exchange", **changes: str) -> httpx.Response:
        form = {
            "grant_type": "access_token",
            "service": self.login_server,
            "access_token": self.cloud.arm_token,
        }
        trust = ssl.create_default_context(cafile=self.servers.certificate)
        with httpx.Client(verify=trust) as client:
            return client.post(f"https://{self.login_server}{path}", data={**form, **changes})


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.servers.stop_all()


def test_the_deployers_token_buys_one_that_pushes_to_this_registry_only(door: Door) -> None:
    answer = door.ask()

    assert answer.status_code == httpx.codes.OK
    assert door.cloud.push_tokens == {answer.json()["refresh_token"]: door.login_server}


def test_every_exchange_gives_another_token(door: Door) -> None:
    assert door.ask().json() != door.ask().json()


@pytest.mark.parametrize("token", ["", "wrong", "Bearer"])
def test_a_wrong_token_is_unauthorized(door: Door, token: str) -> None:
    answer = door.ask(access_token=token)

    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert answer.json() == {"errors": [{"code": "UNAUTHORIZED"}]}
    assert door.cloud.push_tokens == {}


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/oauth2/exchange", {"grant_type": "password"}),
        ("/oauth2/exchange", {"service": "localhost:1"}),
        ("/oauth2/exchange", {"service": ""}),
        ("/oauth2/token", {}),
    ],
)
def test_another_question_is_a_bad_request(door: Door, path: str, change: dict[str, str]) -> None:
    assert door.ask(path, **change).status_code == httpx.codes.BAD_REQUEST
    assert door.cloud.push_tokens == {}


def test_a_client_that_does_not_trust_the_certificate_gets_nothing(door: Door) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.post(f"https://{door.login_server}/oauth2/exchange", verify=True)


def test_nothing_is_printed_whatever_clients_do(
    door: Door, capfd: pytest.CaptureFixture[str]
) -> None:
    door.ask()
    door.ask(grant_type="password")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"https://{door.login_server}/")
    address = urlsplit(f"//{door.login_server}")
    with socket.create_connection((address.hostname, address.port)) as rude:
        rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
        rude.recv(1)
    time.sleep(0.1)

    assert capfd.readouterr() == ("", "")


def test_who_connects_and_says_nothing_keeps_nobody_waiting(door: Door) -> None:
    address = urlsplit(f"//{door.login_server}")
    with socket.create_connection((address.hostname, address.port)):
        assert door.ask().status_code == httpx.codes.OK
        started = time.monotonic()
        door.servers.stop_all()
        assert time.monotonic() - started < 5


def test_the_key_is_for_its_owner_only(door: Door, tmp_path: Path) -> None:
    assert (tmp_path / "registry.key").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in door.servers.certificate.read_text()


def test_a_registry_has_the_same_address_and_certificate_in_the_next_run(
    door: Door, tmp_path: Path
) -> None:
    _remember(door)
    before = door.servers.certificate.read_bytes()
    door.servers.stop_all()

    cloud = Cloud(tmp_path / "resources.json")
    servers = RegistryServers(cloud, tmp_path)
    servers.start_all()
    door.cloud, door.servers = cloud, servers

    assert door.ask().status_code == httpx.codes.OK
    assert servers.certificate.read_bytes() == before


def test_a_registry_whose_port_is_taken_is_refused_with_the_port(
    door: Door, tmp_path: Path
) -> None:
    _remember(door)
    port = door.login_server.partition(":")[2]

    with pytest.raises(Refusal) as refused:
        RegistryServers(Cloud(tmp_path / "resources.json"), tmp_path).start_all()

    assert str(refused.value) == (
        f"port {port} of the registry localhost:{port} is taken on this machine "
        f"(`ss -ltnp 'sport = :{port}'` shows by whom); stop the other program"
    )


def test_no_token_is_written_to_disk(door: Door, tmp_path: Path) -> None:
    token = door.ask().json()["refresh_token"]
    _remember(door)

    for file in tmp_path.iterdir():
        assert token not in file.read_text()
        assert door.cloud.arm_token not in file.read_text()


def _remember(door: Door) -> None:
    with door.cloud.changing() as records:
        records["r"] = Record("r", REGISTRY, "urn", {}, {"loginServer": door.login_server})
    assert json.loads((door.servers.certificate.parent / "resources.json").read_text())
