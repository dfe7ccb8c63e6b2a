"""What may be asked of a model server: all that the sidecar lets through."""

from __future__ import annotations

from typing import Final

VERSION: Final = "[0-9]{1,19}"


def routes(model_name: str) -> dict[str, str]:
    """For each method a regular expression of the paths that take it, for Python as for nginx.

    TensorFlow Serving's contract, the Open Inference Protocol, and the document about both.
    """
    # A model's name holds nothing that means anything in an expression: program/settings/.
    one = f"/models/{model_name}(/versions/{VERSION})?"
    return {
        "POST": f"/v1{one}:predict|/v2{one}/infer",
        "GET": rf"/v1{one}(/metadata)?|/v2{one}(/ready)?|/v2(/health/(live|ready))?|/openapi\.json",
    }
