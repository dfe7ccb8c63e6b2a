"""An image by digest in the stack's registry: built here and pushed, or a copy of a prebuilt one.

Owns the build and the push. Azure pulls from no other registry: a public one limits how often, and
Azure pulls again whenever it moves the group. Does not own the registry, and does not say where the
image runs. The reference is always by digest: a tag can change under a running stack, and a new
image behind an old tag would not roll out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

# Azure Container Instances runs nothing else; a laptop may be arm64.
PLATFORM = "linux/amd64"


@dataclass(frozen=True, kw_only=True)
class PushTarget:
    """Where an image is pushed to, and with which credentials."""

    login_server: pulumi.Input[str]
    repository: str
    """The image's name within the registry."""
    username: str
    password: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class ContainerImageArgs:
    """What a ContainerImage takes."""

    push_to: PushTarget
    context: str
    """Folder with the Dockerfile, relative to the project: another spelling of the same folder
    would be another build."""
    build_args: Mapping[str, str] = field(default_factory=dict)


def copied(ref: str, push_to: PushTarget) -> ContainerImageArgs:
    """A prebuilt image, in the stack's registry.

    Args:
        ref: by digest, wherever the deployer's Docker can pull it from.
        push_to: where it goes.
    """
    return ContainerImageArgs(push_to=push_to, context="prebuilt_image", build_args={"IMAGE": ref})


class ContainerImage(pulumi.ComponentResource):
    """An image that can be named in a container."""

    reference: pulumi.Output[str]
    """`<registry>/<repository>@sha256:<64 hex digits>`."""

    def __init__(
        self, name: str, args: ContainerImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtls-model-endpoint:index:ContainerImage", name, None, opts)

        image = docker.Image(
            f"{name}-build",
            # The tag is only a handle for the push: nothing refers to it.
            image_name=pulumi.Output.concat(
                args.push_to.login_server, f"/{args.push_to.repository}:{pulumi.get_stack()}"
            ),
            build=docker.DockerBuildArgs(
                context=args.context,
                dockerfile=f"{args.context}/Dockerfile",
                platform=PLATFORM,
                args=args.build_args,
            ),
            registry=docker.RegistryArgs(
                server=args.push_to.login_server,
                username=args.push_to.username,
                password=args.push_to.password,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.reference = image.repo_digest
        self.register_outputs({"reference": self.reference})
