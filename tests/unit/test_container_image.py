"""Images: built for Azure's platform, or copied, and named by digest in the stack's registry."""

from __future__ import annotations

import pytest

from components import nginx_example
from tests.unit.program import ROOT, STACKS, deploy

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


@pytest.mark.parametrize("tls", ["mtls", "none"])
def test_a_prebuilt_model_is_copied_to_the_stacks_registry_and_pulled_from_there(tls: str) -> None:
    """With the identity, as what is built here: a hub would limit how often."""
    deployment = deploy("dev", {"modelImage": {"ref": PREBUILT}, "tls": tls})
    server = deployment["registry-acr"].outputs["loginServer"]
    copied = deployment["model-image-build"]

    assert copied.inputs["imageName"] == f"{server}/model:dev"
    assert copied.inputs["build"] == {
        "context": "prebuilt_image",
        "dockerfile": "prebuilt_image/Dockerfile",
        "platform": "linux/amd64",
        "args": {"IMAGE": PREBUILT},
    }
    model = deployment["endpoint-group"].inputs["containers"][0]
    assert model["image"] == copied.outputs["repoDigest"]
    assert model["image"].startswith(f"{server}/model@sha256:")
    assert deployment.exports["endpoint"]["modelImage"] == model["image"]


def test_a_copy_has_nothing_in_it_that_was_not_in_the_image() -> None:
    dockerfile = ROOT / "prebuilt_image/Dockerfile"
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]

    assert lines == ["ARG IMAGE", "FROM ${IMAGE}"]
    assert [path.name for path in dockerfile.parent.iterdir()] == ["Dockerfile"]


@pytest.mark.parametrize("overrides", [{}, {"tls": "none"}, {"modelImage": {"ref": PREBUILT}}])
def test_the_group_pulls_from_no_other_registry(overrides: dict[str, object]) -> None:
    deployment = deploy("dev", overrides)
    group = deployment["endpoint-group"].inputs
    (credential,) = group["imageRegistryCredentials"]

    for container in group["containers"]:
        assert container["image"].split("/")[0] == credential["server"]


def test_a_prebuilt_model_is_asked_for_its_status_because_any_server_has_that() -> None:
    deployment = deploy("dev", {"modelImage": {"ref": PREBUILT}})
    model, _ = deployment["endpoint-group"].inputs["containers"]

    assert model["livenessProbe"]["httpGet"]["path"] == "/v1/models/demo"
    assert model["readinessProbe"]["httpGet"]["path"] == "/v1/models/demo"
