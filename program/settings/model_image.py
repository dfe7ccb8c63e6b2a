"""The folder that the model's image is built from, looked at before a build is asked for."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from common.stack_file import written
from components.nginx_sidecar import VERSION
from program.settings.refusals import Rule, Section, refusal

PREDEFINED = re.compile(
    "(HTTPS?|FTP|NO|ALL)_PROXY|(https?|ftp|no|all)_proxy|BUILDKIT_.*|SOURCE_DATE_EPOCH"
)
"""Arguments that a builder knows though no Dockerfile declares them.
https://docs.docker.com/reference/dockerfile/#predefined-args"""

_PART = "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*"
PREBUILT = (
    rf"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?/)?{_PART}(/{_PART})*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?@sha256:[0-9a-f]{64}$"
)
"""A registry, a repository, a tag that nobody reads, a digest.
https://pkg.go.dev/github.com/distribution/reference"""


class ModelImage(Section):
    """The model's image: built from a folder of this project, or a copy of a prebuilt one."""

    context: Annotated[
        str,
        Field(max_length=255),
        Rule("a folder of this project that holds a Dockerfile and a model", "model_image"),
    ] = "model_image"
    """What the image is built from."""
    build_args: Annotated[
        dict[str, str],
        Rule("build arguments of its Dockerfile, name to text (numbers in quotes)", {}),
    ] = {}
    """None is secret: everybody who can pull the image reads them."""
    ref: Annotated[
        str | None,
        Field(pattern=PREBUILT),
        Rule(
            "an image by digest, in lower case and without a scheme (a tag can change under a "
            "running stack)",
            "registry.example.com/model@sha256:<64 hex digits>",
        ),
    ] = None
    """A prebuilt image instead, which `up` copies into the stack's registry from wherever your
    Docker can pull it."""

    def probe_path(self, kind: Literal["live", "ready"], model_name: str) -> str:
        """Where the platform asks whether the model server is alive, or ready for requests.

        The status of the model is all that every server of the contract has; ours can be alive
        while it has no model yet.
        """
        return f"/v1/models/{model_name}" if self.ref else f"/health/{kind}"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        unused = self.model_fields_set - {"ref"} if self.ref is not None else ()
        for field in sorted(unused):
            key = f"modelImage.{type(self).model_fields[field].alias}"
            raise refusal(
                key,
                getattr(self, field),
                "nothing when modelImage.ref names a prebuilt image",
                f"pulumi config rm --path {key}",
            )
        return self


def check_folder(project: Path, context: str) -> None:
    """Refuse a folder that is not the project's own, or holds nothing to build."""
    if problem := _problem(project, context):
        raise refusal(
            "modelImage.context",
            context,
            f"a folder of this project with a Dockerfile and a model, and {problem}",
            "pulumi config set --path modelImage.context model_image",
        )
    if flaw := _flaw(project, context):
        problem, command = flaw
        raise refusal("modelImage.context", context, f"a folder whose {problem}", command)


def _flaw(project: Path, context: str) -> tuple[str, str] | None:
    """What would be lost on the way into the image, and the command that mends it."""
    model, cd = project / context / "model", f"cd {shlex.quote(context)} && "
    flaw = _link_astray(model) or _no_folder(model) or _same_version(model)
    return flaw and (flaw[0], cd + flaw[1])


def _link_astray(model: Path) -> tuple[str, str] | None:
    for path in (model, *sorted(model.rglob("*"))):
        if not path.is_symlink():
            continue
        try:
            leads_to = path.resolve(strict=True)
        except (OSError, RuntimeError):  # a loop is either, by the version of Python
            return (
                f"model/ is whole, and {path} is a symbolic link that leads nowhere: bring what it "
                "leads to, or do without it",
                f"rm {shlex.quote(str(path.relative_to(model.parent)))}",
            )
        # The build is sent the link, and of what it leads to what lies in the same folder.
        leaves = path == model or path.readlink().is_absolute()
        if leaves or not leads_to.is_relative_to(model.resolve()):
            return (
                f"model/ is whole, and {path} is a symbolic link that leads out of it (as in a "
                "hub's cache)",
                "cp -RL model model.copy && rm -r model && mv model.copy model",
            )
    return None


