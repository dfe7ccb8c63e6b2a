"""What is in a bundle, and who may read it."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from clients.bundle import write_bundle
from common.names import PROJECT
from tests.clients.made import PASSWORD, MadeStack, refused, run_clients, snapshot

PEM_SAMPLES = {"curl.sh", "with_requests.py", "with_httpx.py", "main.go"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_bundle_is_the_certificate_the_key_the_ca_and_where_to_call(
    stack: MadeStack, tmp_path: Path
) -> None:
    ran = stack.bundle(tmp_path / "alice")

    alice = stack.clients["alice"]
    assert ran.code == 0, ran.err
    assert (tmp_path / "alice/client.crt").read_text() == alice["certificatePem"]
    assert (tmp_path / "alice/client.key").read_text() == alice["privateKeyPem"]
    assert (tmp_path / "alice/ca.crt").read_text() == stack.authority.pem
    described = json.loads((tmp_path / "alice/endpoint.json").read_text())
    del stack.outputs["endpoint"]["caCertificatesPem"]
    assert described == {
        **stack.endpoint,
        "client": "alice",
        "serialNumber": alice["serialNumber"],
        "notAfter": alice["notAfter"],
    }
    assert {p.name for p in (tmp_path / "alice/snippets").iterdir()} == PEM_SAMPLES
    assert not (tmp_path / "alice/client.p12").exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_its_owner_can_read_a_bundle_whatever_the_umask(
    stack: MadeStack, tmp_path: Path, umask: int
) -> None:
    folder = tmp_path / "new" / "alice"
    given = ("--outputs", stack.file, "--client", "alice", "--out", folder, "--password-stdin")

    ran = run_clients("bundle", *given, stdin=PASSWORD.encode(), umask=umask)

    assert ran.code == 0, ran.err
    assert {path.relative_to(folder).as_posix(): mode(path) for path in folder.rglob("*")} == {
        "client.crt": 0o644,
        "client.key": 0o600,
        "client.p12": 0o600,
        "ca.crt": 0o644,
        "endpoint.json": 0o644,
        "snippets": 0o700,
        "snippets/curl.sh": 0o755,
        "snippets/keystore.sh": 0o755,
        "snippets/main.go": 0o644,
        "snippets/Main.java": 0o644,
        "snippets/with_httpx.py": 0o644,
        "snippets/with_requests.py": 0o644,
    }
    assert (mode(folder), mode(folder.parent)) == (0o700, 0o700)


def test_the_key_is_private_from_the_moment_it_is_made(
    stack: MadeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os  # noqa: PLC0415  only to look over its shoulder

    modes = {}
    real_open = os.open

    def watched(path: Path, flags: int, mode: int = 0o777, **more: int) -> int:
        descriptor = real_open(path, flags, mode, **more)
        if flags & os.O_CREAT:
            assert flags & os.O_EXCL
            modes[Path(path).name] = stat.S_IMODE(os.fstat(descriptor).st_mode)
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        write_bundle(tmp_path / "alice", "alice", stack.endpoint, stack.clients["alice"])
    finally:
        os.umask(before)

    assert modes["client.key"] == 0o600


def test_the_newest_generation_is_taken_and_an_accepted_older_one_on_request(
    stack: MadeStack, tmp_path: Path
) -> None:
    issue = stack.authority.issue
    second = issue("alice", generation=2)
    # Pulumi may write whole numbers with a point.
    newest = {**issue("alice", generation=3.0), "earlierGenerations": [second]}
    stack.clients["alice"] = newest

    assert stack.bundle(tmp_path / "newest").code == 0
    assert stack.bundle(tmp_path / "third", "alice", "--generation", 3).code == 0
    assert stack.bundle(tmp_path / "second", "alice", "--generation", 2).code == 0

    for name, expected in (("newest", newest), ("third", newest), ("second", second)):
        described = json.loads((tmp_path / name / "endpoint.json").read_text())
        assert (tmp_path / name / "client.key").read_text() == expected["privateKeyPem"]
        assert described["serialNumber"] == expected["serialNumber"]
        assert described["generation"] == expected["generation"]
    refused(stack.bundle(tmp_path / "x", "alice", "--generation", 1), "generation 1", "only 3, 2")
    refused(stack.bundle(tmp_path / "x", "bob", "--generation", 1), "no generations", "leave")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=-2), "expired on"),
        (timedelta(days=1, hours=1), "ends in 1 day,"),
        (timedelta(days=29, hours=23), "ends in 29 days,"),
        (timedelta(days=30, hours=1), None),
    ],
)
def test_a_certificate_that_has_little_time_left_is_written_with_a_warning(
    stack: MadeStack, tmp_path: Path, left: timedelta, words: str | None
) -> None:
    stack.clients["alice"] = stack.authority.issue("alice", ends_in=left)

    ran = stack.bundle(tmp_path / "alice")

    assert ran.code == 0
    assert (tmp_path / "alice/client.key").exists()
    if words is None:
        assert ran.err == ""
    else:
        assert ran.err.startswith("warning: ")
        assert words in ran.err


def test_outputs_can_come_from_standard_input(stack: MadeStack, tmp_path: Path) -> None:
    given = ("--outputs", "-", "--client", "alice", "--out", tmp_path / "alice", "--no-p12")

    ran = run_clients("bundle", *given, stdin=stack.file.read_bytes())

    assert ran.code == 0, ran.err
    assert (tmp_path / "alice/client.key").exists()


def test_a_file_needs_no_pulumi(stack: MadeStack, tmp_path: Path) -> None:
    given = ("--outputs", stack.file, "--client", "alice", "--out", tmp_path / "a", "--no-p12")

    assert run_clients("bundle", *given, env={"PATH": "/nonexistent"}).code == 0


def test_two_folders_and_three_packages_are_all_that_a_consumer_needs(
    stack: MadeStack, tmp_path: Path
) -> None:
    """As docs/operations.md says of somebody who reads a bundle from the key vault."""
    for name in ("clients", "common"):
        shutil.copytree(PROJECT / name, tmp_path / "away" / name)
    lacking = ("yaml", "pulumi", "httpx", "jsonschema_rs", "grpc", "mtls_model_client")
    code = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({lacking}))\n"
        "sys.path.insert(0, '.'); sys.argv[0] = 'clients'\n"
        "runpy.run_module('clients', run_name='__main__')"
    )
    bundle = ["bundle", "--outputs", stack.file, "--client", "alice", "--no-p12", "--out", "alice"]

    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *map(str, bundle)],
        cwd=tmp_path / "away",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "away/alice/client.key").exists()


def test_make_up_writes_bundles_without_a_password_and_leaves_good_ones_alone(
    stack: MadeStack, tmp_path: Path
) -> None:
    folder = tmp_path / "alice"
    assert stack.bundle(folder, password=PASSWORD).code == 0
    (folder / "notes.txt").write_text("mine")
    before = snapshot(folder)

    write_bundle(folder, "alice", stack.endpoint, stack.clients["alice"])
    assert snapshot(folder) == before

    renewed = stack.authority.issue("alice")
    write_bundle(folder, "alice", stack.endpoint, renewed)
    assert (folder / "client.key").read_text() == renewed["privateKeyPem"]
    assert (folder / "notes.txt").read_text() == "mine"
    # It held the old key, and there is no password to make a new one with.
    assert not (folder / "client.p12").exists()
