"""The folder a bundle is in: what may be replaced there, and how that is done as a whole.

A new folder is made beside the old one and takes its name when it is complete, so anyone who reads
the bundle finds the old key with the old certificate or the new key with the new one. No file of
the old folder is opened for writing: a link in it leads nowhere.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.refusal import Refusal, shown

_ELSEWHERE = "choose another folder with --out"


@dataclass(frozen=True)
class File:
    """What a file holds, and who may read it."""

    content: bytes
    mode: int = 0o644


def located(name: str | Path) -> Path:
    """The folder by its real place; its last part stays as it is, so that a link is seen as one.

    Raises:
        Refusal: if it can be no folder of a bundle, because it is empty or a link.
    """
    if not str(name).strip():
        raise Refusal("--out is empty; name the folder that the bundle is to be written to")
    path = Path(name)
    folder = path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name
    if folder.is_symlink():
        raise Refusal(
            f"{shown(str(name))} is a symbolic link; name the folder it leads to, or {_ELSEWHERE}"
        )
    return folder


def is_missing_or_empty(folder: Path) -> bool:
    """Raises Refusal if what is there is no folder."""
    if not os.path.lexists(folder):
        return True
    if not folder.is_dir():
        raise Refusal(f"{folder} is a file; {_ELSEWHERE}")
    return not any(folder.iterdir())


def require_same_bundle(folder: Path, description: Mapping[str, Any], known: Iterable[str]) -> None:
    """Make sure that replacing a folder loses nothing but an older bundle of the same client.

    Args:
        folder: where the bundle is to be.
        description: what its endpoint.json is to say.
        known: the files that a bundle may have, by their paths in it.

    Raises:
        Refusal: if something else is there.
    """
    if is_missing_or_empty(folder):
        return
    found = _description(folder / "endpoint.json")
    if found is None:
        raise Refusal(f"{folder} holds files that are not a bundle; {_ELSEWHERE}")
    if found["client"] != description["client"]:
        raise Refusal(f"{folder} holds the bundle of {found['client']}; {_ELSEWHERE}")
    if any(found.get(key) != description.get(key) for key in ("url", "fqdn")):
        raise Refusal(
            f"{folder} holds a bundle for {found['url']} ({found.get('fqdn')}), which is another "
            f"endpoint; {_ELSEWHERE}, or remove that one first"
        )
    if others := sorted(_files(folder) - set(known)):
        raise Refusal(
            f"{folder} also holds {others[0]}, which is not part of a bundle; move it away, or "
            f"{_ELSEWHERE}"
        )


def holds(folder: Path, files: Mapping[str, File]) -> bool:
    """Whether everything is there already, with the right modes."""
    for name, file in files.items():
        path = folder / name
        try:
            status = path.lstat()
            same = stat.S_ISREG(status.st_mode) and path.read_bytes() == file.content
        except OSError:
            return False
        if not same or stat.S_IMODE(status.st_mode) != file.mode:
            return False
    return stat.S_IMODE(folder.lstat().st_mode) == 0o700


def replace(folder: Path, files: Mapping[str, File], keep: Iterable[str] = ()) -> None:
    """Put a new folder where the old one was, if there was one.

    Args:
        folder: as `located` gave it.
        files: what the new one holds, by path.
        keep: files and folders of the old one that are taken over as they are.

    Raises:
        Refusal: if the operating system does not allow it.
    """
    try:
        _make_parents(folder)
        # Made with mode 0700, whatever the umask is.
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for name, file in files.items():
                _write(new / name, file)
            for name in keep:
                _copy(folder / name, new / name)
            _swap(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise Refusal(
            f"{folder} cannot be written: {error.strerror}; what was there is unchanged. Choose "
            "another folder with --out"
        ) from None


def _make_parents(folder: Path) -> None:
    missing = [parent for parent in folder.parents if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o700, exist_ok=True)


def _write(path: Path, file: File) -> None:
    """Made with its mode, not given it afterwards: between the two others could read it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, file.mode), "wb") as opened:
        # A umask may have taken away more than it should, never less.
        os.fchmod(opened.fileno(), file.mode)
        opened.write(file.content)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _swap(new: Path, folder: Path) -> None:
    old = new.with_name(f"{new.name}.old")
    try:
        folder.rename(old)
    except FileNotFoundError:
        new.rename(folder)
        return
    try:
        new.rename(folder)
    except BaseException:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _description(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    return found if all(isinstance(found.get(key), str) for key in ("client", "url")) else None


def _files(folder: Path) -> set[str]:
    """Everything below that is no folder, and folders that are empty, by path."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir() or not any(path.iterdir()):
            found.add(path.relative_to(folder).as_posix())
    return found
