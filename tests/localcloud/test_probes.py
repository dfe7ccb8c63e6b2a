"""Probes: what counts as an answer, and what a failing one does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localcloud.prober import succeeds
from localcloud.processes import Group
from tests.localcloud.containers import FOREVER, asking, container, eventually, lines


class _Answers(BaseHTTPRequestHandler):
    """`/503` answers 503; `/slow` answers too late."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(1.5)
            self.path = "/200"
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "good"),
    [("200", True), ("204", True), ("304", True), ("399", True), ("400", False), ("503", False)],
)
def test_an_answer_from_200_to_399_is_good(url: str, status: str, good: bool) -> None:
    assert succeeds(asking(url=f"{url}/{status}")) is good


def test_no_answer_is_bad(url: str) -> None:
    assert not succeeds(asking(url=f"{url}/slow"))
    assert not succeeds(asking(url="http://127.0.0.1:1/"))


@pytest.mark.parametrize(
    ("script", "good"), [("true", True), ("exit 1", False), ("sleep 5", False)]
)
def test_a_command_is_good_if_it_ends_well_and_in_time(script: str, good: bool) -> None:
    assert succeeds(asking(script)) is good


def test_a_command_that_is_not_there_is_bad() -> None:
    probe = asking()
    probe.command[:] = ["/no/such/program"]

    assert not succeeds(probe)


@pytest.fixture
def group(folder: Path) -> Iterator[Group]:
    made = Group(folder)
    yield made
    made.stop()


def test_a_container_that_fails_often_enough_is_restarted_and_no_other(group: Group) -> None:
    starts = "echo >> {}.starts; " + FOREVER
    ill = container(
        group.folder,
        starts.format("ill"),
        name="ill",
        # Writes down that it was asked, so that the threshold can be seen.
        liveness=asking("echo >> asked; test ! -e broken", failure_threshold=3),
    )
    well = container(group.folder, starts.format("well"), name="well", liveness=asking("true"))
    group.start([ill, well])
    assert eventually(lambda: lines(group.folder / "asked") > 0)
    assert lines(group.folder / "ill.starts") == 1

    before = lines(group.folder / "asked")
    (group.folder / "broken").touch()
    assert eventually(lambda: lines(group.folder / "ill.starts") == 2)
    assert lines(group.folder / "asked") - before >= 3
    (group.folder / "broken").unlink()

    assert lines(group.folder / "well.starts") == 1
    assert "ill: liveness probe failed 3 times" in group.log("_prober").read_text()


def test_a_container_that_ends_at_once_does_not_end_the_probing(group: Group) -> None:
    """After a restart that fails supervisord goes on trying, and the others are still asked."""
    script = f"test -e broken && exit 1; {FOREVER}"
    group.start(
        [
            container(
                group.folder,
                script,
                liveness=asking("test ! -e broken"),
                restart_policy="Always",
            ),
            container(group.folder, FOREVER, name="well", liveness=asking("echo >> asked")),
        ]
    )
    (group.folder / "broken").touch()
    log = group.log("_prober")
    assert eventually(lambda: log.exists() and log.read_text().count("restarting it") >= 2)

    assert "Traceback" not in log.read_text()
    asked = lines(group.folder / "asked")
    assert eventually(lambda: lines(group.folder / "asked") > asked)


def test_a_probes_command_runs_where_its_container_runs(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where the deployer is: with other variables, programs and files."""
    monkeypatch.setenv("DEPLOYER", "x")
    programs = group.folder / "bin"
    programs.mkdir()
    (programs / "own-tool").write_text('#!/bin/sh\ntest "$GREETING" = "a  b" && test -e here\n')
    (programs / "own-tool").chmod(0o755)
    probe = asking('test -z "$DEPLOYER" && own-tool')

    group.start(
        [
            container(
                group.folder,
                f"touch here; echo >> starts; {FOREVER}",
                environment={"GREETING": "a  b"},
                search_path=[programs],
                readiness=probe,
                liveness=probe,
            )
        ]
    )

    time.sleep(1.2)  # the prober asks at once, and again after half a second
    assert lines(group.folder / "starts") == 1
