"""Writes tests/review/previews/: what the real engine says of changes to the stack `dev`.

To be run when the engine's format changes: `python -m tests.review.record_previews`. What the
review does not read is left out, because it is most of it and differs on every machine.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from common.names import SIDECAR, STACK
from localcloud.stack import LocalStack
from tests.engine.engine import recorded, up

PREVIEWS = Path(__file__).parent / "previews"
MIXED = {
    "clients": [{"name": "alice", "generations": [1, 2]}, {"name": "carol"}],
    "resources": {"model": {"cpu": 2, "memoryInGB": 1.5}},
}
_STEP = ("op", "urn", "diffReasons", "replaceReasons", "detailedDiff")
_STATE = ("inputs", "parent", "dependencies", "protect")
_LONG = 200


def main() -> None:
    PREVIEWS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with recorded(home) as local:
            up(local)
            _write("unchanged", _document(local))
        with recorded(home, config=MIXED) as local:
            _write("mixed", _document(local))


def _document(local: LocalStack) -> dict[str, Any]:
    workspace = local.stack.workspace
    workspace.env_vars = {**workspace.env_vars, "PULUMI_OPTION_SHOW_SAMES": "true"}
    document = json.loads(local.stack.preview(json=True).stdout)
    document["steps"] = [_step(step) for step in document["steps"]]
    return dict(document)


def _step(step: dict[str, Any]) -> dict[str, Any]:
    kept = {key: step[key] for key in _STEP if key in step}
    for side in ("oldState", "newState"):
        if state := step.get(side):
            tells = any(type_ in step["urn"] for type_ in (STACK, SIDECAR))
            keys = [*_STATE, "outputs"] if tells else _STATE
            kept[side] = {key: _short(state[key]) for key in keys if key in state}
    return kept


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return f"{value[:20]}..." if isinstance(value, str) and len(value) > _LONG else value


def _write(name: str, document: dict[str, Any]) -> None:
    (PREVIEWS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
