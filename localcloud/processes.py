"""The containers of a group as processes under supervisord, each group in a folder of its own.

supervisord starts and restarts them and keeps their logs; `localcloud.prober` runs beside them
as one more program and does what Azure does with probes.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from common.refusal import Refusal
from localcloud.ports import require_free_port

PROBER = "_prober"
_ALL = "containers"
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 15
_SOCKET_PATH_LIMIT = 100
"""Bytes of a Unix socket's path, 108 in Linux, less what supervisord appends while it binds."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A question put to a container again and again: GET `url`, or run `command`."""

    url: str | None
    command: list[str]
    initial_delay_seconds: int
    period_seconds: int
    timeout_seconds: int
    failure_threshold: int


@dataclass(frozen=True, kw_only=True)
class Container:
    """A process to run, in this machine's terms."""

    name: str
    command: list[str]
    environment: dict[str, str]
    search_path: list[Path]
    scratch: Path
    restart_policy: str
    """`Always`, `OnFailure` or `Never`."""
    liveness: Probe | None = None
    readiness: Probe | None = None
    ports: list[int] = field(default_factory=list)
    control_groups: list[Path] = field(default_factory=list)
    """Files to which what joins a control group writes its process id."""


class Group:
    """A folder with supervisord's files, and what can be done with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._socket = folder / "sock"  # a socket's path has to be short
        self._pid_file = folder / "supervisord.pid"

    @property
    def was_started(self) -> bool:
        return (self.folder / "supervisord.conf").exists()

    @property
    def is_running(self) -> bool:
        pid = self._pid()
        return pid is not None and _is_supervisord(pid, self.folder)

    def log(self, container: str) -> Path:
        return self.folder / "logs" / f"{container}.log"

    def start(self, containers: list[Container]) -> None:
        """Start the containers and wait until each is ready.

        Raises:
            Refusal: if one does not get ready; the end of its log is in the message.
        """
        if len(str(self._socket)) > _SOCKET_PATH_LIMIT:
            raise Refusal(
                f"{self._socket} is too long a path for a socket ({len(str(self._socket))} "
                f"characters, at most {_SOCKET_PATH_LIMIT}); clone the project into a folder with "
                "a shorter path"
            )
        self._kill_strays()
        for container in containers:
            for port in container.ports:
                require_free_port(port)
        containers = self._write_configuration(containers)
        subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", "supervisord.conf"],
            cwd=self.folder,
            # The containers see nothing of the deployer's environment.
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": _project_root()},
            check=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        for container in containers:
            self._await_ready(container, deadline)

    def stop(self) -> None:
        """Stop all processes of the group; nothing happens if none runs."""
        pid = self._pid()
        if pid is not None and _is_supervisord(pid, self.folder):
            with contextlib.suppress(OSError, Fault):
                self._supervisor().supervisor.shutdown()
            _wait_for_end(pid, self.folder, STOP_TIMEOUT_SECONDS)
        self._kill_strays()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def states(self) -> dict[str, dict[str, Any]]:
        """Each container's state as Azure shows it; none when nothing runs."""
        if not self.is_running:
            return {}
        return {
            info["name"]: {
                "state": "Running" if info["statename"] == "RUNNING" else "Terminated",
                "startTime": datetime.fromtimestamp(info["start"], UTC).isoformat(),
                **({"exitCode": info["exitstatus"]} if info["statename"] == "EXITED" else {}),
            }
            for info in self._supervisor().supervisor.getAllProcessInfo()
            if info["name"] != PROBER
        }

    def restart(self, container: str) -> None:
        supervisor = self._supervisor().supervisor
        with contextlib.suppress(Fault):
            supervisor.stopProcess(f"{_ALL}:{container}")
        with contextlib.suppress(Fault):  # it ended at once; supervisord goes on trying
            supervisor.startProcess(f"{_ALL}:{container}")

    def _supervisor(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return ServerProxy("http://localhost", transport=transport)

    def _kill_strays(self) -> None:
        """Kill what outlived its supervisord, which something may have killed before us.

        All processes of a group have its folder as their working directory, also the workers
        that nginx forks. A shell in which somebody reads the logs has a terminal, they have none.
        """
        deadline = time.monotonic() + 5
        while strays := _processes_in(self.folder):
            if time.monotonic() > deadline:
                raise Refusal(
                    f"processes {', '.join(map(str, strays))} of {self.folder} do not end; "
                    f"type: kill -9 {' '.join(map(str, strays))}"
                )
            for stray in strays:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(stray, signal.SIGKILL)
            time.sleep(0.05)

    def _pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def _write_configuration(self, containers: list[Container]) -> list[Container]:
        """Write all files; returns the containers with probes as they are put from outside."""
        for folder in (self.folder, self.folder / "logs", *(c.scratch for c in containers)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        containers = [self._with_probes_inside(container) for container in containers]
        config = configparser.RawConfigParser()
        # Relative to this folder, in which supervisord is started: in the name of one it would
        # expand % and cut off what follows ` ;`.
        config["unix_http_server"] = {"file": self._socket.name, "chmod": "0700"}
        config["supervisord"] = {
            "logfile": "supervisord.log",
            "pidfile": self._pid_file.name,
            "childlogdir": "logs",
            "silent": "true",
            "minfds": "4096",
        }
        if os.geteuid() == 0:
            config["supervisord"]["user"] = "root"  # else it warns at every start
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for container in containers:
            restart = {"Always": "true", "OnFailure": "unexpected", "Never": "false"}
            config[f"program:{container.name}"] = {
                **self._program(["sh", self._script(container, container.command)], container.name),
                "autorestart": restart[container.restart_policy],
                # Who ends within `startsecs` is started again whatever `autorestart` says.
                "startsecs": "1" if container.restart_policy == "Always" else "0",
                "startretries": "1000",
            }
        config[f"program:{PROBER}"] = {
            **self._program([sys.executable, "-m", "localcloud.prober", "probes.json"], PROBER),
            "autorestart": "true",
        }
        # supervisord stops group after group and looks once a second whether one has ended.
        programs = ",".join([*(container.name for container in containers), PROBER])
        config[f"group:{_ALL}"] = {"programs": programs}
        probes = {
            container.name: {
                kind: asdict(probe)
                for kind in ("liveness", "readiness")
                if (probe := getattr(container, kind))
            }
            for container in containers
        }
        (self.folder / "probes.json").write_text(json.dumps(probes), encoding="utf-8")
        with open(self.folder / "supervisord.conf", "w", encoding="utf-8") as file:
            config.write(file)
        return containers

    def _with_probes_inside(self, container: Container) -> Container:
        """A probe's command runs where its container runs: same variables, same programs."""
        inside: dict[str, Probe] = {}
        for kind in ("liveness", "readiness"):
            probe: Probe | None = getattr(container, kind)
            if probe and probe.command:
                script = self._script(container, probe.command, f".{kind}")
                command = ["env", "-i", "sh", "-c", 'cd "$0" && . "$1"', str(self.folder)]
                inside[kind] = replace(probe, command=[*command, f"./{script}"])
        return replace(container, **inside)  # type: ignore[arg-type]

    def _script(self, container: Container, command: list[str], suffix: str = "") -> str:
        """What supervisord runs: its own file can hold neither quotes nor ` #` nor line breaks."""
        path = ":".join([*map(str, container.search_path), os.environ["PATH"]])
        variables = {**container.environment, "PATH": path}
        script = self.folder / f"{container.name}{suffix}.sh"
        lines = [
            # The prober needs the project on its path; a container must not see it.
            "unset PYTHONPATH",
            *(f"echo $$ >{shlex.quote(str(file))} || exit" for file in container.control_groups),
            *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
            f"exec {shlex.join(command)}",
        ]
        with open(
            os.open(script, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write("\n".join(lines) + "\n")
        return script.name

    def _program(self, command: list[str], name: str) -> dict[str, str]:
        return {
            "command": shlex.join(command).replace("%", "%%"),
            "redirect_stderr": "true",
            "stdout_logfile": str(self.log(name).relative_to(self.folder)),
            "stdout_logfile_maxbytes": "4MB",  # as much as Azure keeps of a running container
            "stdout_logfile_backups": "1",
            "stopasgroup": "true",
            "killasgroup": "true",
            "stopwaitsecs": "10",
        }

    def _await_ready(self, container: Container, deadline: float) -> None:
        from localcloud.prober import succeeds  # noqa: PLC0415  it imports this module

        probe = container.readiness
        while True:
            state = self.states().get(container.name, {})
            if state.get("state") == "Running" and (probe is None or succeeds(probe)):
                return
            if _will_not_run_again(container.restart_policy, state.get("exitCode")):
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        log = self.log(container.name)
        tail = (
            log.read_text(errors="replace", encoding="utf-8").splitlines()[-15:]
            if log.exists()
            else []
        )
        self.stop()
        raise Refusal(
            f"container '{container.name}' was not ready after {START_TIMEOUT_SECONDS} seconds. "
            "The end of its log:\n  " + "\n  ".join(tail or ["(nothing)"])
        )


def _will_not_run_again(restart_policy: str, exit_code: int | None) -> bool:
    """Whether a container had something to do and is through with it."""
    if exit_code is None or restart_policy == "Always":
        return False
    return restart_policy == "Never" or exit_code == 0


def _project_root() -> str:
    return str(Path(__file__).resolve().parent.parent)


def _processes_in(folder: Path) -> list[int]:
    """Ids of the daemons that work in a folder, without those that have already ended."""
    found = []
    for cwd in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            # A process that is being waited for has no working directory any more.
            if cwd.readlink() != folder:
                continue
            fields = (cwd.parent / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            session, terminal = int(fields[3]), int(fields[4])
            if terminal == 0 and session != os.getsid(0):
                found.append(int(cwd.parent.name))
    return found


def _is_supervisord(pid: int, folder: Path) -> bool:
    """Whether a process is a folder's supervisord: after a crash its number may be another's."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return b"supervisord" in command and Path(f"/proc/{pid}/cwd").readlink() == folder
    except OSError:
        return False


def _wait_for_end(pid: int, folder: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _is_supervisord(pid, folder):
        time.sleep(0.05)
