"""A worker: takes one request at a time from its socket, and may die of it."""

import os
import socket
import sys
import traceback
from collections.abc import Mapping
from typing import BinaryIO

import orjson

from .bodies import Body
from .errors import RequestError
from .memory import SMALL
from .models import ServedModel
from .open_inference import infer
from .predict import predict
from .wire import LENGTH, PID, Head, Tail


def work(connection: socket.socket, versions: Mapping[str, ServedModel]) -> None:
    """Answer until a large body was answered; EOFError when the other side has gone.

    Memory that a large body took does not all go back before the process ends.
    """
    connection.sendall(PID.pack(os.getpid()))
    stream = connection.makefile("rb")
    stays = True
    while stays:
        head = Head.from_bytes(_piece(stream))
        answer: bytes | bytearray
        json_bytes = 0
        body = Body(head.encoding, head.limit)
        try:
            _read(stream, body)
            if len(body.bytes) > SMALL:
                os.nice(10)  # the probes, and the small requests of others, go first
            model = versions[head.version]
            if head.method == "infer":
                answer, json_bytes = infer(model, head.model, body.bytes, head.json_bytes)
            else:
                answer = predict(model, body.bytes)
            status = 200
        except RequestError as refusal:
            status, answer = refusal.status, _error(refusal.sentence)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            status = 500
            answer = _error("The server failed on this request; its log has the reason.")
        stays = len(body.bytes) <= SMALL
        connection.sendall(Tail(status, stays, len(answer), json_bytes).to_bytes())
        connection.sendall(answer)


def _read(stream: BinaryIO, body: Body) -> None:
    """The whole body, also where it is refused before its end: the next request follows it."""
    refusal = None
    while data := _piece(stream):
        if refusal is None:
            try:
                body.add(data)
            except RequestError as error:
                refusal = error
    if refusal:
        raise refusal
    body.end()


def _piece(stream: BinaryIO) -> bytes:
    """Empty at the end of a body."""
    data = stream.read(LENGTH.size)
    if len(data) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(data)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _error(sentence: str) -> bytes:
    return orjson.dumps({"error": sentence})
