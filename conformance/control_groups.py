"""Control groups, version 1 or 2, which hold containers to the memory and CPU they ask Azure for.

Who is not root may make them below one of systemd's own; `make` runs what needs them in such a
scope, see scripts/in_scope.sh.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_SCOPE = "mtls-model-endpoint-"
_PERIOD_MICROSECONDS = 100_000


@dataclass(frozen=True)
class ControlGroup:
    """What holds the processes of one container, and what it has seen of them."""

    limit_in_mb: int
    memory: Path
    cpu: Path
    """The same folder in version 2."""

    @property
    def kills(self) -> int:
        """How many processes were killed for want of memory."""
        counters = (self.memory / _named(self.memory, "events", "oom_control")).read_text(
            encoding="utf-8"
        )
        return next(int(n) for key, n in map(str.split, counters.splitlines()) if key == "oom_kill")

    @property
    def processes(self) -> list[int]:
        return [
            int(pid) for pid in (self.memory / "cgroup.procs").read_text(encoding="utf-8").split()
        ]

    @property
    def peak_in_mb(self) -> int:
        """The most memory so far, page cache included."""
        peak = self.memory / _named(self.memory, "peak", "max_usage_in_bytes")
        return int(peak.read_text(encoding="utf-8")) >> 20

    def hold(self, memory_in_mb: int) -> None:
        """Allow so much from now on; what is there beyond it is reclaimed, or killed for."""
        limit = self.memory / _named(self.memory, "max", "limit_in_bytes")
        limit.write_text(str(memory_in_mb << 20), encoding="utf-8")


class ControlGroups:
    """One for each container. Use `control_groups`."""

    def __init__(self) -> None:
        self.of: dict[str, ControlGroup] = {}
        self._name = f"{_SCOPE}{uuid.uuid4().hex[:8]}"

    def limit(self, container: str, cpus: float, memory_in_gb: float) -> list[Path]:
        """Make a container's, if it is not there; return the files that its processes join by.

        Raises:
            OSError: if this user may not, or the machine has none.
        """
        if container not in self.of:
            folders = [parent / f"{self._name}-{container}" for parent in _parents()]
            group = self.of[container] = ControlGroup(int(memory_in_gb * 1024), *folders)
            for folder in dict.fromkeys(folders):
                folder.mkdir()
            group.hold(group.limit_in_mb)
            for swap, most in (("swap.max", 0), ("memsw.limit_in_bytes", group.limit_in_mb << 20)):
                if (file := group.memory / f"memory.{swap}").exists():
                    file.write_text(str(most), encoding="utf-8")
            _hold_cpu(group.cpu, int(cpus * _PERIOD_MICROSECONDS))
        group = self.of[container]
        return [folder / "cgroup.procs" for folder in dict.fromkeys((group.memory, group.cpu))]

    def remove(self) -> None:
        for group in self.of.values():
            for folder in {group.memory, group.cpu}:
                _remove(folder)


@contextmanager
def control_groups() -> Iterator[ControlGroups]:
    """Those of one container group; gone after the block, by when its processes have ended."""
    groups = ControlGroups()
    try:
        yield groups
    finally:
        groups.remove()


def why_none() -> str:
    """Why there can be no control groups here; empty where there can."""
    try:
        with control_groups() as groups:
            groups.limit("trial", 1, 1)
    except OSError as error:
        return str(error)
    return ""


def _parents() -> tuple[Path, Path]:
    """The folders in which those for memory and for CPU are made."""
    if not (_ROOT / "cgroup.controllers").exists():
        return _ROOT / "memory", _ROOT / "cpu"
    own = Path(Path("/proc/self/cgroup").read_text(encoding="utf-8").strip().rpartition("::/")[2])
    scopes = [folder for folder in (own, *own.parents) if folder.name.startswith(_SCOPE)]
    parent = _ROOT / scopes[-1] if scopes else _ROOT
    _hand_on(parent)
    return parent, parent


def _hand_on(parent: Path) -> None:
    """Let the groups in a group of version 2 be limited, which one with processes may not."""
    controllers = parent / "cgroup.subtree_control"
    if {"cpu", "memory"} <= set(controllers.read_text(encoding="utf-8").split()):
        return
    with suppress(OSError):  # not below the kernel's own, whose processes may stay
        controllers.write_text("+cpu +memory", encoding="utf-8")
        return
    others = parent / "others"
    others.mkdir(exist_ok=True)
    while pids := (parent / "cgroup.procs").read_text(encoding="utf-8").split():
        for pid in pids:
            with suppress(ProcessLookupError):
                (others / "cgroup.procs").write_text(pid, encoding="utf-8")
    controllers.write_text("+cpu +memory", encoding="utf-8")


def _named(group: Path, second: str, first: str) -> str:
    """A control's name in version 2, or in version 1."""
    return f"memory.{second if (group / 'cgroup.controllers').exists() else first}"


def _hold_cpu(group: Path, quota: int) -> None:
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text(f"{quota} {_PERIOD_MICROSECONDS}", encoding="utf-8")
    else:
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS), encoding="utf-8")
        (group / "cpu.cfs_quota_us").write_text(str(quota), encoding="utf-8")


def _remove(folder: Path) -> None:
    """Also where its last processes are just about to end."""
    deadline = time.monotonic() + 5
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
