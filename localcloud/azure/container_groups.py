"""A container group: Azure's rules first, then its containers as processes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.refusal import Refusal
from localcloud.azure import rules
from localcloud.azure.cloud import TENANT, Cloud, Record, registry_for
from localcloud.plugins.base import Properties
from localcloud.ports import require_free_port
from localcloud.processes import Container, Group, Probe

LOOPBACK = "127.0.0.1"
Limit = Callable[[str, float, float], list[Path]]
"""Takes a container's name, CPUs and memory in GB, and returns files of control groups to join."""


class ContainerGroups:
    """Starts, restarts and stops groups; in recording mode it only checks and remembers."""

    def __init__(
        self,
        cloud: Cloud,
        folder: Path,
        say: Callable[[str], None] = print,
        *,
        records_only: bool,
        limit: Limit | None = None,
    ) -> None:
        self._cloud = cloud
        self._folder = folder
        self._say = say
        self._limit = limit
        self.records_only = records_only

    def apply(self, record: Record, old: Record | None) -> Properties:
        """Create a group, or update it in place, which restarts its containers."""
        if old is not None:
            rules.check_update_is_allowed(old.inputs, record.inputs)
        rules.check_label_is_free(self._cloud, record.id, record.inputs)
        rules.check_images_can_be_pulled(self._cloud, record.inputs)
        if not self.records_only:
            containers = self._containers(record)
            group = self._group(record)
            names = " and ".join(container.name for container in containers)
            # Before the running group is touched: it would not come back.
            for port in _ports(record) - (_ports(old) if old else set()):
                require_free_port(port)
            self._say(f"endpoint: {'restarting' if group.is_running else 'starting'} {names}")
            group.stop()
            self._write_volumes(record)
            try:
                group.start(containers)
            except Exception:
                if old is None:
                    group.remove()  # nobody knows of it, so nobody else would
                raise
        return self._answer(record)

    def _answer(self, record: Record) -> Properties:
        """Where Azure answers other than it was asked: identities, address, no secrets."""
        answer: Properties = {}
        if identity := record.inputs.get("identity"):
            known = {i: self._cloud.get(i) for i in identity.get("userAssignedIdentities") or []}
            answer["identity"] = {
                **identity,
                "userAssignedIdentities": {
                    arm_id: {k: found.outputs[k] for k in ("principalId", "clientId")}
                    for arm_id, found in known.items()
                    if found
                },
            }
        if address := record.inputs.get("ipAddress"):
            answer["ipAddress"] = {**address, "ip": LOOPBACK, "fqdn": _fqdn(record, address)}
        if volumes := record.inputs.get("volumes"):
            answer["volumes"] = [
                {**volume, "secret": {}} if "secret" in volume else volume for volume in volumes
            ]
        return answer

    def resume(self, record: Record) -> bool:
        """Start a group that should be running and is not, as Azure does after an outage."""
        group = self._group(record)
        if self.records_only or not group.was_started or group.is_running:
            return False
        self._write_volumes(record)
        group.start(self._containers(record))
        return True

    def remove(self, record: Record) -> None:
        self._group(record).remove()

    def group(self, record: Record) -> Group:
        """The processes of a group."""
        return self._group(record)

    def instance_view(self, record: Record) -> Properties:
        """What really runs, as Azure's GET shows it."""
        group = self._group(record)
        if not group.was_started:
            return {}
        states = group.states()
        containers = [
            {**c, "instanceView": {"currentState": states.get(c["name"], {"state": "Terminated"})}}
            for c in record.inputs["containers"]
        ]
        running = all(s["state"] == "Running" for s in states.values()) and bool(states)
        return {
            "containers": containers,
            "instanceView": {"state": "Running" if running else "Stopped"},
        }

    def _group(self, record: Record) -> Group:
        return Group(self._folder / record.inputs["containerGroupName"])

    def _volume(self, record: Record, name: str) -> Path:
        return self._group(record).folder / "volumes" / name

    def _write_volumes(self, record: Record) -> None:
        for volume in record.inputs.get("volumes") or []:
            folder = self._volume(record, volume["name"])
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            content = volume.get("secret") or {}
            for stale in folder.iterdir():
                if stale.name not in content:
                    stale.unlink()
            for name, value in content.items():
                flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
                with open(os.open(folder / name, flags, 0o600), "wb") as file:
                    file.write(base64.b64decode(value))

    def _containers(self, record: Record) -> list[Container]:
        return [self._container(record, spec) for spec in record.inputs["containers"]]

    def _container(self, record: Record, spec: Properties) -> Container:
        image = spec["image"]
        registry = registry_for(self._cloud, image)
        if registry is None:
            raise Refusal(
                f"the local cloud runs only images that were built on this machine, and {image} "
                "was not; take modelImage.ref out of the stack file, or deploy to Azure"
            )
        root = Path(registry.images[image.split("/", 1)[1]])
        scratch = self._group(record).folder / "containers" / spec["name"]
        # A container has a file system of its own; here its paths lie below other folders.
        places = [
            (mount["mountPath"], self._volume(record, mount["name"]))
            for mount in spec.get("volumeMounts") or []
        ]
        places.append(("/tmp", scratch / "tmp"))  # noqa: S108  the container's, not ours
        command = spec.get("command") or json.loads(
            (root / "command.json").read_text(encoding="utf-8")
        )
        environment = {
            variable["name"]: variable.get("value") or variable.get("secureValue") or ""
            for variable in spec.get("environmentVariables") or []
        }
        asked = spec["resources"]["requests"]
        limits = (spec["name"], float(asked["cpu"]), float(asked["memoryInGB"]))
        return Container(
            name=spec["name"],
            command=[_translate(word, places, root / "rootfs") for word in command],
            # The group's network is the loopback interface: what is not published in Azure must
            # not be reachable from other machines here.
            environment={"HOST": LOOPBACK, **environment, "TMPDIR": str(scratch / "tmp")},
            search_path=[root / "rootfs" / "usr/sbin", root / "rootfs" / "usr/bin"],
            scratch=scratch / "tmp",
            restart_policy=record.inputs.get("restartPolicy") or "Always",
            liveness=_probe(spec.get("livenessProbe"), places, root),
            readiness=_probe(spec.get("readinessProbe"), places, root),
            ports=[port["port"] for port in spec.get("ports") or []],
            control_groups=self._limit(*limits) if self._limit else [],
        )


