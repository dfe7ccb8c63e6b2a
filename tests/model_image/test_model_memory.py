"""What a body costs a worker: never more than what is counted for it."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from model_image.model_server.memory import COST, MB
from tests.model_image.conftest import StartServer
from tests.model_image.test_model_bodies import rows

SIZE = 8 * MB
MEASURE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from model_server.errors import RequestError
from model_server.models import ServedModel
from model_server.open_inference import infer
from model_server.predict import predict

def held(name):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(name + ":")[1].split()[0]) * 1024

model = ServedModel(1, pathlib.Path(sys.argv[2]))
body = bytearray(sys.stdin.buffer.read())
before = held("VmRSS")
try:
    if "infer" in sys.argv[3:]:
        answer, _ = infer(model, "demo", body, int(sys.argv[4]))
    else:
        answer = predict(model, body)
except RequestError as refusal:
    answer = b""
    print(refusal.sentence, file=sys.stderr)
most = max(held("VmHWM"), held("VmRSS") + len(answer))  # then the server has the answer, too
print((most - before) / len(body) + 1)  # the body itself was there before
"""


@pytest.fixture
def cost_of(image: Path, other_models: Path) -> Callable[..., float]:
    """Bytes of memory that a model's worker takes for each byte of a body."""

    def measure(model: str, body: bytes, *how: str) -> float:
        folder = image / "model" if model == "demo" else other_models / model
        (path,) = folder.glob("1*/model.onnx")
        run = subprocess.run(
            [image / "venv" / "bin" / "python", "-c", MEASURE, image, path, *how],
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
    cost_of: Callable[..., float], model: str, row: str, form: str
) -> None:
    body = rows(SIZE, row.encode()).replace(b"instances", form.encode(), 1)
    assert cost_of(model, body) <= COST


def with_data(name: str, datatype: str, value: str, dimensions: int = 1) -> bytes:
    """A tensor of as many values as make a body of that size."""
    count = SIZE // (len(value.encode()) + 1)
    shape = [count, 1][:dimensions]
    head = f'{{"inputs":[{{"name":"{name}","shape":{shape},"datatype":"{datatype}","data":['
    return head.encode() + b",".join([value.encode()] * count) + b"]}]}"


def repeated(before: str, item: str, after: str) -> bytes:
    return f"{before}{','.join([item] * (SIZE // (len(item) + 1)))}{after}".encode()


TENSOR = '{"name":"x","shape":[],"datatype":"FP32"}'


@pytest.mark.parametrize(
    ("model", "body"),
    [
        pytest.param("demo", with_data("x", "FP32", "1", 2), id="flat"),
        pytest.param("demo", with_data("x", "FP32", "[1]", 2), id="nested"),
        pytest.param("demo", with_data("x", "FP32", "{}", 2), id="objects"),
        pytest.param("demo", with_data("x", "FP32", "[" * 500 + "1" + "]" * 500, 2), id="deep"),
        pytest.param("words", with_data("word", "BYTES", '""'), id="no text"),
        pytest.param("words", with_data("word", "BYTES", '"ab"'), id="text"),
        pytest.param("named", with_data("x", "FP32", "[1]", 2), id="two outputs"),
        pytest.param("demo", repeated('{"inputs":[', "{}", "]}"), id="no tensors"),
        pytest.param("demo", repeated('{"inputs":[', TENSOR, "]}"), id="tensors"),
        pytest.param(
            "demo",
            repeated('{"inputs":[{"name":"x","datatype":"","shape":[', "1", "]}]}"),
            id="dimensions",
        ),
        pytest.param(
            "demo",
            repeated('{"inputs":[' + TENSOR + '],"outputs":[', '{"name":"y"}', "]}"),
            id="outputs",
        ),
        pytest.param(
            "demo",
            repeated('{"inputs":[' + TENSOR + '],"parameters":[', "{}", "]}"),
            id="parameters",
        ),
    ],
)
def test_no_shape_of_an_infer_request_costs_more_than_what_is_counted(
    cost_of: Callable[..., float], model: str, body: bytes
) -> None:
    assert cost_of(model, body, "infer", str(len(body))) <= COST


@pytest.mark.parametrize("answer", ["false", "true"])
@pytest.mark.parametrize("text", [b"", b"a", b"ab", "Ā".encode()])
def test_no_text_in_binary_form_costs_more_than_what_is_counted(
    cost_of: Callable[..., float], text: bytes, answer: str
) -> None:
    data = (len(text).to_bytes(4, "little") + text) * (SIZE // (4 + len(text)))
    parameters = f'"parameters":{{"binary_data_size":{len(data)}}}'
    shape = f'"shape":[{len(data) // (4 + len(text))}]'
    word = f'"inputs":[{{"name":"word","datatype":"BYTES",{shape},{parameters}}}]'
    head = f'{{"parameters":{{"binary_data_output":{answer}}},{word}}}'.encode()
    assert cost_of("words", head + data, "infer", str(len(head))) <= COST


@pytest.mark.parametrize("text", ['""', '"a"', '"ab"'])
def test_no_text_that_is_answered_in_binary_form_costs_more_than_what_is_counted(
    cost_of: Callable[..., float], text: str
) -> None:
    binary = b'{"parameters":{"binary_data_output":true},'
    body = with_data("word", "BYTES", text).replace(b"{", binary, 1)
    assert cost_of("words", body, "infer", str(len(body))) <= COST


def test_the_memory_of_large_answers_goes_back(start_server: StartServer) -> None:
    """Whatever order their readers come and go in."""
    server = start_server(CPUS="2", MEMORY_MB="6000")
    server.wait_until("/health/ready", 200)
    process = psutil.Process(server.process.pid)
    count = 2_000_000
    tensor = f'"name":"x","shape":[{count},1],"datatype":"FP32"'
    parameters = f'"parameters":{{"binary_data_size":{4 * count}}}'
    head = f'{{"inputs":[{{{tensor},{parameters}}}]}}'.encode()
    body = head + struct.pack("<f", 6.17e14) * count  # 18 MB as JSON
    fields = f"Inference-Header-Content-Length: {len(head)}\r\nContent-Length: {len(body)}"
    request = f"POST /v2/models/model/infer HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n".encode()
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    before = process.memory_info().rss
    with ExitStack() as stack:
        readers = []
        for number in range(12):
            reader = stack.enter_context(socket.socket())
            reader.settimeout(60)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)  # the rest waits
            reader.connect(address)
            reader.sendall(request + body)
            assert reader.recv(12) == b"HTTP/1.1 200"
            readers.append(reader)
            if number % 3 == 2:
                readers.pop(0).close()
        assert process.memory_info().rss > before + 100 * MB
    deadline = time.monotonic() + 20
    while process.memory_info().rss > before + 30 * MB:
        assert time.monotonic() < deadline, "it is kept"
        time.sleep(0.1)
