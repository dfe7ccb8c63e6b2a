"""What the user has in the environment decides neither where anything goes nor what is run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pip as pip_package
import pytest

from common.names import PROJECT
from localcloud.display import Display
from localcloud.home import Home
from localcloud.stack import opened, without_proxy

ELSEWHERE = (
    "UV_PROJECT_ENVIRONMENT",
    "UV_WORKING_DIR",
    "VIRTUAL_ENV",
    "UV_NO_BUILD",
    "UV_NO_BINARY_PACKAGE",
    "UV_MANAGED_PYTHON",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSAFEPATH",
    "CDPATH",
)


@pytest.mark.parametrize("variable", ELSEWHERE)
def test_setup_does_not_follow_it_elsewhere(variable: str, tmp_path: Path) -> None:
    """With the first, `uv sync` emptied an environment of the user's."""
    done = subprocess.run(
        ["/bin/bash", "-c", '. scripts/lib.sh && pwd && printenv "$0" || true', variable],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], variable: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == [str(PROJECT)]


def test_a_users_mirror_is_kept() -> None:
    done = subprocess.run(
        ["/bin/bash", "-c", ". scripts/lib.sh && printenv UV_DEFAULT_INDEX"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "UV_DEFAULT_INDEX": "https://mirror.example"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "https://mirror.example"


@pytest.mark.parametrize(
    "told",
    [
        "[global]\ntarget = {0}",
        "[global]\nprefix = {0}",
        "[global]\nroot = {0}",
        "[install]\nuser = yes",
        "[global]\ndry-run = yes",
        "[install]\nrequire-hashes = yes",
    ],
)
@pytest.mark.parametrize("as_variable", [False, True], ids=["pip.conf", "variable"])
def test_pip_installs_uv_where_it_belongs_from_where_the_user_says(
    told: str, as_variable: bool, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "it-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("it.py", "")
        wheel.writestr("it-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: it\nVersion: 1\n")
        wheel.writestr("it-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("it-1.dist-info/RECORD", "")
    told = told.format(tmp_path / "elsewhere")
    (tmp_path / "pip.conf").write_text(
        f"[install]\nno-index = yes\nfind-links = {tmp_path}\n"
        if as_variable
        else f"{told}\nno-index = yes\nfind-links = {tmp_path}\n"
    )
    name, _, value = told.partition("\n")[2].partition(" = ")
    variable = {f"PIP_{name.upper().replace('-', '_')}": value} if as_variable else {}
    venv.create(tmp_path / "venv", symlinks=True)
    pip = Path(pip_package.__file__).parent
    python = tmp_path / "venv/bin/python"
    (site,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    (site / "pip").symlink_to(pip)

    done = subprocess.run(
        [python, PROJECT / "scripts/install_with_pip.py", "it"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
            **variable,
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (site / "it.py").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_no_path_can_hold_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    scripts = tmp_path / "a:b" / "scripts"
    shutil.copytree(PROJECT / "scripts", scripts)
    done = subprocess.run(
        ["/bin/bash", str(scripts / "setup.sh"), "python"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"{scripts.parent} is a folder that no PATH can hold: move the")
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in scripts.parent.iterdir()] == ["scripts"]


@pytest.mark.parametrize("name", ["a%20b", "a#b", "100%", "a b's ä"])
def test_the_engine_finds_its_state_whatever_the_folder_is_called(
    name: str, tmp_path: Path
) -> None:
    home = Home(tmp_path / name)
    with opened("local", home=home, records_only=True, say=lambda _: None) as local:
        assert local.stack.export_stack().deployment is not None

    assert list((home.folder / "pulumi" / "state").rglob("local.json"))


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy"])
def test_no_proxy_stands_between_the_engine_and_its_plugins(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with opened("local", home=Home(tmp_path), records_only=True, say=lambda _: None) as local:
        preview = local.stack.preview()

    assert sum(preview.change_summary.values()) > 20


def test_what_the_user_leaves_out_of_the_proxy_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "a.example")
    monkeypatch.setenv("NO_PROXY", "b.example,127.0.0.1")

    assert without_proxy() == "a.example,b.example,127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("changes", "said"), [({}, "nothing was done"), ({"same": 40}, "no changes")]
)
def test_an_engine_that_did_not_get_to_look_has_not_found_no_changes(
    changes: dict[str, int], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    event = SimpleNamespace(
        resource_pre_event=None,
        res_outputs_event=None,
        diagnostic_event=None,
        summary_event=SimpleNamespace(resource_changes=changes),
    )
    Display(preview=True).on_event(event)  # type: ignore[arg-type]

    assert capsys.readouterr().out == f"{said}\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PULUMI_OPTION_REFRESH", "true"),
        ("PULUMI_STACK", "another"),
        ("PULUMI_ACCESS_TOKEN", "pul-0"),
        ("PULUMI_CONFIG_PASSPHRASE_FILE", "/nowhere"),
    ],
)
def test_what_the_user_has_told_pulumi_is_not_told_the_local_cloud(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with opened("local", home=Home(tmp_path), records_only=True, say=lambda _: None) as local:
        assert variable not in os.environ
        local.stack.preview()

    assert os.environ[variable] == value


def test_the_reason_of_a_failed_step_is_its_last_error_and_no_hint_about_it() -> None:
    said = r"error: Failed to download\n  cause: Connection refused\n\nhint: x was included by y\n"
    script = f". scripts/lib.sh; t() {{ printf '{said}'; exit 1; }}; step t A B C t"
    run = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert (run.returncode, run.stderr) == (1, "B (cause: Connection refused): C\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_says_so_and_nothing_of_its_threads(
    number: signal.Signals,
) -> None:
    """One that reads from what is closed, as the Automation API has them, fails of it."""
    code = """
import os, signal, sys, threading
from localcloud import __main__ as main
reader, writer = os.pipe()
stream = os.fdopen(reader)
stream.close()
def run(_):
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        signal.pause()
    finally:
        thread = threading.Thread(target=stream.readline)
        thread.start()
        thread.join()
main.COMMANDS["up"] = (run, "")
main.argparse.ArgumentParser.parse_args = lambda _: main.argparse.Namespace(command="up")
sys.exit(main.main())
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(int(number))],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert run.returncode == 130
    assert run.stderr.startswith("interrupted; `make up` puts in order what is left")
    assert len(run.stderr.splitlines()) == 1
