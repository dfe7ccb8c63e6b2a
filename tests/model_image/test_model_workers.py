"""The processes behind the server: what one of them dies of is nobody else's loss."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from tests.model_image.conftest import held_up, with_loader
from tests.model_image.test_model_predict import error_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.model_image.conftest import Server, StartServer

LEAST = -(2**63)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def loader_of(server: Server) -> psutil.Process:
    (loader,) = psutil.Process(server.process.pid).children()
    return loader


def workers_of(server: Server) -> list[psutil.Process]:
    return loader_of(server).children()


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def divider(start_server: StartServer, other_models: Path) -> Server:
    """Its model crashes where a is -2**63 and b is -1."""
    server = start_server(MODEL_PATH=str(other_models / "divide"), CPUS="1")
    server.wait_until("/health/ready", 200)
    return server


@pytest.fixture
def never_answering(image: Path, start_server: StartServer, tmp_path: Path) -> Server:
    server = start_server(command=with_loader(image, held_up("worker.predict", tmp_path / "never")))
    server.wait_until("/health/ready", 200)
    return server


def divide(server: Server, a: int, b: int) -> httpx.Response:
    return server.predict({"inputs": {"a": [a], "b": [b]}})


def test_a_crash_inside_the_graph_is_answered_to_whoever_caused_it_and_to_nobody_else(
    divider: Server,
) -> None:
    with ThreadPoolExecutor(8) as pool:
        crashing = [pool.submit(divide, divider, LEAST, -1) for _ in range(20)]
        others = [pool.submit(divide, divider, 6, 3) for _ in range(200)]
        for _ in range(50):
            assert httpx.get(divider.url + "/health/ready", timeout=5).status_code == 200
        for one in crashing:
            assert "ended with SIGFPE on this request" in error_of(one.result(), 500)
        assert {other.result().text for other in others} == {'{"outputs":[2]}'}
    assert divider.process.poll() is None
    until(lambda: len(workers_of(divider)) == 2)


def test_a_worker_that_is_killed_is_replaced(divider: Server) -> None:
    before = workers_of(divider)
    for worker in before:
        worker.kill()
    until(lambda: len(workers_of(divider)) == 2 and not set(workers_of(divider)) & set(before))
    assert divide(divider, 6, 3).json() == {"outputs": [2]}


def begun(server: Server) -> socket.socket:
    """A request of which a worker waits for the last byte."""
    connection = socket.create_connection(("127.0.0.1", httpx.URL(server.url).port or 0))
    head = b"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\n"
    connection.sendall(head + b"Content-Length: 28\r\n\r\n" + b'{"inputs":{"a":[6],"b":[3]}')
    time.sleep(1)  # for a worker to have it
    return connection


def test_a_request_whose_worker_ends_before_it_had_any_of_it_gets_another(divider: Server) -> None:
    with begun(divider) as connection:
        for worker in workers_of(divider):
            worker.kill()
        time.sleep(0.5)  # for the server to hear of it
        connection.sendall(b"}")
        answer = connection.recv(65536)
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"outputs":[2]}')


def test_no_request_is_given_to_a_worker_that_has_ended(divider: Server) -> None:
    for _ in range(2):
        with begun(divider):
            for worker in workers_of(divider):
                worker.kill()
            time.sleep(0.5)  # for the server to hear of it
    for _ in range(20):
        assert divide(divider, 6, 3).json() == {"outputs": [2]}
    assert "Traceback" not in divider.stderr.read_text()


@pytest.mark.parametrize(
    ("victims", "status", "about"),
    [
        (workers_of, 500, "with SIGKILL on this request; it was replaced"),
        (workers_of, 500, "send smaller batches"),
        (lambda server: [loader_of(server)], 503, "holds the model ended with SIGKILL"),
    ],
    ids=["worker", "worker, what to do", "loader"],
)
def test_a_request_whose_worker_is_killed_is_told_what_ended(
    never_answering: Server,
    victims: Callable[[Server], list[psutil.Process]],
    status: int,
    about: str,
) -> None:
    server = never_answering
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.predict, {"instances": [[1]]})
        time.sleep(1)  # for a worker to have it
        for victim in victims(server):
            victim.kill()
        answer = asked.result()
    assert about in error_of(answer, status)
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_loader_that_is_killed_is_started_again(divider: Server) -> None:
    before = loader_of(divider)
    before.kill()
    until(lambda: psutil.Process(divider.process.pid).children() not in ([], [before]))
    divider.wait_until("/health/ready", 200)
    assert divide(divider, 6, 3).json() == {"outputs": [2]}
    assert "The process that holds the model ended with SIGKILL" in divider.stderr.read_text()


def test_no_process_outlives_the_server_not_even_at_work(
    image: Path, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(command=with_loader(image, held_up("worker.predict", tmp_path / "gate")))
    server.wait_until("/health/ready", 200)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.predict, {"instances": [[1]]})
        time.sleep(1)  # for a worker to have it
        others = [loader_of(server), *workers_of(server)]
        server.process.kill()
        server.process.wait()
        assert isinstance(asked.exception(), httpx.TransportError)
    until(lambda: all(gone(process) for process in others))


def test_a_signal_to_all_processes_lets_a_request_finish(
    image: Path, start_server: StartServer, tmp_path: Path
) -> None:
    """So terminals stop a program, and supervisors do."""
    gate = tmp_path / "gate"
    server = start_server(command=with_loader(image, held_up("worker.predict", gate)))
    server.wait_until("/health/ready", 200)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.predict, {"instances": [[1]]})
        time.sleep(1)  # for a worker to have it
        others = [*workers_of(server), loader_of(server)]
        for pid in (*(other.pid for other in others), server.process.pid):
            os.kill(pid, signal.SIGTERM)
        gate.touch()
        assert asked.result().json() == {"predictions": [[1.0]]}
    assert server.process.wait(timeout=15) == 0


@pytest.mark.parametrize(
    ("code", "about"),
    [
        (
            "def die(*_):\n    import os\n    os.kill(os.getpid(), 11)\nloader.work = die\n",
            "workers end at their start, with SIGSEGV",
        ),
        (
            "def die(*_):\n    import os\n    os.kill(os.getpid(), 6)\nloader.load = die\n",
            "The process that holds the model ended with SIGABRT",
        ),
    ],
    ids=["workers", "loader"],
)
def test_what_dies_at_its_start_again_and_again_is_reported_by_readiness(
    image: Path, start_server: StartServer, code: str, about: str
) -> None:
    server = start_server(command=with_loader(image, code))
    until(lambda: "later each time" in server.stderr.read_text())
    # Between two starts it is 503 as well, in the words of one that begins.
    until(lambda: about in error_of(server.wait_until("/health/ready", 503), 503))
    assert httpx.get(server.url + "/health/live").status_code == 200
    assert server.stop() == 0
