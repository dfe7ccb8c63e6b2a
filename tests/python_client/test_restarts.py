"""Containers that die, and bundles that are replaced, while predictions are made."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from mtls_model_client import AsyncModelClient, ModelClient

from conformance.actors.forgery import holder
from conformance.actors.peers import Endpoint
from conformance.actors.witness import Witness, witnessed
from conformance.cases.faults import model_killed, sidecar_killed, worker_killed
from tests.python_client.bundles import DOUBLED, answer, bundle

INSTANCES, PREDICTIONS = DOUBLED


def restart(endpoint: Endpoint) -> None:
    """Each fault ends when the endpoint serves again."""
    for fault in (sidecar_killed, worker_killed, model_killed, sidecar_killed):
        fault(endpoint)


def test_no_prediction_is_lost_while_containers_are_restarted(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mtls_model_client")
    folder = bundle(tmp_path / "b", endpoint)
    over = threading.Event()

    def in_turn() -> int:
        served = 0
        with ModelClient(folder) as model:
            while not over.wait(0.02):
                assert model.predict(INSTANCES) == PREDICTIONS
                served += 1
        return served

    async def at_once() -> int:
        served = 0
        async with AsyncModelClient(folder) as model:
            while not over.is_set():
                calls = [model.predict(INSTANCES) for _ in range(3)]
                assert await asyncio.gather(*calls) == [PREDICTIONS] * 3
                served += 3
                await asyncio.sleep(0.02)
        return served

    with ThreadPoolExecutor() as threads:
        counts = [threads.submit(in_turn), threads.submit(lambda: asyncio.run(at_once()))]
        try:
            restart(endpoint)
        finally:
            over.set()
        served = [count.result() for count in counts]

    assert min(served) > 10
    assert "cannot be reached, or broke off" in caplog.text
    assert "The model does not answer" in caplog.text


@contextmanager
def slow(endpoint: Endpoint, folder: Path) -> Iterator[Witness]:
    """A model that takes a second for a prediction, and writes down for whom."""
    folder.mkdir()
    with witnessed(endpoint, folder) as witness:
        witness.model.answer = answer(200, {"predictions": PREDICTIONS})
        witness.model.seconds = 1
        yield witness


def test_threads_that_share_a_client_keep_their_connections(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    at_once = 24
    caplog.set_level(logging.DEBUG, "httpcore.connection")
    with slow(endpoint, tmp_path / "copy") as witness, ThreadPoolExecutor(at_once) as threads:
        witness.model.seconds = 0.2
        with ModelClient(bundle(tmp_path / "b", witness.endpoint)) as model:
            answers = list(threads.map(model.predict, [INSTANCES] * at_once * 6))

    assert answers == [PREDICTIONS] * at_once * 6
    opened = [one for one in caplog.messages if one.startswith("connect_tcp.started")]
    assert 1 < len(opened) <= at_once


def callers(witness: Witness) -> list[str]:
    return [dict(request.headers)["X-Client-Name"] for request in witness.model.arrived]


def bobs_instead(folder: Path, witness: Witness) -> None:
    """As soon as a prediction is under way, the folder holds another bundle."""
    deadline = time.monotonic() + 10
    while not witness.model.arrived:
        assert time.monotonic() < deadline, "no request came"
        time.sleep(0.01)
    folder.rename(folder.with_name("old"))
    bundle(folder, witness.endpoint, holder(witness.endpoint.bob), client="bob")


def test_a_new_bundle_disturbs_no_prediction_under_way(endpoint: Endpoint, tmp_path: Path) -> None:
    with slow(endpoint, tmp_path / "copy") as witness, ThreadPoolExecutor() as threads:
        folder = bundle(tmp_path / "b", witness.endpoint)
        with ModelClient(folder, attempts=1) as model:
            under_way = threads.submit(model.predict, INSTANCES)
            bobs_instead(folder, witness)
            assert model.predict(INSTANCES) == under_way.result() == PREDICTIONS

        assert callers(witness) == ["alice", "bob"]


def test_a_new_bundle_disturbs_no_prediction_that_is_awaited(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    with slow(endpoint, tmp_path / "copy") as witness:
        folder = bundle(tmp_path / "b", witness.endpoint)

        async def predict() -> None:
            async with AsyncModelClient(folder, attempts=1) as model:
                under_way = asyncio.create_task(model.predict(INSTANCES))
                await asyncio.to_thread(bobs_instead, folder, witness)
                assert await model.predict(INSTANCES) == await under_way == PREDICTIONS

        asyncio.run(predict())

        assert callers(witness) == ["alice", "bob"]
