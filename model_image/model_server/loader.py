"""The loader: holds the model, and forks a worker whenever it is told to.

A process without threads, so a fork of it is whole, and has the model at once and for no memory
of its own. It tells on its socket what it loaded, and how each worker ended. Start it with the
number of that socket, the other end of which the server has.
"""

import contextlib
import ctypes
import gc
import os
import pickle
import signal
import socket
import sys
from pathlib import Path

from .errors import StartError
from .models import find_versions, load
from .wire import piece
from .worker import work

_PR_SET_PDEATHSIG = 1


def main(control: socket.socket, root: Path) -> None:
    # The server decides when to stop: a terminal and supervisors tell the whole process group.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    _die_with_the_parent()

    def tell(*news: object) -> None:
        control.sendall(piece(pickle.dumps(news)))

    try:
        newest_first = load(find_versions(root))
    except StartError as error:
        tell("failed", str(error))
        return
    tell("loaded", [model.description for model in newest_first])
    versions = {str(model.version): model for model in newest_first}
    gc.collect()
    gc.freeze()  # or collections write to what the workers share

    def tell_ends(*_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                tell("ended", ended[0], os.waitstatus_to_exitcode(ended[1]))

    signal.signal(signal.SIGCHLD, tell_ends)
    while received := socket.recv_fds(control, 1, 1)[1]:
        with socket.socket(fileno=received[0]) as connection:
            loader = os.getpid()
            if os.fork() == 0:
                control.close()
                _be_a_worker(loader)
                with contextlib.suppress(EOFError, OSError):
                    work(connection, versions)
                os._exit(0)


def _be_a_worker(loader: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _die_with_the_parent()
    if os.getppid() != loader:
        os._exit(1)
    # Where memory ends after all, a worker is what can be spared.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
