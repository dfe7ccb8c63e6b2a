"""The folder that the model's image is built from, looked at before a build is asked for."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from pathlib import Path

from common.stack_file import written
from components.nginx_sidecar import VERSION
from program.settings.refusals import refusal

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
    model = project / context / "model"
    inside, cd = model.resolve(), f"cd {shlex.quote(context)} && "
    for path in (model, *sorted(model.rglob("*"))):
        if not path.is_symlink():
            continue
        # The build is sent the link, and of what it leads to what lies in the same folder.
        leaves = path == model or path.readlink().is_absolute()
        if leaves or not path.exists() or not path.resolve().is_relative_to(inside):
            return (
                "model/ is whole, and "
                f"{path} is a symbolic link that leads out of it, or nowhere (as in a hub's cache)",
                f"{cd}cp -RL model model.copy && rm -r model && mv model.copy model",
            )
    versions: dict[int, str] = {}
    for name in sorted(p.name for p in model.glob("*") if re.fullmatch(VERSION, p.name)):
        if (same := versions.setdefault(int(name), name)) != name:
            return (
                f"versions are different, and model/{same} and model/{name} are the same one",
                f"{cd}mv model/{same} unused-{same}",
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
