"""A group's containers as processes: started, restarted, stopped, and never left behind."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from common.refusal import Refusal
from conformance.actors.ports import unused_ports
from localcloud import processes
from localcloud.ports import require_free_port
from localcloud.processes import Group
from tests.localcloud.containers import FOREVER, asking, container, eventually, lines, running_in


@pytest.fixture
def group(folder: Path) -> Iterator[Group]:
    made = Group(folder)
    yield made
    made.stop()


def supervisor(group: Group) -> int:
    return int((group.folder / "supervisord.pid").read_text())


def kill_supervisor(group: Group) -> None:
    pid = supervisor(group)
    os.killpg(pid, signal.SIGKILL)
    assert eventually(lambda: not group.is_running)


def test_a_group_runs_until_it_is_stopped_and_leaves_no_process(group: Group) -> None:
    # One that starts another, which outlives its parent.
    group.start([container(group.folder, f"({FOREVER}) & ({FOREVER}) & {FOREVER}")])
    assert group.is_running
    assert group.was_started
    assert group.states()["app"]["state"] == "Running"

    group.stop()

    assert not group.is_running
    assert group.states() == {}
    assert running_in(group.folder) == []
    group.stop()


@pytest.mark.parametrize("name", ["a%20b", "100%", "a ;b #c", "it's $x", "ä"])
def test_a_group_runs_whatever_its_folder_is_called(name: str, folder: Path) -> None:
    group = Group(folder / name)
    group.start([container(group.folder, f"echo here; {FOREVER}", readiness=asking())])

    assert group.is_running
    assert eventually(lambda: group.log("app").read_text() == "here\n")

    group.remove()
    assert running_in(folder) == []


def test_a_removed_group_leaves_no_file_either(group: Group) -> None:
    group.start([container(group.folder, FOREVER)])

    group.remove()

    assert not group.folder.exists()
    assert not group.was_started


def test_a_container_that_will_not_end_is_ended(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT_SECONDS", 0.5)
    group.start([container(group.folder, f"trap '' TERM; {FOREVER}")])

    group.stop()

    assert running_in(group.folder) == []


def test_a_container_sees_its_own_environment_and_not_the_deployers(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARM_CLIENT_SECRET", "of the deployer")
    given = {"QUOTED": "a \"b\" 'c'", "MARKS": "a #b ;c %d $e \\", "LINES": "a\n  b\n", "NONE": ""}
    script = f"env -0 > seen; {FOREVER}"

    group.start(
        [container(group.folder, script, environment=given, search_path=[group.folder / "bin"])]
    )

    seen = dict(
        variable.partition("=")[::2] for variable in (group.folder / "seen").read_text().split("\0")
    )
    assert {name: seen[name] for name in given} == given
    assert seen["PATH"].startswith(f"{group.folder}/bin:")
    assert "PYTHONPATH" not in seen
    assert "of the deployer" not in seen.values()
    assert set(seen) <= {*given, "PATH", "PWD", "LANG", "_", ""} | {
        name for name in seen if name.startswith("SUPERVISOR_")
    }


def test_a_command_reaches_the_container_word_by_word(group: Group) -> None:
    words = ["a b", "#c ;d", '"e"', "%f", "$g", "", "h\ni"]
    script = f"printf '%s\\0' \"$@\" > seen; {FOREVER}"

    group.start([container(group.folder, "", command=["sh", "-c", script, "sh", *words])])

    assert (group.folder / "seen").read_text().split("\0")[:-1] == words


def test_what_a_container_prints_is_in_its_log(group: Group) -> None:
    group.start([container(group.folder, f"echo out; echo err >&2; {FOREVER}")])

    assert group.log("app").read_text() == "out\nerr\n"


def test_what_a_group_is_told_is_for_its_owner_only(group: Group) -> None:
    group.start([container(group.folder, FOREVER, environment={"KEY": "secret"})])

    holding = [
        file
        for file in group.folder.rglob("*")
        if file.is_file() and "secret" in file.read_text(errors="replace")
    ]
    assert [file.stat().st_mode & 0o777 for file in holding] == [0o600]


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """How often containers of all policies were started; at once, for each has to be watched."""
    folder = tmp_path_factory.mktemp("g").resolve()
    group = Group(folder)
    made = []
    for policy in ("Always", "OnFailure", "Never"):
        for code in (0, 1):
            name = f"{policy}-{code}".lower()
            # supervisord waits ever longer before it starts again what ended within a second.
            script = f"echo >> {name}.starts; sleep {1.2 if policy == 'Always' else 0.1}"
            made.append(
                container(folder, f"{script}; exit {code}", name=name, restart_policy=policy)
            )
    again = [folder / f"{name}.starts" for name in ("always-0", "always-1", "onfailure-1")]
    try:
        group.start(made)
        assert eventually(lambda: all(lines(file) > 1 for file in again))
        yield {c.name: lines(folder / f"{c.name}.starts") for c in made}
    finally:
        group.stop()


@pytest.mark.parametrize("name", ["always-0", "always-1", "onfailure-1"])
def test_a_container_that_is_to_go_on_is_started_again(starts: dict[str, int], name: str) -> None:
    assert starts[name] > 1


@pytest.mark.parametrize("name", ["onfailure-0", "never-0", "never-1"])
def test_a_container_that_is_through_is_left_alone(starts: dict[str, int], name: str) -> None:
    assert starts[name] == 1


@pytest.mark.parametrize(("policy", "code"), [("OnFailure", 0), ("Never", 0), ("Never", 3)])
def test_a_container_that_is_through_at_once_is_no_failure(
    group: Group, policy: str, code: int
) -> None:
    group.start([container(group.folder, f"exit {code}", restart_policy=policy)])

    assert eventually(lambda: group.states()["app"].get("exitCode") == code)
    assert group.states()["app"]["state"] == "Terminated"


def test_a_group_is_started_when_its_last_container_is_ready(group: Group) -> None:
    group.start(
        [
            container(
                group.folder,
                f"sleep 1.5; touch ready; {FOREVER}",
                readiness=asking("test -e ready"),
            )
        ]
    )

    assert (group.folder / "ready").exists()


@pytest.mark.parametrize(
    ("script", "end_of_log"),
    [
        (f"echo the reason; {FOREVER}", "  the reason"),
        ("echo the reason; exit 1", "  the reason"),
        (FOREVER, "  (nothing)"),
        ("exec no-such-program", "no-such-program: not found"),
    ],
)
def test_a_container_that_does_not_get_ready_is_refused_with_the_end_of_its_log(
    group: Group, monkeypatch: pytest.MonkeyPatch, script: str, end_of_log: str
) -> None:
    monkeypatch.setattr(processes, "START_TIMEOUT_SECONDS", 1)
    app = container(group.folder, script, readiness=asking("false"), restart_policy="Always")

    with pytest.raises(Refusal) as refused:
        group.start([app])

    first, *log = str(refused.value).splitlines()
    assert first == "container 'app' was not ready after 1 seconds. The end of its log:"
    assert log[-1].endswith(end_of_log)
    assert running_in(group.folder) == []


def test_a_taken_port_is_refused_before_anything_is_started(group: Group) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refusal, match=f"port: {port} is taken on this machine"):
            group.start([container(group.folder, FOREVER, ports=[port])])

    assert not group.was_started
    assert running_in(group.folder) == []


@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_taken_port_is_named_with_its_key_and_a_line_that_helps(address: str) -> None:
    with socket.create_server((address, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refusal) as refused:
            require_free_port(port, "endpointPort")

    text = str(refused.value)
    assert text.startswith(f"endpointPort: {port} is taken on this machine (`ss -ltnp` shows by")
    suggested = text.partition("`mtls-model-endpoint:endpointPort: ")[2].partition("`")[0]
    require_free_port(int(suggested))


def test_a_port_that_was_used_a_moment_ago_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()

    require_free_port(port)


def test_a_path_that_is_too_long_for_a_socket_is_one_sentence(folder: Path) -> None:
    deep = folder / ("x" * 120)

    with pytest.raises(Refusal) as refused:
        Group(deep).start([container(deep, FOREVER)])

    text = str(refused.value)
    assert "is too long a path for a socket" in text
    assert text.endswith("clone the project into a folder with a shorter path")
    assert "\n" not in text
    assert not deep.exists()


class TestAfterACrash:
    """Of supervisord, of the machine, or of anyone who typed `kill -9`."""

    def test_a_stale_number_of_another_program_is_not_taken_for_the_group(
        self, group: Group
    ) -> None:
        with subprocess.Popen(["sleep", "60"]) as other:  # noqa: S607
            (group.folder / "supervisord.pid").write_text(str(other.pid))

            assert not group.is_running
            group.stop()
            assert other.poll() is None
            other.kill()

    def test_a_stale_number_of_another_group_is_not_taken_for_this_one(self, group: Group) -> None:
        stale = Group(group.folder / "stale")
        stale.folder.mkdir()
        group.start([container(group.folder, FOREVER)])
        (stale.folder / "supervisord.pid").write_text(str(supervisor(group)))

        assert not stale.is_running
        stale.stop()
        assert group.states()["app"]["state"] == "Running"

    @pytest.mark.parametrize("content", ["", "nonsense", "0", "-1", "4194305"])
    def test_a_broken_number_is_nobody(self, group: Group, content: str) -> None:
        (group.folder / "supervisord.pid").write_text(content)

        assert not group.is_running
        group.stop()

    def test_containers_that_outlived_their_supervisor_are_stopped(self, group: Group) -> None:
        group.start([container(group.folder, f"({FOREVER}) & trap '' TERM; {FOREVER}")])
        kill_supervisor(group)

        group.stop()

        assert running_in(group.folder) == []

    def test_a_group_is_started_anew_without_its_strays(self, group: Group) -> None:
        (port,) = unused_ports(1)
        server = f"exec python3 -m http.server --bind 127.0.0.1 {port}"
        app = container(
            group.folder,
            server,
            ports=[port],
            readiness=asking(url=f"http://127.0.0.1:{port}/"),
        )
        group.start([app])
        before = {p.pid for p in running_in(group.folder)}
        kill_supervisor(group)

        group.start([app])

        assert not before & {p.pid for p in running_in(group.folder)}
        assert group.states()["app"]["state"] == "Running"

    def test_a_killed_container_is_started_again(self, group: Group) -> None:
        script = f"echo $$ >> pids; {FOREVER}"
        group.start([container(group.folder, script, restart_policy="Always")])
        first = int((group.folder / "pids").read_text())

        os.kill(first, signal.SIGKILL)

        assert eventually(lambda: lines(group.folder / "pids") == 2)
        assert not psutil.pid_exists(first)

    def test_somebodys_shell_in_the_folder_is_left_alone(self, group: Group) -> None:
        """Who reads the logs there while another terminal stops the group."""
        group.start([container(group.folder, FOREVER)])
        shell, terminal = pty.fork()
        if shell == 0:
            os.chdir(group.folder)
            os.execvp("sleep", ["sleep", "60"])  # noqa: S606, S607
        assert eventually(lambda: shell in [p.pid for p in running_in(group.folder)])

        group.stop()

        assert [p.pid for p in running_in(group.folder)] == [shell]
        os.kill(shell, signal.SIGKILL)
        os.waitpid(shell, 0)
        os.close(terminal)
