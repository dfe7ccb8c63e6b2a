"""`client.p12`: what opens it, what protects it, and where its password may come from."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from common.names import PROJECT
from tests.clients.made import (
    PASSWORD,
    MadeAuthority,
    MadeStack,
    no_key_in,
    refused,
    run_clients,
    tool,
)


@pytest.fixture
def keystore(stack: MadeStack, tmp_path: Path) -> Path:
    """Of alice, with two CA certificates, as while a CA is being replaced."""
    stack.outputs["endpoint"]["caCertificatesPem"] += MadeAuthority("demo CA 2").pem
    assert stack.bundle(tmp_path / "alice", password=PASSWORD).code == 0
    return tmp_path / "alice/client.p12"


def openssl(keystore: Path, *options: str, password: str = PASSWORD) -> tuple[int, str, str]:
    done = subprocess.run(
        [tool("openssl"), "pkcs12", "-in", keystore, "-passin", "stdin", *options],
        input=password,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_openssl_finds_key_certificate_and_every_ca_in_it(stack: MadeStack, keystore: Path) -> None:
    code, text, said = openssl(keystore, "-noenc")

    assert code == 0, said
    found = x509.load_pem_x509_certificates(text.encode())
    assert [c.subject.rfc4514_string() for c in found] == ["CN=alice", "CN=demo CA", "CN=demo CA 2"]
    form = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    key = serialization.load_pem_private_key(text.encode(), password=None)
    # Compared here, not in the assertion: pytest would print both.
    same = key.private_bytes(*form).decode() == stack.clients["alice"]["privateKeyPem"]
    assert same


def test_everything_in_it_is_protected_alike(keystore: Path) -> None:
    _, _, said = openssl(keystore, "-info", "-noenc", "-nokeys")

    protected = "PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256"
    assert re.findall(r"Iteration (\d+)", said) == ["600000"] * 3
    assert "MAC: sha256, Iteration 600000" in said
    assert f"PKCS7 Encrypted data: {protected}" in said
    assert f"Shrouded Keybag: {protected}" in said


def test_another_password_does_not_open_it(keystore: Path) -> None:
    code, text, said = openssl(keystore, "-noenc", password=PASSWORD + "x")

    assert code != 0
    assert text == ""
    assert "invalid password" in said


def test_keytool_finds_the_client_under_its_name_with_its_chain(
    stack: MadeStack, keystore: Path
) -> None:
    done = subprocess.run(
        [tool("keytool"), "-J-Duser.language=en", "-list", "-v", "-keystore", keystore],
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=False,
    )

    certificate = x509.load_pem_x509_certificate(stack.clients["alice"]["certificatePem"].encode())
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    assert done.returncode == 0, done.stdout
    assert "Alias name: alice" in done.stdout
    assert "Entry type: PrivateKeyEntry" in done.stdout
    assert "Certificate chain length: 2" in done.stdout
    assert fingerprint in done.stdout


@pytest.mark.parametrize("ending", ["\n", "\r\n", "", "\nsecond line\n"])
def test_the_password_is_the_first_line_of_standard_input(
    stack: MadeStack, tmp_path: Path, ending: str
) -> None:
    given = ("--outputs", stack.file, "--client", "alice", "--out", tmp_path / "a")

    ran = run_clients("bundle", *given, "--password-stdin", stdin=f" {PASSWORD}{ending}".encode())

    assert ran.code == 0, ran.err
    assert openssl(tmp_path / "a/client.p12", "-noout", password=f" {PASSWORD}")[0] == 0
    assert PASSWORD not in ran.out + ran.err
    assert not any(PASSWORD.encode() in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("options", "stdin", "words"),
    [
        ([], b"", ["no terminal", "--password-stdin", "--no-p12"]),
        ([], b"secret\n", ["no terminal", "--password-stdin", "--no-p12"]),
        (["--password-stdin"], b"", ["is empty"]),
        (["--password-stdin"], b"\n", ["is empty"]),
        (["--password-stdin"], "pässword\n".encode(), ["printable ASCII"]),
        (["--password-stdin"], b"\xff\xfe\n", ["printable ASCII"]),
        (["--password-stdin"], b"tab\there\n", ["printable ASCII"]),
    ],
)
def test_without_a_good_password_nothing_is_written(
    stack: MadeStack, tmp_path: Path, options: list[str], stdin: bytes, words: list[str]
) -> None:
    given = ("--outputs", stack.file, "--client", "alice", "--out", tmp_path / "a", *options)

    refused(run_clients("bundle", *given, stdin=stdin), *words)
    assert not (tmp_path / "a").exists()


def test_outputs_and_password_cannot_both_be_standard_input(
    stack: MadeStack, tmp_path: Path
) -> None:
    given = ("--outputs", "-", "--client", "alice", "--out", tmp_path / "a", "--password-stdin")

    refused(
        run_clients("bundle", *given, stdin=stack.file.read_bytes()), "both want standard input"
    )


@pytest.mark.parametrize(
    ("answers", "code", "words"),
    [
        ([PASSWORD, PASSWORD], 0, "With curl:"),
        ([PASSWORD, "another"], 2, "not the same"),
        ([""], 2, "is empty"),
        (["\x03"], 130, "interrupted"),
        (["\x04"], 2, "--no-p12"),
    ],
)
def test_a_terminal_is_asked_twice_and_shows_nothing(
    stack: MadeStack, tmp_path: Path, answers: list[str], code: int, words: str
) -> None:
    given = ("--outputs", stack.file, "--client", "alice", "--out", tmp_path / "a")

    ended, shown = at_a_terminal(answers, "bundle", *map(str, given))

    assert ended == code, shown
    assert words in shown
    assert PASSWORD not in shown
    assert (tmp_path / "a/client.p12").exists() is (code == 0)


def as_a_person() -> None:
    """With a terminal, and a Ctrl-C that counts: what runs in the background may ignore it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def at_a_terminal(answers: list[str], *arguments: str) -> tuple[int, str]:
    """Run the command line as a person does; returns its exit code and what was on the screen."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "clients", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=PROJECT,
        start_new_session=True,
        preexec_fn=as_a_person,  # noqa: PLW1509  two system calls
    )
    os.close(theirs)
    shown, asked = "", 0
    while True:
        try:
            shown += os.read(ours, 4096).decode()
        except OSError:  # closed: it has ended
            break
        if asked < len(answers) and len(re.findall(r"(?:p12|again): ", shown)) > asked:
            # The question is printed before the terminal is told not to echo.
            while termios.tcgetattr(ours)[3] & termios.ECHO:
                time.sleep(0.005)
            control = answers[asked] in ("\x03", "\x04")
            os.write(ours, (answers[asked] + ("" if control else "\n")).encode())
            asked += 1
    os.close(ours)
    no_key_in(shown)
    return running.wait(timeout=30), shown
