"""The docker stand-in: what rebuilds an image, who may push it, and what a failure leaves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from common.refusal import Refusal
from localcloud.azure.cloud import Cloud, Record
from localcloud.plugins.base import UNKNOWN
from localcloud.plugins.docker import Docker
from tests.localcloud.arm import REGISTRY, Properties, urn

IMAGE = urn("docker:index/image:Image", "model-build")
SERVER = "localhost:5001"
PUSH_REFUSED = "error reading push output: unauthorized: authentication required"


class Project:
    """A folder with a build context, and the stand-in that builds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context = folder / "ctx"
        self.context.mkdir()
        (self.context / "Dockerfile").write_text('FROM x\nCMD ["model", "--flag"]\n')
        (self.context / "data").write_text("one")
        self.script('mkdir -p "$DESTDIR/usr/bin" && cp data "$DESTDIR/usr/bin/model"')
        self.said: list[str] = []
        self.cloud = Cloud(folder / "resources.json")
        for server in (SERVER, "localhost:5002"):
            with self.cloud.changing() as records:
                outputs = {"loginServer": server}
                records[server] = Record(server, REGISTRY, "urn", inputs={}, outputs=outputs)
        self.cloud.push_tokens["token"] = SERVER
        self.docker = Docker(
            self.cloud, folder, folder / "images", self.said.append, records_only=False
        )

    def script(self, text: str) -> None:
        (self.context / "build.sh").write_text(f"set -e\n{text}\n")

    def inputs(self, **changes: Any) -> Properties:
        given = {
            "imageName": f"{SERVER}/model:dev",
            "build": {"context": "ctx", "dockerfile": "ctx/Dockerfile"},
            "registry": {"server": SERVER, "username": "u", "password": "token"},
        }
        return self.docker.check(IMAGE, {}, {**given, **changes})

    def up(self, **changes: Any) -> Properties:
        return self.docker.create(IMAGE, self.inputs(**changes))[1]

    def built(self) -> list[Path]:
        return sorted((self.folder / "images").glob("*/command.json"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def digest(outputs: Properties) -> str:
    return str(outputs["repoDigest"]).partition("@")[2]


def test_a_build_runs_the_script_of_the_context_and_is_named_by_digest(project: Project) -> None:
    outputs = project.up()

    (image,) = project.built()
    assert (image.parent / "rootfs/usr/bin/model").read_text() == "one"
    assert image.read_text() == '["model", "--flag"]'
    assert outputs["repoDigest"] == f"{SERVER}/model@sha256:{image.parent.name}"
    assert outputs["imageName"] == outputs["baseImageName"] == f"{SERVER}/model:dev"
    assert outputs["registryServer"] == SERVER


def test_what_was_built_is_not_built_again(project: Project) -> None:
    first = project.up()
    said = len(project.said)

    assert digest(project.up()) == digest(first)
    assert len(project.said) == said


def content(context: Path) -> None:
    (context / "data").write_text("two")


def another_file(context: Path) -> None:
    (context / "more").write_text("")


def ignore_comment(context: Path) -> None:
    with (context / ".dockerignore").open("a") as file:
        file.write("# a comment\n")


def executable(context: Path) -> None:
    (context / "data").chmod(0o755)


def dockerfile(context: Path) -> None:
    with (context / "Dockerfile").open("a") as file:
        file.write("# a comment\n")


def renamed(context: Path) -> None:
    (context / "data").rename(context / "data2")
    (context / "build.sh").write_text("cp data2 $DESTDIR\n")


@pytest.mark.parametrize(
    "change", [content, another_file, ignore_comment, executable, dockerfile, renamed]
)
def test_a_change_in_the_context_is_an_update_with_a_new_digest(
    project: Project, change: Any
) -> None:
    (project.context / ".dockerignore").write_text("ignored\n")
    old = project.inputs()
    before = project.docker.create(IMAGE, old)[1]
    change(project.context)
    new = project.inputs()

    diff = project.docker.diff(IMAGE, old, new, before)

    assert (diff.changed, diff.replaces, list(diff.paths)) == (("build",), (), ["build"])
    assert digest(project.docker.update(IMAGE, "x", new, before)) != digest(before)


def touched(context: Path) -> None:
    os.utime(context / "data", (1, 1))


def empty_folder(context: Path) -> None:
    (context / "empty").mkdir()


def ignored_file(context: Path) -> None:
    (context / "ignored").write_text("anything")


def other_than_execute_bits(context: Path) -> None:
    # The real plugin takes this for a change. Here it is none, on purpose: anyone who has another
    # umask than the one before would build everything again.
    (context / "data").chmod(0o600)


@pytest.mark.parametrize("change", [touched, empty_folder, ignored_file, other_than_execute_bits])
def test_a_change_that_no_build_sees_does_nothing(project: Project, change: Any) -> None:
    (project.context / "data").chmod(0o644)
    (project.context / ".dockerignore").write_text("ignored\n")
    old = project.inputs()
    change(project.context)

    assert project.docker.diff(IMAGE, old, project.inputs(), {}).changed == ()


def test_other_credentials_are_no_change(project: Project) -> None:
    other = {"server": SERVER, "username": "v", "password": "another"}

    diff = project.docker.diff(IMAGE, project.inputs(), project.inputs(registry=other), {})

    assert diff.changed == ()


def test_another_registry_is_a_change(project: Project) -> None:
    other = {"server": "localhost:5002", "username": "u", "password": "token"}

    diff = project.docker.diff(IMAGE, project.inputs(), project.inputs(registry=other), {})

    assert (diff.changed, diff.replaces) == (("registry",), ())


def test_another_tag_is_an_update_to_the_same_digest(project: Project) -> None:
    before = project.up()
    new = project.inputs(imageName=f"{SERVER}/model:prod")

    diff = project.docker.diff(IMAGE, project.inputs(), new, before)

    assert (diff.changed, diff.replaces) == (("imageName",), ())
    assert digest(project.docker.update(IMAGE, "x", new, before)) == digest(before)


@pytest.mark.parametrize("changes", [{"context": "./ctx"}, {"args": {"A": "b"}}])
def test_another_way_to_ask_for_the_build_is_a_change(
    project: Project, changes: dict[str, Any]
) -> None:
    build = {"context": "ctx", "dockerfile": "ctx/Dockerfile", **changes}

    diff = project.docker.diff(IMAGE, project.inputs(), project.inputs(build=build), {})

    assert diff.changed == ("build",)


def test_back_to_the_old_content_is_back_to_the_old_digest(project: Project) -> None:
    first = project.up()
    content(project.context)
    second = project.up()
    (project.context / "data").write_text("one")

    assert digest(project.up()) == digest(first) != digest(second)


def test_a_preview_builds_nothing_and_does_not_know_the_digest(project: Project) -> None:
    inputs = project.inputs()

    created = project.docker.preview_create(IMAGE, inputs)
    updated = project.docker.preview_update(IMAGE, inputs, {"repoDigest": "old"})

    assert created["repoDigest"] == updated["repoDigest"] == UNKNOWN
    assert updated["imageName"] == f"{SERVER}/model:dev"
    assert project.built() == []


@pytest.mark.parametrize(
    "registry",
    [
        {"server": SERVER, "username": "u"},
        {"server": SERVER, "username": "u", "password": ""},
        {"server": SERVER, "username": "u", "password": "wrong"},
        None,
    ],
)
def test_a_push_without_the_right_token_is_refused(project: Project, registry: Any) -> None:
    with pytest.raises(Refusal) as refused:
        project.up(registry=registry)

    assert str(refused.value) == PUSH_REFUSED


def test_a_token_pushes_to_the_registry_it_was_issued_for_only(project: Project) -> None:
    other = {"server": "localhost:5002", "username": "u", "password": "token"}

    with pytest.raises(Refusal, match="unauthorized"):
        project.up(registry=other, imageName="localhost:5002/model:dev")


def test_a_refused_push_leaves_nothing_in_the_registry(project: Project) -> None:
    with pytest.raises(Refusal):
        project.up(registry={"server": SERVER})

    assert [record.images for record in project.cloud.all()] == [{}, {}]


def test_a_failing_build_says_how_it_ended_and_leaves_nothing(project: Project) -> None:
    lines = "; ".join(f"echo line {i}" for i in range(40))
    project.script(f'echo begun > "$DESTDIR/begun"; {lines}; exit 3')

    with pytest.raises(Refusal) as refused:
        project.up()

    text = str(refused.value).splitlines()
    assert text[0] == "ctx/build.sh ended with exit code 3:"
    assert text[1:] == [f"  line {i}" for i in range(25, 40)]
    assert list((project.folder / "images").iterdir()) == []
    assert [record.images for record in project.cloud.all()] == [{}, {}]


def test_an_interrupted_build_is_built_anew(project: Project) -> None:
    outputs = project.up()
    (image,) = project.built()
    image.unlink()
    (image.parent / "rootfs/half").write_text("")

    assert project.up() == outputs
    assert project.built() == [image]
    assert not (image.parent / "rootfs/half").exists()


def test_an_image_that_would_run_nothing_is_refused_before_it_is_built(project: Project) -> None:
    (project.context / "Dockerfile").write_text("FROM x\n")
    project.script(f"touch {project.folder}/ran")

    with pytest.raises(Refusal, match=r'ctx/Dockerfile has no line CMD \["program", …\]'):
        project.up()

    assert not (project.folder / "ran").exists()


def test_a_context_without_a_dockerfile_is_refused_in_the_preview(project: Project) -> None:
    (project.context / "Dockerfile").unlink()

    with pytest.raises(Refusal, match=r"unable to read .*/ctx/Dockerfile: no such file"):
        project.inputs()


def test_without_a_dockerfile_named_it_is_the_one_of_the_context(project: Project) -> None:
    project.up(build={"context": "ctx"})

    assert len(project.built()) == 1


def test_a_build_sees_its_arguments_and_the_deployers_environment_not_the_engines(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's environment trusts the stand-in of the registry, and nobody else."""
    monkeypatch.setenv("SSL_CERT_FILE", "/registry.crt")
    monkeypatch.setenv("PATH", f"/stand-ins:{os.environ['PATH']}")
    project.script('echo "$SSL_CERT_FILE $PATH $BASE" > "$DESTDIR/seen"')

    project.up(build={"context": "ctx", "args": {"BASE": "debian:12"}})

    (image,) = project.built()
    seen = (image.parent / "rootfs/seen").read_text()
    assert "debian:12" in seen
    assert "/registry.crt" not in seen
    assert "/stand-ins" not in seen


def test_a_build_takes_no_argument_from_the_deployers_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make up MODEL=path` leaves one there, and so may the user's shell."""
    dockerfile = project.context / "Dockerfile"
    dockerfile.write_text("ARG BASE=x MODEL\n" + dockerfile.read_text() + 'ARG FLAG="a"\n')
    for name in ("BASE", "MODEL", "FLAG", "OTHER"):
        monkeypatch.setenv(name, "the deployer's")
    project.docker = Docker(
        project.cloud, project.folder, project.folder / "images", print, records_only=False
    )
    project.script('echo "$BASE,$MODEL,$FLAG,$OTHER" > "$DESTDIR/seen"')

    project.up(build={"context": "ctx", "args": {"MODEL": "given"}})

    (seen,) = (project.folder / "images").glob("*/rootfs/seen")
    assert seen.read_text() == ",given,,the deployer's\n"


def test_recording_builds_nothing_and_pushes_a_name(project: Project) -> None:
    project.docker.records_only = True

    outputs = project.up()

    assert project.built() == []
    (pushed,) = (record.images for record in project.cloud.all() if record.images)
    assert list(pushed) == [str(outputs["repoDigest"]).partition("/")[2]]
