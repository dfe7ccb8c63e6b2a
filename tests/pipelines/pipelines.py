"""Both systems' files, read as what they have in common: jobs that call targets of the Makefile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from common.names import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
AZURE = PROJECT / "azure-pipelines.yml"
PREPARES = {"make plugins", "make approval"}
"""What is about no stack; the second is for GitHub only."""


@dataclass(frozen=True)
class Job:
    """A job of either system."""

    name: str
    environment: str
    calls: tuple[tuple[str, str], ...]
    """Each command, with the stack that it is about."""
    definition: Mapping[str, Any]

    @property
    def what(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        return self.environment, tuple(call for call in self.calls if call[0] not in PREPARES)


def workflow(file: Path) -> dict[str, Any]:
    """A workflow, with the key `on` as it is written: YAML 1.1 reads a boolean."""
    content: dict[Any, Any] = yaml.safe_load(file.read_text())
    return {"on" if key is True else key: value for key, value in content.items()}


def github_jobs() -> Iterator[Job]:
    for file in WORKFLOWS:
        for name, job in workflow(file)["jobs"].items():
            outer = job.get("env", {})
            calls = tuple(
                (step["run"], {**outer, **step.get("env", {})}.get("S", ""))
                for step in job["steps"]
                if "run" in step
            )
            yield Job(f"{file.stem}/{name}", job.get("environment", ""), calls, job)


def azure_jobs() -> Iterator[Job]:
    for stage in yaml.safe_load(AZURE.read_text())["stages"]:
        for job in stage["jobs"]:
            calls = tuple(
                (command, step.get("env", {}).get("S", ""))
                for step in azure_steps(job)
                if (command := step.get("script") or step.get("inputs", {}).get("inlineScript"))
            )
            name = job.get("job") or job["deployment"]
            yield Job(f"{stage['stage']}/{name}", job.get("environment", ""), calls, job)


def azure_steps(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    runs = job if "steps" in job else job["strategy"]["runOnce"]["deploy"]
    steps: list[dict[str, Any]] = runs["steps"]
    return steps
