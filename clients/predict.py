"""Sample: a prediction over mutual TLS, from a bundle.

    python clients/predict.py .local/bundles/alice '[[10.0], [9.0]]'

The server is verified with the bundle's CA, and the server verifies us.
"""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path
from typing import Any

import httpx


def predict(bundle: Path, instances: list[Any], timeout_seconds: float = 30) -> list[Any]:
    """The model's predictions, one for each instance.

    Raises:
        httpx.HTTPError: if the endpoint cannot be reached, verified, or refuses.
    """
    with _client(bundle, timeout_seconds) as client:
        answer = client.post(_url(bundle), json={"instances": instances})
    answer.raise_for_status()
    return list(answer.json()["predictions"])


def example(bundle: Path, timeout_seconds: float = 30) -> list[Any]:
    """Instances of the shape and type that the model takes, by its metadata.

    Raises:
        httpx.HTTPError: if the endpoint cannot be reached, verified, or refuses.
    """
    with _client(bundle, timeout_seconds) as client:
        answer = client.get(_url(bundle).removesuffix(":predict") + "/metadata")
    answer.raise_for_status()
    signature = answer.json()["metadata"]["signature_def"]["signature_def"]["serving_default"]
    inputs = signature["inputs"]
    rows = [{name: _value(spec, number) for name, spec in inputs.items()} for number in (10.0, 9.0)]
    return [next(iter(row.values())) for row in rows] if len(inputs) == 1 else list(rows)


def _value(spec: dict[str, Any], number: float) -> Any:
    """What one instance has for an input; sizes that are free are 1."""
    value: Any = int(number)
    if spec["dtype"] in ("DT_HALF", "DT_FLOAT", "DT_DOUBLE"):
        value = number
    elif spec["dtype"] in ("DT_STRING", "DT_BOOL"):
        value = "example" if spec["dtype"] == "DT_STRING" else True
    for dimension in reversed(spec["tensor_shape"]["dim"][1:]):
        value = [value] * max(1, int(dimension["size"]))
    return value


def _client(bundle: Path, timeout_seconds: float) -> httpx.Client:
    context = ssl.create_default_context(cafile=bundle / "ca.crt")
    context.load_cert_chain(bundle / "client.crt", bundle / "client.key")
    return httpx.Client(verify=context, timeout=timeout_seconds, trust_env=False)


def _url(bundle: Path) -> str:
    return str(json.loads((bundle / "endpoint.json").read_text(encoding="utf-8"))["predictUrl"])


if __name__ == "__main__":
    print(json.dumps(predict(Path(sys.argv[1]), json.loads(sys.argv[2]))))
