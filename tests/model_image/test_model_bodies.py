"""Bodies that are large, packed, slow or many: what is taken, and what it may cost."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from tests.model_image.conftest import held_up, with_loader
from tests.model_image.test_model_predict import PREDICT, error_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.model_image.conftest import Server, StartServer

MB = 2**20
ONE = b'{"instances": [[10.0], [9.0]]}'
ANSWER = {"predictions": [[19.0], [17.0]]}


def rows(size: int, row: bytes = b"[1]") -> bytes:
    return b'{"instances":[' + b",".join([row] * ((size - 16) // (len(row) + 1))) + b"]}"


@contextmanager
def watched(server: Server) -> Iterator[Callable[[], float]]:
    """Looks at the memory of all its processes; yields how many MB they held at most."""
    first, ended, held = psutil.Process(server.process.pid), threading.Event(), [0.0]

    def look() -> None:
        while not ended.wait(0.01):
            total = 0
            for process in (first, *first.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += process.memory_full_info().pss
            held.append(total / MB)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield lambda: max(held)
    finally:
        ended.set()
        looking.join()


def packed(client: httpx.Client, body: bytes, encoding: str = "gzip") -> httpx.Response:
    return client.post(PREDICT, content=body, headers={"Content-Encoding": encoding})


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(ONE), "gzip"),
        (gzip.compress(ONE), "GZIP"),
        (gzip.compress(ONE[:9]) + gzip.compress(ONE[9:]), "gzip"),
        (gzip.compress(ONE) + b"\0" * 500, "gzip"),
        (gzip.compress(ONE[:9]) + b"\0" * 500 + gzip.compress(ONE[9:]), "gzip"),
        (b"".join(gzip.compress(ONE[at : at + 1]) for at in range(len(ONE))), "gzip"),
        (ONE, "identity"),
        (ONE, ""),
    ],
    ids=[
        *("gzip", "in capitals", "two members", "padded", "padded within", "many members"),
        *("as it is", "no encoding"),
    ],  # gzip holds the time
)
def test_a_body_may_be_packed(client: httpx.Client, body: bytes, encoding: str) -> None:
    assert packed(client, body, encoding).json() == ANSWER


def test_a_packed_body_that_unpacks_to_more_than_a_small_one_is_taken(client: httpx.Client) -> None:
    answer = packed(client, gzip.compress(rows(4 * MB)))
    assert len(answer.json()["predictions"]) == MB - 4


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "identity, gzip", "x" * 500])
def test_another_encoding_is_refused_with_what_is_taken(
    client: httpx.Client, encoding: str
) -> None:
    answer = packed(client, ONE, encoding)
    assert "gzip or identity" in error_of(answer, 415)
    assert answer.headers["accept-encoding"] == "gzip, identity"


@pytest.mark.parametrize(
    "body",
    [
        ONE,
        b"",
        gzip.compress(ONE)[:-1],
        gzip.compress(ONE)[:9],
        gzip.compress(ONE) + b"x",
        gzip.compress(ONE)[:-8] + b"\0" * 8,
    ],
    ids=["plain", "nothing", "cut at its end", "cut in its head", "more behind", "wrong checksum"],
)
def test_broken_gzip_is_refused(client: httpx.Client, body: bytes) -> None:
    assert "not valid gzip" in error_of(packed(client, body), 400)
    assert packed(client, gzip.compress(ONE)).json() == ANSWER


def test_more_members_than_any_tool_writes_are_refused(client: httpx.Client) -> None:
    body = gzip.compress(b"") * 10_001 + gzip.compress(ONE)
    assert "more than 10000 members of gzip" in error_of(packed(client, body), 400)


def test_a_bomb_is_refused_without_being_unpacked(client: httpx.Client, server: Server) -> None:
    bomb = gzip.compress(b" " * MB) * 2000
    assert len(bomb) < 3 * MB
    with watched(server) as peak:
        assert "larger than 67108864 bytes" in error_of(packed(client, bomb), 413)
    assert peak() < 500


SHAPES = {
    "rows": b"[1]",
    "objects": b'{"x":[1]}',
    "deep": b"[" * 500 + b"1" + b"]" * 500,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_bodies_of_the_worst_shapes_stay_within_the_memory(
    start_server: StartServer, shape: str
) -> None:
    server = start_server(MEMORY_MB="700", CPUS="2")
    server.wait_until("/health/ready", 200)
    body = rows(most_of(server), SHAPES[shape])
    with watched(server) as peak, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(server, body).status_code, range(8)))
    assert set(answers) <= {200, 400, 503}
    assert set(answers) & {200, 400}
    assert peak() < 700
    assert "ended" not in server.stderr.read_text()


def most_of(server: Server) -> int:
    """Bytes of the largest body, as a refusal tells them."""
    return int(error_of(post(server, b" " * (64 * MB)), 413).split()[5])


def post(server: Server, body: bytes, client: str = "") -> httpx.Response:
    url = server.url + "/v1/models/model:predict"
    return httpx.post(url, content=body, headers={"X-Client-Name": client}, timeout=60)


def test_more_memory_than_there_is_for_small_bodies_is_a_start_that_cannot_work(
    start_server: StartServer,
) -> None:
    server = start_server(MEMORY_MB="200", CPUS="1")
    assert server.process.wait(timeout=20) == 1
    assert "MEMORY_MB is 200, which cannot hold this model and 2" in server.stderr.read_text()


@pytest.mark.parametrize("length", [b"Content-Length: 2097153", b"Transfer-Encoding: chunked"])
def test_a_body_beyond_the_limit_is_refused_before_it_is_there(
    start_server: StartServer, length: bytes
) -> None:
    server = start_server(MAX_BODY_MB="2")
    server.wait_until("/health/ready", 200)
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as one:
        one.sendall(b"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n\r\n")
        if b"chunked" in length:
            one.sendall(b"200001\r\n" + b" " * (2 * MB + 1))
        one.settimeout(5)
        answer = b""
        while b"}" not in answer:
            answer += one.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 2097152 bytes" in answer


@pytest.fixture
def gated(image: Path, start_server: StartServer, tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server with two workers, whose large bodies wait for a file."""
    gate = tmp_path / "gate"
    code = held_up("worker.predict", gate).replace(
        "    while not", "    while len(arguments[1]) > 2**20 and not"
    )
    server = start_server(command=with_loader(image, code), CPUS="1")
    server.wait_until("/health/ready", 200)
    yield server, gate
    gate.touch()


def test_large_bodies_leave_a_worker_to_small_ones_and_are_told_when_to_come_again(
    gated: tuple[Server, Path],
) -> None:
    server, gate = gated
    large = rows(2 * MB)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(post, server, large, "greedy")
        time.sleep(0.5)  # for a worker to have it
        more = [pool.submit(post, server, large, name) for name in ("greedy", "other")]
        while not all(one.done() for one in more):
            assert post(server, ONE, "other").json() == ANSWER
            assert httpx.get(server.url + "/health/live", timeout=1).status_code == 200
        for one in more:
            assert "no worker was free" in error_of(one.result(), 503)
            assert one.result().headers["retry-after"] == "5"
        gate.touch()
        assert len(first.result().json()["predictions"]) == MB // 2 - 4
    assert post(server, large).status_code == 200


def test_a_client_that_does_not_read_its_answer_holds_no_worker(server: Server) -> None:
    port = int(server.url.rpartition(":")[2])
    body = rows(MB)
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with contextlib.ExitStack() as closing:
        for _ in range(8):
            one = closing.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", port))
            one.sendall(head.encode() + body)
        for _ in range(20):
            answer = httpx.post(server.url + PREDICT, content=ONE, timeout=5)
            assert answer.json() == ANSWER
