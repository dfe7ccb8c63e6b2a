"""What no bundle is written for, in one sentence each, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.made import MadeAuthority, MadeStack, refused, run_clients, snapshot


def test_an_unknown_client_is_answered_with_the_known_ones(
    stack: MadeStack, tmp_path: Path
) -> None:
    ran = stack.bundle(tmp_path / "out", "alcie")

    refused(ran, '"alcie"', "did you mean alice?", "alice, bob")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "", ".", "alice/../bob"])
def test_a_name_that_is_not_on_the_list_never_becomes_a_path(
    stack: MadeStack, tmp_path: Path, name: str
) -> None:
    before = snapshot(tmp_path)

    refused(stack.bundle(tmp_path / "out", name), "there is no client", "alice, bob")

    stack.file.unlink()
    assert snapshot(tmp_path).keys() == before.keys()


def other_key(stack: MadeStack) -> None:
    stack.clients["alice"]["privateKeyPem"] = stack.clients["bob"]["privateKeyPem"]


def other_ca(stack: MadeStack) -> None:
    stack.outputs["endpoint"]["caCertificatesPem"] = MadeAuthority().pem


def leaf_as_ca(stack: MadeStack) -> None:
    leaf = MadeAuthority(may_sign=False)
    stack.outputs["endpoint"]["caCertificatesPem"] = leaf.pem
    stack.clients["alice"] = leaf.issue("alice")


def broken_certificate(stack: MadeStack) -> None:
    stack.clients["alice"]["certificatePem"] = "no certificate"


def broken_key(stack: MadeStack) -> None:
    pem = stack.clients["alice"]["privateKeyPem"]
    stack.clients["alice"]["privateKeyPem"] = pem[:100] + pem[104:]


def key_is_no_text(stack: MadeStack) -> None:
    stack.clients["alice"]["privateKeyPem"] = [stack.clients["alice"]["privateKeyPem"]]


def no_key(stack: MadeStack) -> None:
    del stack.clients["alice"]["privateKeyPem"]


def hidden(stack: MadeStack) -> None:
    stack.outputs["clientCertificates"] = "[secret]"


def no_clients(stack: MadeStack) -> None:
    del stack.outputs["clientCertificates"]


def no_endpoint(stack: MadeStack) -> None:
    del stack.outputs["endpoint"]


def endpoint_setter(key: str, value: Any) -> Callable[[MadeStack], None]:
    def change(stack: MadeStack) -> None:
        stack.outputs["endpoint"][key] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_key, ["private key of alice does not belong"]),
        (other_ca, ["not signed by a CA of the endpoint"]),
        (leaf_as_ca, ["not signed by a CA of the endpoint"]),
        (broken_certificate, ["certificate of alice is no certificate"]),
        (broken_key, ["private key of alice is no unencrypted"]),
        (key_is_no_text, ["clientCertificates.alice.privateKeyPem"]),
        (no_key, ["clientCertificates.alice.privateKeyPem: field required"]),
        (hidden, ["clientCertificates is hidden", "--show-secrets"]),
        (no_clients, ["no output clientCertificates", "pulumi up"]),
        (no_endpoint, ["no output endpoint", "pulumi up"]),
        (endpoint_setter("version", 2), ['version "2"', "version 1"]),
        (endpoint_setter("auth", "none"), ["auth: none", "no bundles"]),
        (endpoint_setter("auth", "oauth"), ["endpoint.auth"]),
        (endpoint_setter("predictUrl", "https://a/$(touch escaped)"), ["endpoint.predictUrl"]),
        (endpoint_setter("predictUrl", 'https://a/"+evil()+"'), ["endpoint.predictUrl"]),
        (endpoint_setter("caCertificatesPem", ""), ["endpoint.caCertificatesPem"]),
    ],
)
def test_outputs_that_make_no_good_bundle_are_refused(
    stack: MadeStack, tmp_path: Path, change: Callable[[MadeStack], None], words: list[str]
) -> None:
    change(stack)

    refused(stack.bundle(tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "\x00\xff"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_bytes(text.encode("latin-1"))
    given = ("--client", "alice", "--out", tmp_path / "out", "--no-p12")

    refused(run_clients("bundle", "--outputs", file, *given), "holds no outputs")
    refused(run_clients("bundle", "--outputs", tmp_path / "x", *given), "No such file")
    refused(run_clients("bundle", "--outputs", tmp_path, *given), "Is a directory")


def files_of_somebody(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("ten years of work")


def not_described(folder: Path) -> None:
    folder.mkdir()
    (folder / "endpoint.json").write_text(json.dumps(["client", "alice"]))


def a_file(folder: Path) -> None:
    folder.write_text("a file")


def a_link(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    folder.symlink_to(folder.parent / "elsewhere")


def a_dangling_link(folder: Path) -> None:
    folder.symlink_to(folder.parent / "nowhere")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (files_of_somebody, "files that are not a bundle"),
        (not_described, "files that are not a bundle"),
        (a_file, "is a file"),
        (a_link, "symbolic link"),
        (a_dangling_link, "symbolic link"),
    ],
)
def test_what_is_no_bundle_is_never_replaced(
    stack: MadeStack, tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    parent = tmp_path / "parent"
    parent.mkdir()
    make(parent / "out")
    before = snapshot(parent)

    refused(stack.bundle(parent / "out"), words, "--out")
    assert snapshot(parent) == before


def test_a_bundle_of_somebody_else_or_for_another_endpoint_is_never_replaced(
    stack: MadeStack, tmp_path: Path
) -> None:
    folder = tmp_path / "parent" / "out"
    assert stack.bundle(folder).code == 0
    before = snapshot(folder.parent)

    refused(stack.bundle(folder, "bob"), "bundle of alice")
    stack.outputs["endpoint"]["fqdn"] = "demo-xyz789.westeurope.azurecontainer.io"
    refused(stack.bundle(folder), "another endpoint", "demo-abc123")
    stack.outputs["endpoint"]["url"] = "https://other.example.com"
    refused(stack.bundle(folder), "another endpoint", "https://demo.example.com")
    assert snapshot(folder.parent) == before


@pytest.mark.parametrize("name", ["notes.txt", "snippets/mine.py", "more/deep.txt", "empty/"])
def test_a_file_that_is_not_part_of_the_bundle_is_not_lost(
    stack: MadeStack, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "parent" / "out"
    assert stack.bundle(folder).code == 0
    if name.endswith("/"):
        (folder / name).mkdir()
    else:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
    before = snapshot(folder.parent)

    refused(stack.bundle(folder), name.rstrip("/"), "move it away")
    assert snapshot(folder.parent) == before


def test_an_empty_name_for_the_folder_is_refused(stack: MadeStack) -> None:
    refused(run_clients("bundle", "--outputs", stack.file, "--client", "alice", "--out="), "empty")
