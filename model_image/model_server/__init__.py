"""Serves every version of one ONNX model over TensorFlow Serving's REST contract.

Owns: the HTTP contract, the checks on what comes in, and the request log. Does not own: who may
call (the nginx sidecar checks that, and says who it was in `X-Client-Name`) and how the model was
made (`train.py`).
"""

import os

# ONNX Runtime writes a device id into the home directory and reports to its makers when it is
# imported, unless this is set before: https://github.com/microsoft/onnxruntime/pull/29843
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# Nothing here multiplies large matrices with NumPy, and a process with threads cannot be forked.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
