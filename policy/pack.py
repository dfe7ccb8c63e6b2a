"""A policy pack: its folder, its configuration, and whether the engine can start it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from common.names import PROJECT
from common.refusal import Refusal


@dataclass(frozen=True)
class Pack:
    """A policy pack and the file that configures it."""

    folder: Path
    config: Path | None

    def arguments(self) -> list[str]:
        config = ["--policy-pack-config", str(self.config)] if self.config else []
        return ["--policy-pack", str(self.folder), *config]

    def require(self) -> None:
        """Make sure that the pack can start: the engine waits for ever for one that cannot.

        Raises:
            Refusal: if there is no pack, or no interpreter for it.
        """
        description = self.folder / "PulumiPolicy.yaml"
        if not description.exists():
            raise Refusal(
                f"--policy-pack {self.folder} is no policy pack: it has no PulumiPolicy.yaml"
            )
        if self.config:
            self._require_config(self.config)
        described = yaml.safe_load(description.read_text(encoding="utf-8")) or {}
        runtime = described.get("runtime") if isinstance(described, Mapping) else None
        options = runtime.get("options") if isinstance(runtime, Mapping) else None
        environment = options.get("virtualenv") if isinstance(options, Mapping) else None
        if environment:
            require_python(self.folder / environment)

    def _require_config(self, file: Path) -> None:
        if not file.exists():
            raise Refusal(f"--policy-pack-config {file} is not there")
        try:
            config = json.loads(file.read_bytes())
        except (OSError, ValueError):
            config = None
        if not isinstance(config, dict):
            raise Refusal(f"--policy-pack-config {file} holds no JSON object of rules")
        if self.folder == PROJECT / "policy":
            # Slow to import, and another pack has other rules.
            from policy.guardrails.configured import mistakes  # noqa: PLC0415

            for mistake in mistakes(config):
                raise Refusal(f"--policy-pack-config {file}: {mistake}")


def require_python(environment: Path) -> None:
    """Make sure that a virtual environment is there; without it the preview would hang."""
    if not any((environment / at).exists() for at in ("bin/python", "Scripts/python.exe")):
        raise Refusal(
            f"there is no virtual environment in {environment}, and a preview without it never "
            "ends; type `make setup`"
        )
