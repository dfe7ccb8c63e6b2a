"""Puts a model of the user's where the image is built from: `make up MODEL=path`."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.names import PROJECT
from common.refusal import Refusal
from localcloud.mlflow_models import SCHEMES, fetched
from model_image.formats import ONNX, SAMPLES, FormatError, Found, copy_onnx, find, reason

_ORIGIN = ".taken-from"
"""Beside the model: what has it was put there by us, and may be replaced."""


@contextmanager
def placed(given: str | None, config: dict[str, Any]) -> Iterator[None]:
    """Copy a model's file or folder to `model/` in the image's folder, whole or not at all.

    If the block ends with an error, what was there before is there again.

    Args:
        given: its path, or its URI in MLflow; nothing is copied if there is none.
        config: values of the stack file.

    Raises:
        Refusal: if it would not be served, or if something else would be lost.
    """
    image = config.get("modelImage") or {}
    folder = _context(image)
    if given is None or folder is None:
        yield
        return
    if not given:
        raise Refusal("MODEL is empty; give the path of a model, or leave it out")
    _is_free(image)
    source = fetched(given) if given.startswith(SCHEMES) else Path(given)
    target, earlier = folder / "model", folder / ".model.earlier"
    try:
        is_there = _is_there(source, target, image)
        unfinished = None if is_there else _copy(source, folder / ".model.unfinished")
    except OSError as error:
        raise Refusal(f"{source} cannot be taken as it is: {reason(error)}") from None
    if unfinished is None:
        yield
        return
    print(f"copied {source} to {target.relative_to(PROJECT)}")
    shutil.rmtree(earlier, ignore_errors=True)
    if target.exists():
        target.rename(earlier)
    unfinished.rename(target)
    try:
        yield
    except BaseException:
        shutil.rmtree(target)
        if earlier.exists():
            earlier.rename(target)
        print(f"{target.relative_to(PROJECT)} is again as it was before")
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _context(image: object) -> Path | None:
    """Where the image is built; nowhere, if the program is about to refuse the stack file."""
    context = image.get("context", "model_image") if isinstance(image, dict) else None
    if not isinstance(context, str) or Path(context).is_absolute() or ".." in Path(context).parts:
        return None
    folder = PROJECT / context
    is_whole = folder.resolve() == PROJECT.resolve() / context and (folder / "Dockerfile").is_file()
    return folder if is_whole else None


def _is_free(image: dict[str, Any]) -> None:
    for key in ("ref", "model"):
        if image.get(key):
            raise Refusal(
                f"the stack file says which model it is (modelImage.{key}); take that out, or type "
                "`make up` without MODEL"
            )


def _is_there(source: Path, target: Path, image: dict[str, Any]) -> bool:
    """Whether nothing has to be copied; see `placed`."""
    if not source.exists():
        raise Refusal(f"MODEL is {source}, and nothing is there; give the path of a model")
    if target.resolve().is_relative_to(source.resolve()) and source.resolve() != target.resolve():
        raise Refusal(
            f"MODEL is {source}, and the image is built in there; give a folder that holds the "
            "model alone"
        )
    found = _found(source, image)
    if source.resolve().is_relative_to(target.resolve()):
        if source.resolve() != target.resolve() and found != _found(target, image):
            raise Refusal(
                f"MODEL is {source}, a part of what {target} holds: `make up` without MODEL serves "
                "all of it, and what is moved elsewhere can be served alone"
            )
        return True
    if (target.exists() or target.is_symlink()) and not (target / _ORIGIN).exists():
        raise Refusal(
            f"{target} holds a model already; put it elsewhere, or type `make up` without MODEL"
        )
    return False


def _found(path: Path, image: dict[str, Any]) -> list[Found]:
    try:
        return find(path, trusts_pickles=image.get("trustPickle") is True)
    except FormatError as error:
        command = error.command
        if error.instead:
            again = error.instead if path.is_file() else path
            command += f" && make up MODEL={shlex.quote(str(again))}"
        raise Refusal(f"{error}. Type: {command}") from None


def _copy(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    try:
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            _copy_file(source, target)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        raise
    (target / _ORIGIN).write_text(f"{source.resolve()}\n", encoding="utf-8")
    return target


def _copy_file(source: Path, target: Path) -> None:
    if ONNX.fits(source):
        copy_onnx(source, target / source.name)
    else:
        target.mkdir()
        shutil.copy(source, target)
    samples = source.parent / SAMPLES
    if samples.exists() or samples.is_symlink():
        shutil.copy(samples, target)
