# /// script
# requires-python = ">=3.11"
# dependencies = ["kserve", "ovmsclient", "tritonclient[http]"]
# ///
"""`clients_of_others.py <base URL> [<identity> <CA>]`: predict with clients that nobody here wrote.

The model is `demo`, f(x) = 2x - 1. Prints as JSON what each was told.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import gevent.ssl  # type: ignore[import-untyped]  # all of them are the script's own
import numpy as np  # type: ignore[import-not-found]
import ovmsclient  # type: ignore[import-not-found]
from kserve import (  # type: ignore[import-not-found]
    InferenceRESTClient,
    InferInput,
    InferRequest,
    RESTConfig,
)
from kserve.protocol.infer_type import RequestedOutput  # type: ignore[import-not-found]
from tritonclient import http as triton  # type: ignore[import-not-found]

ROWS = np.array([[10.0], [9.0]], np.float32)


def by_triton(url: str, identity: list[str]) -> dict[str, Any]:
    """NVIDIA's: binary tensors, unless it is told otherwise."""
    context = None
    if identity:
        certificate, authority = identity

        def context() -> Any:
            trusting = gevent.ssl.create_default_context(cafile=authority)
            trusting.load_cert_chain(certificate)
            return trusting

    scheme, _, address = url.partition("://")
    with triton.InferenceServerClient(
        address, ssl=scheme == "https", ssl_context_factory=context
    ) as client:
        tensor = triton.InferInput("x", list(ROWS.shape), "FP32")
        told: dict[str, Any] = {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model ready": client.is_model_ready("demo"),
            "version ready": client.is_model_ready("demo", "1"),
            "no such version": client.is_model_ready("demo", "7"),
            "server": client.get_server_metadata(),
            "model": client.get_model_metadata("demo"),
            "answers": [],
        }
        for binary_in in (True, False):
            for binary_out in (True, False):
                tensor.set_data_from_numpy(ROWS, binary_data=binary_in)
                result = client.infer(
                    "demo",
                    [tensor],
                    request_id="7",
                    outputs=[triton.InferRequestedOutput("y", binary_data=binary_out)],
                    request_compression_algorithm="gzip" if binary_in and binary_out else None,
                )
                answered = result.as_numpy("y").tolist()
                told["answers"].append([result.get_response()["id"], answered])
        tensor.set_data_from_numpy(ROWS)
        told["all outputs"] = (
            client.infer("demo", [tensor], model_version="1").as_numpy("y").tolist()
        )
        try:
            client.infer("demo", [triton.InferInput("z", [1], "FP32")])
        except Exception as error:
            told["refused"] = str(error)
    return told


async def by_kserve(url: str, identity: list[str]) -> dict[str, Any]:
    verify: Any = True
    if identity:
        certificate, authority = identity
        verify = gevent.ssl.create_default_context(cafile=authority)
        verify.load_cert_chain(certificate)
    client = InferenceRESTClient(RESTConfig(protocol="v2", verify=verify))
    told: dict[str, Any] = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model ready": await client.is_model_ready(url, "demo"),
        "answers": [],
    }
    for binary in (True, False):
        tensor = InferInput("x", list(ROWS.shape), "FP32")
        tensor.set_data_from_numpy(ROWS, binary_data=binary)
        request = InferRequest(
            "demo",
            [tensor],
            request_id="7",
            request_outputs=[RequestedOutput("y", {"binary_data": binary})],
        )
        answer = await client.infer(url, request, model_name="demo")
        told["answers"].append([answer.id, answer.outputs[0].as_numpy().tolist()])
    await client.close()
    return told


def by_openvino(url: str, identity: list[str]) -> dict[str, Any]:
    """TensorFlow Serving's contract; its client speaks no TLS over HTTP."""
    if identity:
        return {}
    client = ovmsclient.make_http_client(url.removeprefix("http://"))
    return {
        "status": client.get_model_status("demo", 1),
        "model": client.get_model_metadata("demo", 1),
        "predicted": client.predict({"x": ROWS}, "demo", 1).tolist(),
    }


def main(url: str, *identity: str) -> None:
    given = url, list(identity)
    kserve = asyncio.run(by_kserve(*given))
    print(
        json.dumps({"triton": by_triton(*given), "kserve": kserve, "openvino": by_openvino(*given)})
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
