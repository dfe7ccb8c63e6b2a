"""Every sample of a bundle, run as it is written, against the deployed endpoint."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from common.names import PROJECT
from conformance.actors.peers import Endpoint, Identity
from tests.clients.made import PASSWORD, MadeAuthority, Ran, remember_key, run_clients, tool
from tests.conftest import Deployment

SAMPLES = {
    "curl.sh": ["sh"],
    "with_requests.py": [sys.executable],
    "with_httpx.py": [sys.executable],
    "main.go": ["go", "run"],
    "Main.java": ["java"],
}
ENVIRONMENT = {
    "GOCACHE": str(PROJECT / ".local/cache/go-samples"),
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
}

# What a Java program sees that knows nothing but its system properties.
CONFIGURED_BY_FILES = """
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Configured {
    public static void main(String[] arguments) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0])).build();
        System.out.print(HttpClient.newHttpClient()
            .send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
"""


@dataclass(frozen=True)
class Made:
    """A bundle of alice, and what was printed when it was made."""

    folder: Path
    printed: str

    def copy(self, target: Path) -> Path:
        return Path(shutil.copytree(self.folder, target))


@pytest.fixture(scope="session")
def made(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("samples")
    outputs = folder / "outputs.json"
    outputs.write_text(json.dumps(deployment.outputs))
    for entry in deployment.outputs["clientCertificates"].values():
        remember_key(entry["privateKeyPem"])
    given = ("--outputs", outputs, "--client", "alice", "--out", folder / "alice's bundle")
    ran = run_clients("bundle", *given, "--password-stdin", stdin=PASSWORD.encode())
    assert ran.code == 0, ran.err
    return Made(folder / "alice's bundle", ran.out)


def run(folder: Path, *command: str, **environment: str) -> Ran:
    done = subprocess.run(
        [tool(command[0]), *command[1:]],
        cwd=folder,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ENVIRONMENT, **environment},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def run_sample(folder: Path, name: str) -> Ran:
    return run(folder, *SAMPLES[name], f"snippets/{name}")


def is_the_prediction(text: str) -> bool:
    # Python prints what it has parsed.
    return bool(json.loads(text.replace("'", '"')) == {"predictions": [[19.0], [17.0]]})


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_gets_the_prediction_as_it_is_written(made: Made, name: str) -> None:
    ran = run_sample(made.folder, name)

    assert ran.code == 0, ran.err
    assert is_the_prediction(ran.out)


def another_ca(folder: Path) -> None:
    (folder / "ca.crt").write_text(MadeAuthority().pem)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_talks_to_no_server_of_another_ca(made: Made, tmp_path: Path, name: str) -> None:
    folder = made.copy(tmp_path / "bundle")
    another_ca(folder)

    refuses_the_server(run_sample(folder, name))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_talks_to_nobody_else_whom_the_ca_certified(
    made: Made, tmp_path: Path, endpoint: Endpoint, name: str
) -> None:
    other_server = endpoint.authority.issue(
        usages=(ExtendedKeyUsageOID.SERVER_AUTH,), common_name="other.example.com"
    )
    for number, impostor in enumerate((endpoint.bob, other_server)):
        folder = made.copy(tmp_path / str(number))
        with predicting(impostor) as port:
            sample = folder / "snippets" / name
            real, ours = f"https://localhost:{endpoint.port}/", f"https://localhost:{port}/"
            assert real in sample.read_text()
            sample.write_text(sample.read_text().replace(real, ours))

            refuses_the_server(run_sample(folder, name))


def refuses_the_server(ran: Ran) -> None:
    assert ran.code != 0
    assert "predictions" not in ran.out
    said = ran.err.lower()
    assert "certificate" in said or "x509" in said, ran.err


@contextmanager
def predicting(identity: Identity) -> Iterator[int]:
    """A server that predicts for everybody, under a certificate of ours; yields its port."""

    class Predicts(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"predictions": [[19.0], [17.0]]}')

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.file)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Predicts) as server:
        # Without a handshake in the accepting thread: there a refusal would end the server.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_says_how_it_is_run(made: Made, name: str) -> None:
    command = " ".join([*SAMPLES[name], f"snippets/{name}"]).replace(sys.executable, "python")

    assert (
        f"Run it in the bundle's folder: {command}\n"
        in (made.folder / "snippets" / name).read_text()
    )


def test_the_printed_command_gets_the_prediction_from_anywhere(made: Made, tmp_path: Path) -> None:
    command = made.printed.split("With curl:")[1]

    ran = run(tmp_path, "sh", "-c", command)

    assert ran.code == 0, ran.err
    assert is_the_prediction(ran.out)


def test_java_programs_that_are_configured_with_files_get_in(
    made: Made, tmp_path: Path, deployment: Deployment
) -> None:
    folder = made.copy(tmp_path / "bundle")
    (tmp_path / "Configured.java").write_text(CONFIGURED_BY_FILES)

    def call() -> Ran:
        printed = run(folder, "sh", "snippets/keystore.sh")
        assert printed.code == 0, printed.err
        properties = [
            line.strip().replace("<the password of client.p12>", PASSWORD)
            for line in printed.out.splitlines()
            if line.startswith("  javax.net.ssl.")
        ]
        assert len(properties) == 4
        options = " ".join(f'"-D{one}"' for one in properties)
        url = deployment.outputs["endpoint"]["url"] + "/v1/models/demo"
        return run(tmp_path, "java", "Configured.java", url, JDK_JAVA_OPTIONS=options)

    answered = call()
    assert (answered.code, answered.out) == (0, "200"), answered.err

    another_ca(folder)
    answered = call()
    assert answered.code != 0
    assert "certification path" in answered.err


def test_a_truststore_has_every_ca_certificate(made: Made, tmp_path: Path) -> None:
    folder = made.copy(tmp_path / "bundle")
    with (folder / "ca.crt").open("a") as file:
        file.write(MadeAuthority("demo CA 2").pem)

    assert run(folder, "sh", "snippets/keystore.sh").code == 0
    # Again, over the one that is there now.
    assert run(folder, "sh", "snippets/keystore.sh").code == 0

    listed = run(
        folder, "keytool", "-J-Duser.language=en", "-list", "-v", "-keystore", "truststore.p12",
        "-storepass", "changeit",
    )  # fmt: skip
    assert listed.out.count("trustedCertEntry") == 2
    assert "CN=demo CA 2" in listed.out


def test_nothing_turns_verification_off(made: Made) -> None:
    for sample in (made.folder / "snippets").iterdir():
        text = sample.read_text()
        for word in ("-k ", "--insecure", "verify=False", "InsecureSkipVerify", "CERT_NONE"):
            assert word not in text, sample.name
