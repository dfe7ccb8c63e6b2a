"""What a body costs a worker: never more than what is counted for it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from model_image.model_server.memory import COST, MB
from tests.model_image.test_model_bodies import rows

SIZE = 8 * MB
MEASURE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from model_server.errors import RequestError
from model_server.models import ServedModel
from model_server.predict import predict

def held(name):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(name + ":")[1].split()[0]) * 1024

model = ServedModel(1, pathlib.Path(sys.argv[2]))
body = bytearray(sys.stdin.buffer.read())
before = held("VmRSS")
try:
    answer = predict(model, body)
except RequestError as refusal:
    answer = b""
    print(refusal.sentence, file=sys.stderr)
most = max(held("VmHWM"), held("VmRSS") + len(answer))  # then the server has the answer, too
print((most - before) / len(body) + 1)  # the body itself was there before
"""


@pytest.fixture
def cost_of(image: Path, other_models: Path) -> Callable[[str, bytes], float]:
    """Bytes of memory that a model's worker takes for each byte of a body."""

    def measure(model: str, body: bytes) -> float:
        folder = image / "model" if model == "demo" else other_models / model
        (path,) = folder.glob("1*/model.onnx")
        run = subprocess.run(
            [image / "venv" / "bin" / "python", "-c", MEASURE, image, path],
            env={"LOCPATH": str(image / "locale")},
            input=body,
            capture_output=True,
            check=True,
        )
        print(float(run.stdout), run.stderr.decode()[:60])
        return float(run.stdout)

    return measure


@pytest.mark.parametrize("form", ["instances", "inputs"])
@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("demo", "[1]"),
        ("demo", "[0.123]"),
        ("demo", '{"x":[1]}'),
        ("demo", '{"":0}'),
        ("demo", "[" * 500 + "1" + "]" * 500),
        ("numbered", "[1]"),
        ("numbered", '{"x":[1]}'),
        ("named", "[1]"),
        ("pair", '{"count":1,"flag":true}'),
        ("words", '""'),
        ("words", '"a"'),
        ("words", '"ab"'),
        ("words", '"ä"'),
        ("words", '"ää"'),
        ("words", '"🙂"'),
        ("lower", '"AB"'),
    ],
)
def test_no_shape_of_a_body_costs_more_than_what_is_counted(
    cost_of: Callable[[str, bytes], float], model: str, row: str, form: str
) -> None:
    body = rows(SIZE, row.encode()).replace(b"instances", form.encode(), 1)
    assert cost_of(model, body) <= COST
