"""A client that stays open while its endpoint is changed under it loses nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtls_model_client import AsyncModelClient, ModelClient, ModelClientError

from clients.bundle import write_bundle
from conformance.cases.lifecycle import Story, story
from tests.python_client.bundles import DOUBLED

INSTANCES, PREDICTIONS = DOUBLED


class Calls(threading.Thread):
    """Predictions, one after another, until it is told to stop."""

    def __init__(self, model: ModelClient) -> None:
        super().__init__()
        self.model = model
        self.enough = threading.Event()
        self.served = 0
        self.errors: list[ModelClientError] = []

    def run(self) -> None:
        while not self.enough.wait(0.02):
            try:
                assert self.model.predict(INSTANCES) == PREDICTIONS
                self.served += 1
            except ModelClientError as error:
                self.errors.append(error)


@contextmanager
def calling(folder: Path) -> Iterator[Calls]:
    with ModelClient(folder) as model:
        calls = Calls(model)
        calls.start()
        try:
            yield calls
        finally:
            calls.enough.set()
            calls.join()


def hand_out(it: Story, folder: Path) -> str:
    """Alice's bundle as it is now; its serial number."""
    outputs = it.deployment.outputs
    alice = outputs["clientCertificates"]["alice"]
    write_bundle(folder, "alice", outputs["endpoint"], alice)
    return str(alice["serialNumber"])


def test_a_rotation_costs_an_open_client_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "alice"
    with story() as it:
        old = hand_out(it, folder)
        with calling(folder) as calls:
            first = calls.model.bundle
            it.up(clients=[{"name": "alice", "generations": [1, 2]}, {"name": "bob"}])
            new = hand_out(it, folder)
            it.up(clients=[{"name": "alice", "generations": [2]}, {"name": "bob"}])
            before = calls.served
            while calls.served < before + 5 and not calls.errors:
                calls.enough.wait(0.05)
        after = it.endpoint.predict(it.holds("alice"))

        assert calls.errors == []
        assert calls.served > 10
        assert old != new
        assert calls.model.bundle.not_before >= first.not_before
        assert calls.model.bundle.signature != first.signature
        assert after.status == 200


def test_calls_that_are_under_way_keep_the_bundle_they_began_with(tmp_path: Path) -> None:
    folder = tmp_path / "alice"
    with story() as it:
        hand_out(it, folder)
        it.up(clients=[{"name": "alice", "generations": [1, 2]}, {"name": "bob"}])

        async def predict() -> None:
            # What was broken off would be tried again otherwise, and nobody would see it.
            async with AsyncModelClient(folder, attempts=1) as model:
                under_way = [asyncio.create_task(model.predict(INSTANCES)) for _ in range(10)]
                await asyncio.sleep(0)
                hand_out(it, folder)
                later = [asyncio.create_task(model.predict(INSTANCES)) for _ in range(10)]
                assert await asyncio.gather(*under_way, *later) == [PREDICTIONS] * 20

        asyncio.run(predict())
