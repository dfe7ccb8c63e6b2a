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
    endpoint = json.loads((bundle / "endpoint.json").read_text(encoding="utf-8"))
    context = ssl.create_default_context(cafile=bundle / "ca.crt")
    context.load_cert_chain(bundle / "client.crt", bundle / "client.key")
    with httpx.Client(verify=context, timeout=timeout_seconds, trust_env=False) as client:
        answer = client.post(endpoint["predictUrl"], json={"instances": instances})
    answer.raise_for_status()
    return list(answer.json()["predictions"])


if __name__ == "__main__":
    print(json.dumps(predict(Path(sys.argv[1]), json.loads(sys.argv[2]))))
