"""What a stack file must give the model: the same numbers as the server's own."""

from __future__ import annotations

import pytest

from components import model_sizing as sizing
from model_image.model_server import memory
from model_image.model_server.settings import Settings


def test_the_program_and_the_server_count_with_the_same_numbers() -> None:
    assert sizing.COST == memory.COST
    assert sizing.RESERVE_IN_MB * memory.MB == memory.RESERVE
    assert memory.SMALL == memory.MB


@pytest.mark.parametrize("cpu", [0.25, 1, 1.5, 2, 31])
def test_the_program_and_the_server_count_as_many_workers(cpu: float) -> None:
    assert Settings.from_environment({"CPUS": f"{cpu:g}"}).workers == sizing.workers(cpu)


@pytest.mark.parametrize("cpu", [0.25, 1, 4, 31])
@pytest.mark.parametrize("body", [2, 8, 64])
def test_the_server_takes_the_largest_body_with_the_least_memory(cpu: float, body: int) -> None:
    workers = sizing.workers(cpu)
    held = sizing.HELD_IN_MB + workers * sizing.HELD_BY_A_WORKER_IN_MB
    least = sizing.least_memory_in_mb(body, cpu)

    room = memory.room(least * memory.MB, held * memory.MB, workers)

    assert room == body * memory.MB * memory.COST
    assert sizing.largest_body_in_mb(least / 1024, cpu) == body
