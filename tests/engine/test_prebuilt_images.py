"""A prebuilt image under the real engine: copied once, pulled from the stack's own registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.stack import opened
from tests.conftest import free_ports, shared_home
from tests.engine.engine import failing_up, recorded, up

SERVING = f"tensorflow/serving@sha256:{'a' * 64}"
NEWER = f"tensorflow/serving@sha256:{'b' * 64}"


@pytest.mark.parametrize("tls", ["mtls", "none"])
def test_a_prebuilt_image_is_copied_once_and_another_digest_rolls_out(
    tmp_path: Path, tls: str
) -> None:
    config = {"tls": tls, "modelImage": {"ref": SERVING}}
    with recorded(tmp_path, config=config) as local:
        up(local)
        (registry,) = local.cloud.all("azure-native:containerregistry:Registry")
        (group,) = local.container_groups()
        host, _, repository = group.inputs["containers"][0]["image"].partition("/")
        assert host == registry.outputs["loginServer"]
        assert repository in registry.images

        assert up(local).operations == {}
    with recorded(tmp_path, config={**config, "modelImage": {"ref": NEWER}}) as local:
        assert up(local).operations == {"model-image-build": "update", "endpoint-group": "update"}


def test_a_stack_that_built_its_model_takes_a_prebuilt_one_in_place(tmp_path: Path) -> None:
    with recorded(tmp_path) as local:
        up(local)
    with recorded(tmp_path, config={"modelImage": {"ref": SERVING}}) as local:
        assert up(local).operations == {"model-image-build": "update", "endpoint-group": "update"}


def test_the_local_cloud_says_that_it_runs_what_was_built_here_only(tmp_path: Path) -> None:
    config = {**free_ports(), "modelImage": {"ref": SERVING}}
    with opened("local", home=shared_home(tmp_path), config=config, say=lambda _: None) as local:
        errors = failing_up(local)

    assert (
        f"the local cloud runs only images that were built on this machine, and {SERVING} was not; "
        "take modelImage.ref out of the stack file, or deploy to Azure"
    ) in errors