def _no_folder(model: Path) -> tuple[str, str] | None:
    """A file where a folder belongs would be passed over."""
    versions = [int(p.name) for p in model.glob("*") if re.fullmatch(VERSION, p.name)]
    lone = next((p for p in model.glob("*.onnx") if p.is_file()), None)
    if model.is_file():
        steps = "mv model model.onnx && mkdir -p model/1 && mv model.onnx model/1/model.onnx"
        return f"model is a folder, and {model} is a file", steps
    if lone:
        version = f"model/{max(versions, default=0) + 1}"
        steps = f"mkdir {version} && mv {shlex.quote(f'model/{lone.name}')} {version}/model.onnx"
        return f"model/ holds a folder for each version, and {lone} is in none", steps
    for file in sorted(p for p in model.glob("*") if re.fullmatch(VERSION, p.name)):
        if file.is_file():
            name = f"model/{file.name}"
            return (
                f"model/ holds a folder for each version, and {file} is a file",
                f"mv {name} {name}.onnx && mkdir {name} && mv {name}.onnx {name}/model.onnx",
            )
    return None


def _same_version(model: Path) -> tuple[str, str] | None:
    versions: dict[int, str] = {}
    for name in sorted(p.name for p in model.glob("*") if re.fullmatch(VERSION, p.name)):
        if (same := versions.setdefault(int(name), name)) != name:
            return (
                f"versions are different, and model/{same} and model/{name} are the same one",
                f"mv model/{same} unused-{same}",
            )
    return None


def _problem(project: Path, context: str) -> str | None:
    folder = project / context
    if Path(context).is_absolute() or ".." in Path(context).parts:
        return f"{folder} leaves the project"
    try:
        # Docker would be sent the link, and a build would not notice what changes behind it.
        if folder.resolve() != project.resolve() / context:
            return f"{folder} is behind a symbolic link"
        return _missing(folder)
    except RuntimeError:  # a loop, as Python up to 3.12 has it
        return f"{folder} is behind a symbolic link"
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror})"
    except ValueError:  # a NUL in the folder's name, or a Dockerfile that is no text
        return f"{folder}/Dockerfile is no text"


def _missing(folder: Path) -> str | None:
    dockerfile = folder / "Dockerfile"
    if not dockerfile.is_file():
        return f"{folder} is without a Dockerfile"
    if not dockerfile.resolve().is_relative_to(folder.resolve()):
        return f"{dockerfile} is a symbolic link that leaves the folder"
    dockerfile.read_text(encoding="utf-8")
    if not (folder / "train.py").is_file() and not any(folder.glob("model/[0-9]*/*")):
        return (
            f"{folder} is without a model: neither model/<version>/ nor a train.py that makes one"
        )
    return None


def check_build_args(dockerfile: str, build_args: dict[str, str]) -> None:
    """Refuse arguments that a build would drop without a word."""
    declared = _declared(dockerfile)
    for name, value in build_args.items():
        if name not in declared and not PREDEFINED.fullmatch(name):
            known = ", ".join(sorted(declared)) or "none"
            key = f"modelImage.buildArgs[{json.dumps(name, ensure_ascii=False)}]"
            free = {other.casefold(): other for other in declared - build_args.keys()}
            near = difflib.get_close_matches(name.casefold(), free, n=1)
            raise refusal(
                key,
                value,
                f"arguments that the Dockerfile declares with ARG ({known})",
                f"Rename: {key} to {written('modelImage', 'buildArgs', free[near[0]])}"
                if near
                else f"pulumi config rm --path {shlex.quote(key)}",
            )


def _declared(dockerfile: str) -> set[str]:
    """Names in ARG lines, before the first stage or in any."""
    lines = re.sub(r"\\[ \t]*\n", " ", re.sub(r"(?m)^[ \t]*#.*\n?", "", dockerfile))
    names: set[str] = set()
    for declaration in re.findall(r"(?im)^[ \t]*ARG[ \t]+(.+)$", lines):
        try:
            words = shlex.split(declaration)
        except ValueError:  # a quote that does not end: the builder says so
            words = declaration.split()
        names.update(word.partition("=")[0] for word in words)
    return names
