"""Each kind of case in the group HTTP differs when the sidecar is told something worse.

A copy of the deployed configuration with one directive changed runs before the deployed model.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import conformance.cases  # noqa: F401  adds its cases
from conformance.actors.peers import Endpoint
from conformance.actors.witness import Change, sidecar
from tests.conformance.worse import differing, instead


def also(directive: str) -> Change:
    """One more directive, beside `proxy_pass`."""
    return instead(r"(proxy_pass http://model;)", rf"\1 {directive}")


MUTATIONS = {
    "every path is let through": (
        instead("default 404;\n", "default allowed;\n"),
        ["HTTP-101", "HTTP-106", "HTTP-111", "HTTP-115", "HTTP-120", "HTTP-129", "HTTP-172"],
    ),
    "paths are compared after decoding": (
        instead(r"map \$request \$verdict", r'map "$request_method $uri HTTP/1.1" $verdict'),
        ["HTTP-103", "HTTP-106", "HTTP-108", "HTTP-115", "HTTP-120", "HTTP-131"],
    ),
    "every method is let through": (
        instead(r"if \(\$verdict != allowed\)", 'if ($verdict = "")'),
        ["HTTP-152", "HTTP-153", "HTTP-158"],
    ),
    "every Host is let through": (
        instead("default no;", "default yes;"),
        ["HTTP-210"],
    ),
    "who names another host is answered": (
        instead("return 444;", "return 200;"),
        ["HTTP-045", "HTTP-132", "HTTP-201", "HTTP-207", "HTTP-214"],
    ),
    "the client says who it is": (
        instead(r"X-Client-Name \$client_name", "X-Client-Name $http_x_client_name"),
        ["HTTP-231", "HTTP-232"],
    ),
    "the client says which serial it has": (
        instead(r"X-Client-Serial \$ssl_client_serial", "X-Client-Serial $http_x_client_serial"),
        ["HTTP-233"],
    ),
    "a body is passed on without its length": (
        also('proxy_set_header Content-Length "0";'),
        ["HTTP-023", "HTTP-024"],
    ),
    "a body is passed on before it is there": (
        also("proxy_request_buffering off;"),
        ["HTTP-035", "HTTP-036"],
    ),
    "bodies of any size": (
        instead("client_max_body_size 8m", "client_max_body_size 0"),
        ["HTTP-038"],
    ),
    "headers of any size": (
        instead("server_tokens off;", "large_client_header_buffers 64 256k;"),
        ["HTTP-136", "HTTP-281"],
    ),
    "a connection for each request": (
        instead("keepalive_requests 10000", "keepalive_requests 1"),
        ["HTTP-043", "HTTP-044"],
    ),
}


def test_a_copy_that_was_not_changed_differs_nowhere(endpoint: Endpoint, tmp_path: Path) -> None:
    ids = sorted({id_ for _, ids in MUTATIONS.values() for id_ in ids})

    with sidecar(endpoint, tmp_path) as copy:
        assert differing(copy, ids) == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_what_is_worse_is_seen(endpoint: Endpoint, tmp_path: Path, mutation: str) -> None:
    change, ids = MUTATIONS[mutation]

    with sidecar(endpoint, tmp_path, change) as copy:
        assert differing(copy, ids) == ids
