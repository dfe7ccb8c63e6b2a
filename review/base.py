"""What a change is compared with where nobody may look at the real stack: another commit's stack.

Owns a worktree of that commit and a local cloud of its own in `.local/review/`, in which that
commit's program has deployed its stack file, in records only. One comparison at a time has the
folder, and nothing of it is left afterwards; what a killed one left goes at the next.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from common.names import PROJECT
from common.refusal import Refusal, shown
from localcloud.home import Home
from review.text import without_keys

_FOLDER = PROJECT / ".local" / "review"
_TREE = _FOLDER / "tree"

# Run with the base's modules, so it may use only what every commit since the local cloud has.
_PROGRAM = """
import sys
from pathlib import Path
from pulumi import automation
from localcloud.home import Home
from localcloud.stack import opened

errors = []

def note(event):
    said = event.diagnostic_event
    if said and said.severity == "error":
        errors.append(said.message)

try:
    with opened(sys.argv[1], home=Home(Path(sys.argv[2])), records_only=True) as local:
        local.up(on_event=note)
except automation.CommandError as error:
    sys.exit(errors[0] if errors else str(error))
except Exception as refused:  # its class has another name and place in other commits
    sys.exit(str(refused))
"""


@contextmanager
def deployed(base: str, stack: str) -> Iterator[Home]:
    """The local cloud in which the stack is as a commit of this repository deploys it.

    Args:
        base: the commit, as git knows it: `origin/main`, `HEAD~1`, a hash.
        stack: of a `Pulumi.<stack>.yaml` in that commit.

    Raises:
        Refusal: if there is no such commit, it has no such stack, or it cannot deploy it.
    """
    commit = _commit(base)
    _require_stack(base, commit, stack)
    with _owned() as lock:
        print(
            f"Deploying stack {stack} of {base} ({commit[:12]}) in a local cloud of its own ...",
            file=sys.stderr,
            flush=True,
        )
        # No hooks: they are for the user's own checkouts.
        add = ("-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach")
        added = _git(*add, str(_TREE), commit)
        if added.returncode:
            raise Refusal(f"BASE: {shown(base)} cannot be checked out: {_last(added.stderr)}")
        home = Home(_FOLDER / "home")
        _deploy(base, stack, home, lock)
        yield home


def _commit(base: str) -> str:
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if found.returncode == 0:
        return found.stdout.strip()
    if _git("rev-parse", "--git-dir").returncode:
        raise Refusal(f"BASE: {PROJECT} is no git repository, so it has no {shown(base)}")
    raise Refusal(
        f"BASE: there is no commit {shown(base)} in this clone; a branch of the server is "
        "origin/<branch>, and `git fetch origin` gets what is missing"
    )


def _require_stack(base: str, commit: str, stack: str) -> None:
    listed = _git("ls-tree", "--name-only", commit).stdout.splitlines()
    if f"Pulumi.{stack}.yaml" in listed:
        return
    stacks = [name.split(".")[1] for name in listed if re.fullmatch(r"Pulumi\.[^.]+\.yaml", name)]
    raise Refusal(
        f"BASE: {shown(base)} has no Pulumi.{stack}.yaml"
        + (f", only the stacks {', '.join(stacks)}" if stacks else "")
        + "; leave BASE out to review the stack as a new one"
    )


@contextmanager
def _owned() -> Iterator[int]:
    _FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(_FOLDER, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                "BASE: another review in this clone compares with a commit; wait for it to end"
            ) from None
        _clear()
        try:
            yield lock
        finally:
            _clear()
    finally:
        os.close(lock)


def _clear() -> None:
    # Twice: git locks a worktree while it makes it, and may have been killed then.
    _git("worktree", "remove", "--force", "--force", str(_TREE))
    for path in _FOLDER.iterdir():
        shutil.rmtree(path)


def _deploy(base: str, stack: str, home: Home, lock: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, stack, str(home.folder)],
        cwd=_TREE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(_TREE)},
        # Should this process be killed, the folder stays locked until that one has ended, too.
        pass_fds=[lock],
    )
    try:
        _, said = process.communicate()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode:
        reason = without_keys(" ".join(said.split()))
        raise Refusal(f"BASE: {shown(base)} cannot deploy its own stack {stack}: {reason}")


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Run from a hook, git's own variables would name another worktree than this one.
    environment = {name: v for name, v in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments],  # noqa: S607  the user's own git
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=environment,
    )


def _last(said: str) -> str:
    return next((line for line in reversed(said.splitlines()) if line.strip()), "no reason given")
