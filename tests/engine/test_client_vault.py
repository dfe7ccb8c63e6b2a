"""Bundles through the key vault, under the real engine: who gets which, when, and for how long."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.__main__ import main as clients
from clients.predict import predict
from common import names
from common.refusal import Refusal
from localcloud.azure import vaults
from localcloud.home import Home
from localcloud.plugins.azure_native import AzureNative
from localcloud.plugins.base import Properties, logical_name
from localcloud.stack import LocalStack, opened, plain
from tests.conftest import free_ports, shared_home
from tests.engine.engine import recorded, up

APP = "0a8f5a52-6d8e-4a1c-9a53-0d8a3b6f4c11"
OTHER = "0a8f5a52-6d8e-4a1c-9a53-0d8a3b6f4c13"
READERS: list[dict[str, Any]] = [
    {"name": "alice", "readers": [APP]},
    {"name": "bob", "readerGroups": [OTHER]},
    {"name": "carol"},
]


def secret(local: LocalStack, client: str) -> str:
    """ARM id of a client's secret."""
    (record,) = (
        r
        for r in local.cloud.all(names.VAULT_SECRET)
        if r.inputs["secretName"] == f"client-{client}"
    )
    return record.id


def fetched(local: LocalStack, principal: str, client: str) -> dict[str, Any]:
    """What a reader gets of the vault."""
    got: dict[str, Any] = json.loads(
        vaults.read_secret(local.cloud, [principal], secret(local, client))
    )
    return got


def bundle(held: dict[str, Any], client: str, folder: Path) -> Path:
    """A bundle made of what the vault holds, with the command that reads a stack's outputs."""
    folder.mkdir()
    file = folder / "held.json"
    file.write_text(json.dumps(held))
    arguments = ["--outputs", str(file), "--client", client, "--out", str(folder / "bundle")]
    assert clients(["bundle", *arguments, "--no-p12"]) == 0
    return folder / "bundle"


# Two tests that are one story, told in order on one deployment of the stack `local` that runs.


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return {**free_ports(), "clients": READERS}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any]) -> Iterator[Home]:
    home = shared_home(tmp_path_factory.mktemp("vault"))
    yield home
    with opened("local", home=home, config=config) as local:
        local.stack.destroy()
        local.remove()


def test_what_a_reader_gets_makes_a_prediction(
    home: Home, config: dict[str, Any], tmp_path: Path
) -> None:
    with opened("local", home=home, config=config) as local:
        up(local)
        for client, reader in (("alice", APP), ("bob", OTHER)):
            made = bundle(fetched(local, reader, client), client, tmp_path / client)
            assert predict(made, [[10.0], [9.0]]) == [[19.0], [17.0]]


def test_a_rotation_brings_a_new_bundle_when_the_endpoint_knows_it(
    home: Home, config: dict[str, Any], tmp_path: Path
) -> None:
    rotated = [{**READERS[0], "generations": [2]}, *READERS[1:]]
    with opened("local", home=home, config=config) as local:
        old = bundle(fetched(local, APP, "alice"), "alice", tmp_path / "old")
    with opened("local", home=home, config={**config, "clients": rotated}) as local:
        recorder = up(local)
        new = bundle(fetched(local, APP, "alice"), "alice", tmp_path / "new")

        steps = [name for _, name in recorder.order]
        assert steps.index("endpoint-group") < steps.index("client-vault-secret-alice")
        assert recorder.operations["client-vault-secret-alice"] == "update"
        assert "client-vault-secret-bob" not in recorder.operations
        assert predict(new, [[1.0]]) == [[1.0]]
        with pytest.raises(httpx.HTTPStatusError) as refused:
            predict(old, [[1.0]])
        assert refused.value.response.status_code == httpx.codes.FORBIDDEN


# The stack `dev` in recording mode, deployed once; each test has a copy.


@pytest.fixture(scope="module")
def _deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readers")
    with recorded(folder, config={"clients": READERS}) as local:
        up(local)
    return folder


@pytest.fixture
def deployed(_deployed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(_deployed, tmp_path / "home"))


