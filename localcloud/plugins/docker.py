"""Stand-in for pulumi-docker: an image is "built" by the script that its Dockerfile runs.

Like the real plugin it hashes what goes in (`build.contextDigest`), builds only when that or the
name changes, ignores changed credentials, and deletes nothing.
https://www.pulumi.com/registry/packages/docker/api-docs/image/
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from pulumi.runtime.proto import provider_pb2

from common.refusal import Refusal
from localcloud.azure.cloud import Cloud, registry_for
from localcloud.files import write
from localcloud.plugins.base import UNKNOWN, Diff, Plugin, Properties, logical_name


class Docker(Plugin):
    """docker:index/image:Image."""

    name = "docker"
    version = version("pulumi-docker")

    def __init__(
        self,
        cloud: Cloud,
        project: Path,
        images: Path,
        say: Callable[[str], None],
        *,
        records_only: bool,
    ) -> None:
        self.cloud = cloud
        self.project = project
        self.images = images
        self.say = say
        self.records_only = records_only
        # As the deployer set it: for the engine's sake it is changed while a stack is open.
        self._environment = dict(os.environ)

    def check(self, urn: str, old: Properties, new: Properties) -> Properties:
        build = new["build"]
        context, dockerfile = self.project / build["context"], self._dockerfile(build)
        if not dockerfile.is_file():
            raise Refusal(f"unable to read {dockerfile}: no such file")
        return {**new, "build": {**build, "contextDigest": context_digest(context, dockerfile)}}

    def diff(self, urn: str, old: Properties, new: Properties, state: Properties) -> Diff:
        changed = [key for key in ("build", "imageName") if old.get(key) != new.get(key)]
        server = [(inputs.get("registry") or {}).get("server") for inputs in (old, new)]
        if server[0] != server[1]:
            changed.append("registry")
        kind = provider_pb2.PropertyDiff.UPDATE
        return Diff(changed=tuple(changed), paths=dict.fromkeys(changed, kind))

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        outputs = self._build_and_push(urn, inputs)
        return outputs["imageName"], outputs

    def update(self, urn: str, id_: str, new: Properties, state: Properties) -> Properties:
        return self._build_and_push(urn, new)

    def preview_create(self, urn: str, inputs: Properties) -> Properties:
        return {**inputs, "repoDigest": UNKNOWN}

    def preview_update(self, urn: str, new: Properties, state: Properties) -> Properties:
        return {**new, "repoDigest": UNKNOWN}

    def _build_and_push(self, urn: str, inputs: Properties) -> Properties:
        registry = inputs.get("registry") or {}
        name = inputs["imageName"]
        pushed_to = registry_for(self.cloud, name)
        token_is_for = self.cloud.push_tokens.get(registry.get("password", ""))
        if pushed_to is None or token_is_for != pushed_to.outputs["loginServer"]:
            raise Refusal("error reading push output: unauthorized: authentication required")
        digest = hashlib.sha256(json.dumps(inputs["build"], sort_keys=True).encode()).hexdigest()
        folder = self.images / digest
        if not self.records_only:
            self._build(logical_name(urn), inputs["build"], folder)
        repository = name.split("/", 1)[1].rsplit(":", 1)[0]
        with self.cloud.changing():
            pushed_to.images[f"{repository}@sha256:{digest}"] = str(folder)
        return {
            **inputs,
            "baseImageName": name,
            "registryServer": token_is_for,
            "repoDigest": f"{token_is_for}/{repository}@sha256:{digest}",
        }

    def _build(self, name: str, build: Properties, folder: Path) -> None:
        """Build an image unless that was done before, or is just being done by another run."""
        self.images.mkdir(parents=True, exist_ok=True)
        images = os.open(self.images, os.O_RDONLY)
        try:
            fcntl.flock(images, fcntl.LOCK_EX)
            if not (folder / "command.json").exists():
                self._run_build(name, build, folder)
        finally:
            os.close(images)

    def _run_build(self, name: str, build: Properties, folder: Path) -> None:
        """Run build.sh with DESTDIR set to the image's root."""
        context = self.project / build["context"]
        prebuilt = build.get("args", {}).get("IMAGE")
        if prebuilt and not (context / "build.sh").exists():
            raise Refusal(
                "the local cloud runs only images that were built on this machine, and "
                f"{prebuilt} was not; take modelImage.ref out of the stack file, or deploy to Azure"
            )
        dockerfile = self._dockerfile(build).read_text(encoding="utf-8")
        command = _last_command(self._dockerfile(build), dockerfile)
        arguments = _declared(dockerfile)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "rootfs").mkdir(parents=True)
        started = time.monotonic()
        self.say(f"{name}: building {build['context']}")
        with subprocess.Popen(
            ["sh", "build.sh"],  # noqa: S607
            cwd=context,
            env={
                # As for docker: an argument is what the stack file says, or nothing.
                **{k: v for k, v in self._environment.items() if k not in arguments},
                "TMPDIR": os.environ.get("TMPDIR", ""),
                **build.get("args", {}),
                "DESTDIR": str(folder / "rootfs"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
        ) as process:
            lines = []
            for line in process.stdout or ():
                lines.append(line.rstrip())
                self.say(f"{name}: {lines[-1]} ({time.monotonic() - started:.0f} s)")
        if process.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise Refusal(
                f"{build['context']}/build.sh ended with exit code {process.returncode}:\n  "
                + "\n  ".join(lines[-15:])
            )
        # Written last: an image without it is one whose build was interrupted.
        write(folder / "command.json", json.dumps(command))

    def _dockerfile(self, build: Properties) -> Path:
        return self.project / str(build.get("dockerfile", f"{build['context']}/Dockerfile"))


def _declared(dockerfile: str) -> set[str]:
    """Names of build arguments."""
    lines = re.findall(r"^ARG (.*)$", dockerfile, re.MULTILINE)
    return {word.partition("=")[0] for line in lines for word in line.split()}


def _last_command(path: Path, dockerfile: str) -> list[str]:
    """What the Dockerfile's image runs."""
    commands: list[str] = re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    if not commands:
        raise Refusal(f'{path} has no line CMD ["program", …]')
    return list(json.loads(commands[-1]))


def context_digest(context: Path, dockerfile: Path) -> str:
    """SHA-256 over the files that a build sees: names, execute bits and contents."""
    from docker.utils.build import exclude_paths  # noqa: PLC0415  slow to import

    ignore = context / ".dockerignore"
    patterns = ignore.read_text(encoding="utf-8").splitlines() if ignore.exists() else []
    digest = hashlib.sha256(dockerfile.read_bytes())
    for name in sorted(exclude_paths(str(context), patterns)):
        path = context / name
        if path.is_file():
            executable = os.access(path, os.X_OK)
            digest.update(f"\0{name}\0{executable}\0".encode() + path.read_bytes())
    return digest.hexdigest()
