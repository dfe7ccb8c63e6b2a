"""Puts a model of the user's where the image is built from: `make up MODEL=path`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from common.names import PROJECT
from common.refusal import Refusal
from model_image.formats import SAMPLES, FormatError, find

_ORIGIN = ".taken-from"
"""Beside the model: what has it was put there by us, and may be replaced."""


def place(source: Path, config: dict[str, Any]) -> None:
    """Copy a model's file or folder to `model/` in the image's folder, whole or not at all.

    Args:
        source: as the user gave it.
        config: values of the stack file.

    Raises:
        Refusal: if it would not be served, or if something else would be lost.
    """
    image = config.get("modelImage") or {}
    for key in ("ref", "model"):
        if image.get(key):
            raise Refusal(
                f"the stack file says which model it is (modelImage.{key}); take that out, or type "
                "`make up` without MODEL"
            )
    folder = PROJECT / image.get("context", "model_image")
    target = folder / "model"
    if not source.exists():
        raise Refusal(f"MODEL is {source}, and nothing is there; give the path of a model")
    if source.resolve().is_relative_to(target.resolve()):
        return
    if (target.exists() or target.is_symlink()) and not (target / _ORIGIN).exists():
        raise Refusal(
            f"{target} holds a model already; put it elsewhere, or type `make up` without MODEL"
        )
    try:
        find(source, trusts_pickles=image.get("trustPickle") is True)
    except FormatError as error:
        raise Refusal(f"{error}. Type: {error.command}") from None
    except OSError as error:
        raise Refusal(f"{error.filename} cannot be read ({error.strerror})") from None
    unfinished = folder / ".model.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    print(f"copying {source} to {target.relative_to(PROJECT)} ...")
    try:
        _copy(source, unfinished)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise Refusal(f"{source} cannot be copied as it is: {error}") from None
    (unfinished / _ORIGIN).write_text(f"{source.resolve()}\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
        return
    target.mkdir()
    shutil.copy(source, target)
    if (source.parent / SAMPLES).exists():
        shutil.copy(source.parent / SAMPLES, target)
