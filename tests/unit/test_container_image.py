"""Images: built for Azure's platform and named by digest, or prebuilt and not built at all."""

from __future__ import annotations

import pytest

from components import nginx_example
from components.container_image import ContainerImageArgs
from tests.unit.program import ROOT, STACKS, deploy, run

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
PREBUILT = f"registry.example.com/serving@{DIGEST}"


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(
    ("name", "repository", "context", "arguments"),
    [
        ("model-image", "model", "model_image", set()),
        ("sidecar-image", "sidecar", "nginx", {"EXAMPLE_VOLUME"}),
    ],
)
def test_an_image_is_built_for_azure_and_pushed_to_the_stacks_registry(
    stack: str, name: str, repository: str, context: str, arguments: set[str]
) -> None:
    deployment = deploy(stack)
    server = deployment["registry-acr"].outputs["loginServer"]
    inputs = deployment[f"{name}-build"].inputs

    assert inputs["imageName"] == f"{server}/{repository}:{stack}"
    assert set(inputs["build"].pop("args")) == arguments
    assert inputs["build"] == {
        # Relative, so that it is the same build on every machine.
        "context": context,
        "dockerfile": f"{context}/Dockerfile",
        "platform": "linux/amd64",
    }
    assert inputs["skipPush"] is False
    assert inputs["buildOnPreview"] is False


def test_build_arguments_reach_the_models_build_and_no_other() -> None:
    deployment = deploy("dev", {"modelImage": {"buildArgs": {"PYTHON_IMAGE": "7"}}})

    assert deployment["model-image-build"].inputs["build"]["args"] == {"PYTHON_IMAGE": "7"}
    assert "VERSION" not in deployment["sidecar-image-build"].inputs["build"]["args"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_sidecars_build_tries_the_example_and_so_is_the_same_for_every_stack(
    stack: str,
) -> None:
    """What a stack file says is not in the image: changing a client builds nothing."""
    arguments = deploy(stack)["sidecar-image-build"].inputs["build"]["args"]

    assert arguments == {"EXAMPLE_VOLUME": nginx_example.volume()}
    assert "EXAMPLE_VOLUME" in (ROOT / "nginx/build.sh").read_text()
    assert "ARG EXAMPLE_VOLUME\n" in (ROOT / "nginx/Dockerfile").read_text()


@pytest.mark.parametrize("stack", STACKS)
def test_what_runs_is_what_was_built_by_digest(stack: str) -> None:
    deployment = deploy(stack)
    model, sidecar = deployment["endpoint-group"].inputs["containers"]

    for container, image in ((model, "model-image"), (sidecar, "sidecar-image")):
        digest = deployment[f"{image}-build"].outputs["repoDigest"]
        assert container["image"] == digest
        assert deployment.registered_outputs[deployment[image].urn] == {"reference": digest}
    assert "@sha256:" in model["image"]


def test_a_prebuilt_model_is_neither_built_nor_pushed() -> None:
    deployment = deploy("dev", {"modelImage": {"ref": PREBUILT}})

    assert set(deployment.of("Image")) == {"sidecar-image-build"}
    model, _ = deployment["endpoint-group"].inputs["containers"]
    assert model["image"] == PREBUILT
    assert deployment.exports["endpoint"]["modelImage"] == PREBUILT


def test_a_prebuilt_model_is_asked_for_its_status_because_any_server_has_that() -> None:
    deployment = deploy("dev", {"modelImage": {"ref": PREBUILT}})
    model, _ = deployment["endpoint-group"].inputs["containers"]

    assert model["livenessProbe"]["httpGet"]["path"] == "/v1/models/demo"
    assert model["readinessProbe"]["httpGet"]["path"] == "/v1/models/demo"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (
            ContainerImageArgs(ref="nginx:1.30"),
            "image: 'nginx:1.30' has no digest; name the image as image@sha256:…",
        ),
        (
            ContainerImageArgs(),
            "image: give either a prebuilt ref or where to push a build",
        ),
    ],
)
def test_an_image_without_a_source_or_a_digest_is_refused(
    args: ContainerImageArgs, sentence: str
) -> None:
    from components.container_image import ContainerImage  # noqa: PLC0415

    deployment = run(lambda: ContainerImage("image", args))

    assert str(deployment.error) == sentence
    assert deployment.names == set()