def _fqdn(record: Record, address: Properties) -> str | None:
    """With a hash of label and tenant where the label is not anybody's to take:
    https://learn.microsoft.com/azure/container-instances/how-to-reuse-dns-names

    How Azure makes the hash is not documented; this one is only not to be guessed.
    """
    label, region = address.get("dnsNameLabel"), record.inputs["location"]
    if not label:
        return None
    scope = address.get("autoGeneratedDomainNameLabelScope") or "Unsecure"
    if scope != "Unsecure":
        digest = hashlib.sha256(f"{scope} {label} {TENANT}".encode()).digest()
        label += "." + base64.b32encode(digest).decode()[:16].lower()
    return f"{label}.{region.replace(' ', '').lower()}.azurecontainer.io"


def _ports(record: Record) -> set[int]:
    return {p["port"] for c in record.inputs["containers"] for p in c.get("ports") or []}


def _translate(word: str, places: list[tuple[str, Path]], rootfs: Path) -> str:
    """A path in the container as the path it has on this machine."""
    for inside, outside in places:
        if word == inside or word.startswith(f"{inside}/"):
            return str(outside) + word.removeprefix(inside)
    if re.match(r"/\w", word) and (rootfs / word.lstrip("/")).exists():
        return str(rootfs / word.lstrip("/"))
    return word


def _probe(spec: Any, places: list[tuple[str, Path]], root: Path) -> Probe | None:
    if not spec:
        return None
    http = spec.get("httpGet") or {}
    command = (spec.get("exec") or {}).get("command") or []
    return Probe(
        url=f"http://{LOOPBACK}:{http['port']}{http.get('path') or '/'}" if http else None,
        command=[_translate(word, places, root / "rootfs") for word in command],
        initial_delay_seconds=spec.get("initialDelaySeconds") or 0,
        period_seconds=spec.get("periodSeconds") or 10,
        timeout_seconds=spec.get("timeoutSeconds") or 1,
        failure_threshold=spec.get("failureThreshold") or 3,
    )