def test_a_reader_reads_its_own_secret_and_nobody_elses(deployed: Path) -> None:
    with recorded(deployed, config={"clients": READERS}) as local:
        for reader, own, other in ((APP, "alice", "bob"), (OTHER, "bob", "alice")):
            assert list(fetched(local, reader, own)["clientCertificates"]) == [own]
            with pytest.raises(Refusal, match="Caller is not authorized"):
                fetched(local, reader, other)
        secrets = {r.inputs["secretName"] for r in local.cloud.all(names.VAULT_SECRET)}

    assert secrets == {"client-alice", "client-bob"}


def test_a_second_up_changes_nothing_and_the_uris_are_plain(deployed: Path) -> None:
    with recorded(deployed, config={"clients": READERS}) as local:
        assert up(local).operations == {}
        output = local.stack.outputs()["clientSecrets"]
        (vault,) = local.cloud.all(names.VAULT)

    assert not output.secret
    uri = f"https://{vault.inputs['vaultName']}.vault.azure.net/secrets/client-"
    assert output.value == {"alice": f"{uri}alice", "bob": f"{uri}bob"}


def test_no_private_key_is_readable_in_the_state(deployed: Path) -> None:
    with recorded(deployed, config={"clients": READERS}) as local:
        assert "PRIVATE KEY" in json.dumps(fetched(local, APP, "alice"))

    files = [f for f in (deployed / "pulumi/state").rglob("*") if f.is_file()]
    assert files
    assert [f for f in files if b"PRIVATE KEY" in f.read_bytes()] == []


def test_a_reader_that_is_taken_out_loses_the_role_and_the_client_keeps_its_certificate(
    deployed: Path,
) -> None:
    clients = [{"name": "alice", "readers": [OTHER]}, *READERS[1:]]
    with recorded(deployed, config={"clients": clients}) as local:
        operations = up(local).operations

        assert operations == {
            f"client-vault-reader-alice-{APP}": "delete",
            f"client-vault-reader-alice-{APP}-name": "delete",
            f"client-vault-reader-alice-{OTHER}": "create",
            f"client-vault-reader-alice-{OTHER}-name": "create",
        }
        assert fetched(local, OTHER, "alice")
        with pytest.raises(Refusal, match="Caller is not authorized"):
            fetched(local, APP, "alice")


def test_a_client_that_is_taken_out_goes_with_its_secret_and_may_come_back(
    deployed: Path,
) -> None:
    with recorded(deployed, config={"clients": READERS}) as local:
        before = fetched(local, OTHER, "bob")["clientCertificates"]["bob"]
    with recorded(deployed, config={"clients": [READERS[0], READERS[2]]}) as local:
        operations = up(local).operations
        assert operations["client-vault-secret-bob"] == "delete"
        assert operations[f"client-vault-reader-bob-{OTHER}"] == "delete"
        assert "client-vault-vault" not in operations
    with recorded(deployed, config={"clients": READERS}) as local:
        up(local)
        after = fetched(local, OTHER, "bob")["clientCertificates"]["bob"]

    assert after["privateKeyPem"] != before["privateKeyPem"]


def test_the_last_reader_takes_the_vault_along_and_secrets_are_not_deleted_one_by_one(
    deployed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which needs rights in the vault that the deployer may not have."""
    deleted: list[str] = []
    delete = AzureNative.delete

    def noted(self: AzureNative, urn: str, id_: str, state: Properties) -> None:
        deleted.append(logical_name(urn))
        delete(self, urn, id_, state)

    monkeypatch.setattr(AzureNative, "delete", noted)
    with recorded(deployed, config={"clients": [{"name": "alice"}]}) as local:
        up(local)
        assert local.cloud.all(names.VAULT) == local.cloud.all(names.VAULT_SECRET) == []
        outputs = plain(local.stack.outputs())
    # The name is taken now; the next vault has another.
    with recorded(deployed, config={"clients": READERS}) as local:
        up(local)
        assert fetched(local, APP, "alice")

    assert outputs["clientSecrets"] == {}
    assert "client-vault-vault" in deleted
    assert not [name for name in deleted if name.startswith("client-vault-secret-")]
