"""The `openssl` command as a client: a second opinion beside Python's ssl."""

from __future__ import annotations

import re
import subprocess

from conformance.actors.peers import Endpoint, Identity


def s_client(
    endpoint: Endpoint, identity: Identity | None, *options: str, request: bytes | None = None
) -> str:
    """What `openssl s_client` says of a connection and of one request; it verifies the server.

    The last of an option given twice counts, so `options` may change what is set here.
    """
    command = ["openssl", "s_client", "-connect", f"{endpoint.address}:{endpoint.port}", "-ign_eof"]
    command += ["-servername", endpoint.name, "-CAfile", str(endpoint.ca_file)]
    command += ["-verify_return_error", "-verify_hostname", endpoint.name]
    if identity:
        command += ["-cert", str(identity.file), "-key", str(identity.file)]
    done = subprocess.run(
        [*command, *options],
        input=request or endpoint.request("GET", "/v1/models/demo"),
        capture_output=True,
        timeout=20,
        check=False,
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def status_in(said: str) -> str:
    """The status of the answer in what `s_client` said; `none` without an answer."""
    found = re.search(r"^HTTP/1\.1 (\d{3}) ", said, re.MULTILINE)
    return found[1] if found else "none"
