"""What the sidecar that runs today enforces, as its component registered it.

The stack file of that time is nowhere in a preview; outputs of components are. A preview does not
hold the new ones, which are made from the stack file.
"""

from __future__ import annotations

from common.enforcement import Enforcement, read
from common.names import SIDECAR
from review.steps import Preview


def running(preview: Preview) -> Enforcement | None:
    """Finds the sidecar of today; None where there is none, or the preview does not tell."""
    for step in preview.steps:
        if step.type == SIDECAR and step.old:
            return read(step.old.outputs)
    return None
