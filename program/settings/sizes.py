"""CPU and memory of the group's containers: each within its limits, and together what Azure gives.

At most 31 CPU and 240 GB, in any combination: Microsoft documents no relation between the two.
https://learn.microsoft.com/azure/container-instances/container-instances-resource-and-quota-limits
A group is given 1 CPU and 1 GB at least.
https://learn.microsoft.com/azure/container-instances/container-instances-container-groups
Memory comes in steps of 0.1 GB (https://github.com/CompositionalIT/farmer/pull/1004 quotes Azure),
CPU in steps of 0.01 (as https://github.com/virtual-kubelet/azure-aci rounds it for Azure).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from components import model_sizing
from components.sidecar_sizing import LEAST_MEMORY_IN_GB, MOST_CPU
from program.settings.refusals import Rule, Section, refusal
from program.settings.values import no_truth_value

LEAST_CPU = 0.05
"""With this much either container works, which a group of 1 CPU always has for both.

Tried in a control group: /health answered within 0.3 s while 64 clients at once connected anew for
every call, and the model server was ready after 16 s. With 0.01 /health took 1.2 s, and a probe
waits for one.
"""


class ContainerResources(Section):
    """What a container asks of Azure, and what it may use at most."""

    cpu: Annotated[
        float,
        BeforeValidator(no_truth_value),
        Field(ge=LEAST_CPU, le=31),
        Rule(f"a number of CPUs from {LEAST_CPU}, at most 31 for the group", 1),
    ]
    """In steps of 0.01; the group has 1 at least, and the sidecar can use one at most."""
    memory_in_gb: Annotated[
        float,
        BeforeValidator(no_truth_value),
        Field(ge=0.1, le=240, alias="memoryInGB"),
        Rule("memory in GB from 0.1, at most 240 for the group", 1.5),
    ]
    """In steps of 0.1; the group has 1 at least. What is parsed and buffered has to fit into it."""


class GroupResources(Section):
    """CPU and memory of the two containers of the group."""

    model: ContainerResources = ContainerResources(cpu=1, memoryInGB=1.5)
    sidecar: ContainerResources = ContainerResources(cpu=0.5, memoryInGB=0.5)


def refusals(
    resources: GroupResources, *, has_sidecar: bool, largest_body_in_mb: int | None
) -> Collection[PydanticCustomError]:
    """Return what cannot be deployed: no value twice, and each with one that fits the others.

    Args:
        resources: of both containers.
        has_sidecar: whether both are deployed.
        largest_body_in_mb: what the model server has to parse; None for one that is not ours.
    """
    containers = {"model": resources.model}
    if has_sidecar:
        containers["sidecar"] = resources.sidecar
    cpu = {name: container.cpu for name, container in containers.items()}
    memory = {name: container.memory_in_gb for name, container in containers.items()}
    found: dict[str, PydanticCustomError] = {}
    if has_sidecar and cpu["sidecar"] > MOST_CPU:
        allowed = f"at most {MOST_CPU} CPU (nginx has one worker there, which cannot use more)"
        found["sidecar.cpu"] = _refused("sidecar.cpu", cpu["sidecar"], allowed, MOST_CPU)
    if has_sidecar and memory["sidecar"] < LEAST_MEMORY_IN_GB:
        key = "sidecar.memoryInGB"
        allowed = f"{LEAST_MEMORY_IN_GB} GB or more (with less, clients could make Azure kill it)"
        found[key] = _refused(key, memory["sidecar"], allowed, LEAST_MEMORY_IN_GB)
    enough = 0.1
    if largest_body_in_mb is not None:
        needed = model_sizing.least_memory_in_mb(largest_body_in_mb, cpu["model"])
        enough = _up(needed / 1024, 10)
        if int(memory["model"] * 1024) < needed:
            key = "model.memoryInGB"
            allowed = _for_body(resources.model, largest_body_in_mb, enough)
            missing = _up(1 - sum(memory.values()) + memory["model"], 10)
            found[key] = _refused(key, memory["model"], allowed, max(enough, missing))
    for key, unit, sizes, most, steps, good in (
        ("cpu", "CPU", cpu, 31, 100, 1),
        ("memoryInGB", "GB", memory, 240, 10, max(1, enough)),
    ):
        total = round(sum(sizes.values()), 6)
        if not 1 <= total <= most and not any(path.endswith(key) for path in found):
            container = max(sizes, key=lambda name: sizes[name]) if total > most else "model"
            path = f"{container}.{key}"
            allowed = f"1 to {most} {unit} for the containers of the group together"
            fits = good if container == "model" else 1
            found[path] = _refused(path, total, allowed, fits, f"resources.*.{key}")
        for container, size in sizes.items():
            path = f"{container}.{key}"
            if round(size * steps, 6) % 1 and path not in found:
                allowed = f"steps of {1 / steps:g} {unit}, which is what Azure counts in"
                found[path] = _refused(path, size, allowed, _up(size, steps))
    return found.values()


def _for_body(given: ContainerResources, body: int, enough: float) -> str:
    largest = model_sizing.largest_body_in_mb(given.memory_in_gb, given.cpu)
    otherwise = f", or maxRequestBodyInMB of at most {largest}" if largest > 0 else ""
    return f"at least {enough} to parse a body of {body} MB with {given.cpu:g} CPU{otherwise}"


def _up(size: float, steps: int) -> float:
    """The next size that Azure takes."""
    return math.ceil(round(size * steps, 6)) / steps


def _refused(
    path: str, given: float, allowed: str, good: float, key: str = ""
) -> PydanticCustomError:
    path = f"resources.{path}"
    return refusal(key or path, given, allowed, f"pulumi config set --path {path} {good:g}")
