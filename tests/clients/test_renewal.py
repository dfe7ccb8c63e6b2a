"""A bundle is replaced at one stroke, or stays as it was."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from clients import folder as bundle_folder
from clients.bundle import write_bundle
from common.refusal import Refusal
from tests.clients.made import PASSWORD, MadeAuthority, MadeStack, snapshot


def pair(folder: Path) -> tuple[str, str]:
    return (folder / "client.crt").read_text(), (folder / "client.key").read_text()


def pair_of(entry: dict[str, str]) -> tuple[str, str]:
    return entry["certificatePem"], entry["privateKeyPem"]


def test_renewal_replaces_everything_that_is_the_old_certificates(
    stack: MadeStack, tmp_path: Path
) -> None:
    out = tmp_path / "parent" / "out"
    assert stack.bundle(out, password=PASSWORD).code == 0
    old = (out / "client.p12").read_bytes()
    stack.clients["alice"] = stack.authority.issue("alice")

    assert stack.bundle(out, password=PASSWORD).code == 0
    assert pair(out) == pair_of(stack.clients["alice"])
    assert (out / "client.p12").read_bytes() != old

    assert stack.bundle(out).code == 0
    assert not (out / "client.p12").exists()
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_truststore_stays_as_long_as_the_ca_does(stack: MadeStack, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert stack.bundle(out, password=PASSWORD).code == 0
    (out / "truststore.p12").write_bytes(b"made by snippets/keystore.sh")
    stack.clients["alice"] = stack.authority.issue("alice")

    assert stack.bundle(out, password=PASSWORD).code == 0
    assert (out / "truststore.p12").read_bytes() == b"made by snippets/keystore.sh"

    stack.outputs["endpoint"]["caCertificatesPem"] += MadeAuthority("demo CA 2").pem
    assert stack.bundle(out, password=PASSWORD).code == 0
    assert not (out / "truststore.p12").exists()


def test_files_of_the_old_bundle_that_are_links_lead_nowhere(
    stack: MadeStack, tmp_path: Path
) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    assert stack.bundle(out).code == 0
    elsewhere.write_text("untouched")
    for name in ("client.key", "client.crt", "ca.crt"):
        (out / name).unlink()
        (out / name).symlink_to(elsewhere)

    assert stack.bundle(out).code == 0
    assert elsewhere.read_text() == "untouched"
    assert not any(path.is_symlink() for path in out.rglob("*"))
    assert pair(out) == pair_of(stack.clients["alice"])


@pytest.mark.parametrize("step", range(9))
def test_whatever_fails_on_the_way_leaves_the_old_bundle_whole(
    stack: MadeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    out = tmp_path / "parent" / "out"
    write_bundle(out, "alice", stack.endpoint, stack.clients["alice"])
    before = snapshot(out.parent)
    real_write, steps = bundle_folder._write, iter(range(9))

    def failing(path: Path, file: bundle_folder.File) -> None:
        if next(steps) == step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real_write(path, file)

    def failing_rename(path: Path, target: Path) -> Path:
        if target == out and not path.name.endswith(".old"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.rename(path, target)
        return target

    if step < 8:
        monkeypatch.setattr(bundle_folder, "_write", failing)
    else:
        monkeypatch.setattr(Path, "rename", failing_rename)
    with pytest.raises(Refusal, match=r"cannot be written: .* unchanged"):
        write_bundle(out, "alice", stack.endpoint, stack.authority.issue("alice"))

    assert snapshot(out.parent) == before


def test_a_reader_never_finds_a_key_with_another_certificate(
    stack: MadeStack, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    entries = [stack.authority.issue("alice") for _ in range(2)]
    write_bundle(out, "alice", stack.endpoint, entries[0])
    done = threading.Event()

    def renew() -> None:
        for number in range(60):
            write_bundle(out, "alice", stack.endpoint, entries[(number + 1) % 2])
        done.set()

    renewing = threading.Thread(target=renew)
    renewing.start()
    complete = 0
    while not done.is_set():
        try:
            opened = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            certificate, key = (_read(name, opened) for name in ("client.crt", "client.key"))
        except FileNotFoundError:
            continue  # the old folder, opened before it was replaced and removed since
        finally:
            os.close(opened)
        assert _fits(certificate, key)
        complete += 1
    renewing.join()
    assert complete > 0


def _read(name: str, folder: int) -> bytes:
    with open(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as file:
        return file.read()


def _fits(certificate: bytes, key: bytes) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    public = serialization.load_pem_private_key(key, password=None).public_key()
    of_certificate = x509.load_pem_x509_certificate(certificate).public_key()
    return public.public_bytes(*form) == of_certificate.public_bytes(*form)
