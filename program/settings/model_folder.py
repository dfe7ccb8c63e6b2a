"""What the model's image is built from, looked at before a build is asked for."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from pathlib import Path, PurePosixPath

from pydantic_core import PydanticCustomError

from common.stack_file import written
from model_image.formats import FormatError, find
from program.settings.model_image import ModelImage
from program.settings.refusals import refusal

_CONTEXT, _MODEL = "modelImage.context", "modelImage.model"
PREDEFINED = re.compile(
    "(HTTPS?|FTP|NO|ALL)_PROXY|(https?|ftp|no|all)_proxy|BUILDKIT_.*|SOURCE_DATE_EPOCH"
)
"""Arguments that a builder knows though no Dockerfile declares them.
https://docs.docker.com/reference/dockerfile/#predefined-args"""


def check(project: Path, image: ModelImage) -> None:
    """Refuse what no image can be built from, and what a build would drop without a word.

    Raises:
        PydanticCustomError: with the command that mends it.
    """
    if problem := _problem(project, image):
        raise refusal(
            _CONTEXT,
            image.context,
            f"a folder of this project with a Dockerfile and a model, and {problem}",
            "pulumi config set --path modelImage.context model_image",
        )
    folder = project / image.context
    arguments = _declared((folder / "Dockerfile").read_text(encoding="utf-8"))
    if image.model is not None and not _is_sent(image.model, image.context):
        raise _outside(project, image)
    model = folder / "model" if image.model is None else project / image.model
    if refused := _astray(image, model) or ("MODEL" in arguments and _unknown(image, model)):
        raise refused
    _check_build_args(image, arguments)


def _refused(image: ModelImage, problem: str, command: str) -> PydanticCustomError:
    if image.model is None:
        return refusal(
            _CONTEXT, image.context, f"a folder whose model is whole, and {problem}", command
        )
    return refusal(_MODEL, image.model, f"a model that is whole, and {problem}", command)


def _is_sent(model: str, context: str) -> bool:
    """By .dockerignore, which names the two folders."""
    path, folder = PurePosixPath(model), PurePosixPath(context)
    inside = path.is_relative_to(folder / "model") or path.is_relative_to(folder / "models")
    return inside and ".." not in path.parts


def _outside(project: Path, image: ModelImage) -> PydanticCustomError:
    models = f"{image.context}/models"
    path = f"{models}/{PurePosixPath(image.model or '').name}"
    steps = (
        ["mkdir", "-p", models],
        ["cp", "-RL", str(image.model), path],
        ["pulumi", "config", "set", "--path", _MODEL, path],
    )
    there = (project / str(image.model)).exists()
    return refusal(
        _MODEL,
        image.model,
        f"a path in {models}/, which is what the build is sent",
        " && ".join(map(shlex.join, steps)) if there else f"pulumi config rm --path {_MODEL}",
    )


def _astray(image: ModelImage, model: Path) -> PydanticCustomError | None:
    """The build is sent a link itself, and of what it leads to what lies in the same folder."""
    for path in (model, *sorted(model.rglob("*"))):
        if not path.is_symlink():
            continue
        try:
            leads_to = path.resolve(strict=True)
        except (OSError, RuntimeError):  # a loop is either, by the version of Python
            return _refused(
                image,
                f"{path} is a symbolic link that leads nowhere: bring what it leads to, or do "
                "without it",
                shlex.join(["rm", str(path)]),
            )
        leaves = path == model or path.readlink().is_absolute()
        if leaves or not leads_to.is_relative_to(model.resolve()):
            copy = f"{model}.copy"
            steps = (["cp", "-RL", model, copy], ["rm", "-r", model], ["mv", copy, model])
            return _refused(
                image,
                f"{path} is a symbolic link that leads out of it (as in a hub's cache)",
                " && ".join(shlex.join(map(str, step)) for step in steps),
            )
    return None


def _unknown(image: ModelImage, model: Path) -> PydanticCustomError | None:
    if image.model is None and not model.exists():
        return None
    if not model.exists():
        near = [path.name for path in sorted(model.parent.glob("*"))] or ["nothing"]
        beside = f"{model.parent} holds {', '.join(near[:5])}"
        return _refused(
            image, f"{model} is not there: {beside}", f"ls {shlex.quote(str(model.parent))}"
        )
    try:
        find(model, trusts_pickles=image.trust_pickle)
    except FormatError as error:
        return _refused(image, str(error), error.command)
    except OSError as error:
        problem = f"{error.filename} cannot be read ({error.strerror})"
        return _refused(image, problem, shlex.join(["chmod", "-R", "u+rwX", str(model)]))
    return None


def _problem(project: Path, image: ModelImage) -> str | None:
    context, folder = image.context, project / image.context
    if Path(context).is_absolute() or ".." in Path(context).parts:
        return f"{folder} leaves the project"
    try:
        # Docker would be sent the link, and a build would not notice what changes behind it.
        if folder.resolve() != project.resolve() / context:
            return f"{folder} is behind a symbolic link"
        return _missing(folder, image)
    except RuntimeError:  # a loop, as Python up to 3.12 has it
        return f"{folder} is behind a symbolic link"
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror})"
    except ValueError:  # a NUL in the folder's name, or a Dockerfile that is no text
        return f"{folder}/Dockerfile is no text"


def _missing(folder: Path, image: ModelImage) -> str | None:
    dockerfile = folder / "Dockerfile"
    if not dockerfile.is_file():
        return f"{folder} is without a Dockerfile"
    if not dockerfile.resolve().is_relative_to(folder.resolve()):
        return f"{dockerfile} is a symbolic link that leaves the folder"
    dockerfile.read_text(encoding="utf-8")
    model = folder / "model"
    if not (image.model or model.exists() or model.is_symlink() or (folder / "train.py").is_file()):
        return (
            f"{folder} is without a model: neither model/<version>/ nor a train.py that makes one"
        )
    return None


def _check_build_args(image: ModelImage, declared: set[str]) -> None:
    for name, value in image.all_build_args.items():
        if name in declared or PREDEFINED.fullmatch(name):
            continue
        known = ", ".join(sorted(declared)) or "none"
        allowed = f"arguments that the Dockerfile declares with ARG ({known})"
        key = _KEYS.get(name, "")
        if not key:
            free = {other.casefold(): other for other in declared - image.build_args.keys()}
            near = difflib.get_close_matches(name.casefold(), free, n=1)
            key = f"modelImage.buildArgs[{json.dumps(name, ensure_ascii=False)}]"
            if near:
                renamed = written("modelImage", "buildArgs", free[near[0]])
                raise refusal(key, value, allowed, f"Rename: {key} to {renamed}")
        raise refusal(key, value, allowed, f"pulumi config rm --path {shlex.quote(key)}")


_KEYS = {"MODEL": _MODEL, "TRUST_PICKLE": "modelImage.trustPickle"}


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
